// What the tests of recovery share: an agent with a backup, and what is left when its machine is gone. Holds no test.
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Environment } from "@talos/agent";
import { nodeCrypto, verifyAuditExport } from "@talos/core";
import { AgentWorld, TEST_KDF, TEST_PASSWORD, type AgentWorldOptions } from "@talos/testkit";
import type { CreateOptions } from "../../options.ts";
import { recoverIn, type TalosClient } from "../../talos-client.ts";
import type { RecoverOptions } from "../recover-options.ts";

export const BACKUP_PASSWORD = "granite heron violet anvil, in the safe";
export const KIT_PASSWORD = "marble falcon ribbon dusk, for the kit";

export interface LostMachine extends AsyncDisposable {
  readonly world: AgentWorld;
  readonly did: string;
  readonly backupPath: string;
  readonly kit: { readonly path: string; readonly password: string };
  /** Where nothing is yet. */
  readonly dataDir: string;
  readonly recover: (options?: Partial<RecoverOptions>, environment?: Environment) => Promise<TalosClient>;
}

export interface Story {
  readonly create?: CreateOptions;
  readonly world?: AgentWorldOptions;
  /** Before the backup. Another client is Alice from then on. */
  readonly before?: (alice: TalosClient, world: AgentWorld) => Promise<TalosClient | void>;
  /** After it. */
  readonly after?: (alice: TalosClient, world: AgentWorld) => Promise<unknown>;
}

/** Alice has a kit, a backup is made, and her machine is lost. */
export async function lostMachine({ create, world: options, before, after }: Story = {}): Promise<LostMachine> {
  await using cleanup = new AsyncDisposableStack();
  const world = cleanup.use(await AgentWorld.start({ ...options, environment: { backupKdf: TEST_KDF, ...options?.environment } }));
  const kit = { path: join(world.folder, "alice.kit"), password: KIT_PASSWORD };
  const created = await world.create("alice", { recoveryKit: kit, ...create });
  await created.flush();
  const alice = (await before?.(created, world)) ?? created;
  const backupPath = join(world.folder, "alice.backup");
  await alice.exportKeys({ path: backupPath, password: BACKUP_PASSWORD });
  await after?.(alice, world);
  const { did } = alice;
  await alice.close();
  rmSync(alice.dataDir, { recursive: true });
  const dataDir = world.dataDir("found");
  const common = { backupPath, password: BACKUP_PASSWORD, dataDir, newPassword: TEST_PASSWORD };
  const all = cleanup.move();
  return {
    world,
    did,
    backupPath,
    kit,
    dataDir,
    recover: async (changes = {}, environment = world.environment) => {
      return all.use(await recoverIn(environment, { ...common, ...changes }));
    },
    [Symbol.asyncDispose]: async () => await all.disposeAsync(),
  };
}

/** The owner's event before the backup never reached the directory; after it a thief's does. @param heard of the thief's log */
export function unheardOwner(heard?: (events: readonly Uint8Array[]) => void): Pick<Story, "before" | "after"> {
  return {
    before: async (alice, world) => {
      await alice.close();
      world.copyDataDir("alice", "thief");
      await world.stopDirectory();
      const owner = await world.open("alice");
      await owner.rotateIdentity({ offline: true });
      return owner;
    },
    after: async (alice, world) => {
      await alice.close();
      await world.startDirectory();
      const thief = await world.open("thief");
      await thief.rotateIdentity();
      heard?.(await eventsOf(thief));
      await thief.close();
    },
  };
}

/** Alice is closed; what a thief with a copy of her has made of her log, of which nobody has heard. */
export async function thiefsBranch(alice: TalosClient, world: AgentWorld): Promise<readonly Uint8Array[]> {
  await alice.close();
  world.copyDataDir("alice", "thief");
  await world.stopDirectory();
  const thief = await world.open("thief");
  await thief.rotateIdentity({ offline: true });
  const events = await eventsOf(thief);
  await thief.close();
  await world.startDirectory();
  return events;
}

/**
 * A thief took a copy of her data directory when there was no recovery kit, and made a kit of his own, and an event by that. One directory has
 * heard of it, and not of her: that of an agent to which she writes later. She made hers after the theft.
 */
export function thiefWithKit(elsewhere: AgentWorld, bob: string, ending: "revoked" | "rotated"): Story {
  return {
    create: { recoveryKit: undefined } as object,
    before: async (alice, world) => {
      await alice.close();
      world.copyDataDir("alice", "thief");
      await world.stopDirectory();
      const thief = await world.open("thief", { directory: elsewhere.url });
      const kit = { path: world.dataDir("thief.kit"), password: KIT_PASSWORD };
      await thief.recoveryKit.create(kit);
      await (ending === "revoked" ? thief.revokeIdentity({ recoveryKit: kit }) : thief.emergencyRotate({ recoveryKit: kit }));
      await thief.close();
      await world.startDirectory();
      const owner = await world.open("alice");
      await owner.recoveryKit.create({ path: join(world.folder, "alice.kit"), password: KIT_PASSWORD });
      await owner.flush();
      await owner.peers.add(`${bob}@${new URL(elsewhere.url).host}`);
      return owner;
    },
  };
}

async function eventsOf(agent: TalosClient): Promise<readonly Uint8Array[]> {
  return verifyAuditExport((await agent.audit.export()).text, nodeCrypto).log.events;
}
