import assert from "node:assert/strict";
import { join } from "node:path";
import { mock, test } from "node:test";
import { decodeEvent, fromHex, talosError, toHex } from "@talos/core";
import { AgentWorld, InterceptedDirectory, TEST_PASSWORD, until, type DirectoryHooks } from "@talos/testkit";
import { HttpDirectory } from "../../directory/http-directory.ts";
import type { Environment } from "../../environment.ts";
import type { TalosClient } from "../../talos-client.ts";
import { Vault } from "../../vault/index.ts";
import { recoveryOutlook } from "../recovery-outlook.ts";

const KIT_PASSWORD = "marble falcon ribbon dusk, for the kit";

/** Everything of one agent's that a process can do until it dies: nothing leaves it and nothing is written any more. */
class Mortal {
  #left = Infinity;
  #isDead = false;
  readonly points: string[] = [];
  /** Events as they left, in hexadecimal. */
  readonly sent: string[] = [];

  get isDead(): boolean {
    return this.#isDead;
  }

  /** From now on `count` points pass, and the next is the last. */
  dieAfter(count: number): void {
    this.#left = count;
    this.points.length = 0;
  }

  pass(point: string): void {
    if (this.#isDead) throw talosError("COMMIT_FAILED", "The process is dead.");
    this.points.push(point);
    if (this.#left-- > 0) return;
    this.#isDead = true;
    throw talosError("COMMIT_FAILED", `The process died: ${point}.`);
  }

  environment(environment: Environment): Environment {
    const hooks: DirectoryHooks = {
      publishEvents: (events) => {
        this.pass("before the event leaves");
        this.sent.push(...events.slice(-1).map(toHex));
      },
      eventsPublished: () => this.pass("the event is accepted"),
      registerCertificate: () => this.pass("before the certificate leaves"),
      batchReplaced: () => this.pass("the batch is there"),
    };
    return {
      ...environment,
      openDirectory: (options) => new InterceptedDirectory(new HttpDirectory(options), hooks),
    };
  }
}

type Method = "transaction" | "replaceVaultKey";

/** Each commit of that data directory is a point before and a point after. */
function watchCommits(dataDir: string, mortal: Mortal): Disposable {
  const watched = (["transaction", "replaceVaultKey"] as const).map((name: Method) => {
    const original = Object.getOwnPropertyDescriptor(Vault.prototype, name)?.value as (...args: unknown[]) => unknown;
    return mock.method(Vault.prototype, name, function watching(this: Vault, ...args: unknown[]): unknown {
      if (this.dataDir !== dataDir) return original.apply(this, args);
      mortal.pass(`before ${name}`);
      const result = original.apply(this, args);
      mortal.pass(`after ${name}`);
      return result;
    });
  });
  return { [Symbol.dispose]: () => watched.forEach(({ mock: method }) => method.restore()) };
}

interface Operation {
  readonly name: string;
  readonly password?: string;
  run(client: TalosClient, kit: { path: string; password: string }): Promise<unknown>;
}

const NEW_PASSWORD = "another lantern, another quarry";
const OPERATIONS: readonly Operation[] = [
  { name: "a planned rotation", run: async (client) => await client.rotateIdentity() },
  {
    name: "an emergency rotation with kit and new password",
    password: NEW_PASSWORD,
    run: async (client, recoveryKit) => await client.emergencyRotate({ recoveryKit, newPassword: NEW_PASSWORD }),
  },
];

/** Crashes at every point in turn, opens again, and looks. @returns number of points */
async function crashEverywhere(operation: Operation): Promise<void> {
  const { name, password } = operation;
  await using world = await AgentWorld.start();
  for (let point = 0; ; point++) {
    const agent = `agent-${point}`;
    const mortal = new Mortal();
    const recoveryKit = { path: join(world.folder, `${agent}.kit`), password: KIT_PASSWORD };
    const client = await world.create(agent, { recoveryKit }, mortal.environment(world.environment));
    await until(() => client.status().publication === "published", "published");
    const before = client.identityKey;
    const nextBefore = client.status().keys.find(({ role }) => role === "next")?.keyId;
    mortal.sent.length = 0;
    {
      using _ = watchCommits(client.dataDir, mortal);
      mortal.dieAfter(point);
      await operation.run(client, recoveryKit).catch(() => undefined);
      if (mortal.isDead) await client.close().catch(() => undefined);
    }
    const died = mortal.points.at(-1) ?? "";
    if (!mortal.isDead) {
      assert.ok(point > 6, `${name}: ${point} points`);
      return;
    }

    const options = { dataDir: world.dataDir(agent) };
    const again = await world
      .open(agent, options)
      .catch(async () => await world.open(agent, { ...options, password: password ?? TEST_PASSWORD }));
    const where = `${name}, point ${point} (${died})`;
    const status = again.status();
    assert.equal(status.findings.filter(({ code }) => code !== "METADATA_REWRITTEN").length, 0, where);
    const isDone = again.identityKey !== before;
    if (mortal.sent.length > 0) {
      await until(() => again.identityKey !== before, `${where}: what has left is completed`);
    }
    if (isDone || mortal.sent.length > 0) {
      await until(() => again.status().publication === "published" && again.status().plans.length === 0, `${where}: published`);
      const keys = again.status().keys.filter(({ kind }) => kind === "identity");
      assert.deepEqual(keys.map(({ role, state }) => `${role} ${state}`).sort(), ["current live", "next live"], where);
      if (password === undefined)
        assert.equal(keys.find(({ role }) => role === "current")?.keyId, nextBefore, `${where}: the committed key`);
    } else {
      assert.equal(again.identityKey, before, `${where}: as if it had never begun`);
    }
    assert.ok(new Set(mortal.sent).size <= 1, `${where}: always the same bytes`);
    const [sent] = mortal.sent;
    const { events } = await recoveryOutlook(world.environment, { did: again.did, directory: world.url });
    const hash = sent === undefined ? undefined : toHex(decodeEvent(fromHex(sent), world.environment.crypto).hash);
    if (hash !== undefined)
      assert.ok(
        events.some((event) => event.hash === hash),
        `${where}: what left is what stands`,
      );
    // Whatever became of it, the agent can go on from there.
    const { seq } = await again.rotateIdentity();
    assert.equal(seq, isDone || mortal.sent.length > 0 ? 2 : 1, where);
    await again.close();
  }
}

for (const operation of OPERATIONS) {
  test(`failure 24: ${operation.name} that dies at any commit or request is completed, or was never begun`, async () => {
    await crashEverywhere(operation);
  });
}
