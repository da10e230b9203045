/**
 * One folder with everything that an operation on an agent concerns: the agent, a peer that has a session with it and mail on the way, the
 * data of the directory at which both are at home, a recovery kit, places for backups and for what is temporary, and the facts of how it was
 * before. Knows no fault and no operation.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createIn, HttpDirectory, systemEnvironment, Vault, type Directory, type Environment, type TalosClient } from "@talos/agent";
import { nodeCrypto, revealSecret, SecretBytes, toHex, type Crypto } from "@talos/core";
import { markOutside, outsideCopy } from "@talos/testkit/disk-faults";
import type { DirectoryPlace } from "./directory-holder.ts";
import { tell } from "./directory-orders.ts";

export const DIRECTORY_FOLDER = "directory";
export const PASSWORD = "river otter lamp quartz";
export const NEW_PASSWORD = "another lantern, another quarry";
export const KIT_PASSWORD = "marble falcon ribbon dusk, for the kit";
export const BACKUP_PASSWORD = "granite heron lattice, for the backup";
export const BOBS_PASSWORD = "copper thistle window";
/** Few prekeys: each is several calls, all alike. */
export const ROTATION = { oneTimePrekeyTarget: 3, refillBelow: 1 } as const;
export const ANSWER = "answer";
export const MAIL = "on its way since before";
const SECONDS = 10;

/** Of the agent before the operation. */
export interface Facts extends DirectoryPlace {
  readonly did: string;
  readonly bob: string;
  /** Key ids by what they are of. */
  readonly keys: Readonly<Record<"identity" | "next" | "encryption" | "prekeys", readonly string[]>>;
  readonly events: number;
  /** That were brought to the directory. */
  readonly certificates: number;
  /** In hexadecimal: what no file may hold. Of operations on backups. */
  readonly privateKeys?: readonly string[];
  /** Of the backup that there was. */
  readonly backupId?: string;
}

const BACKUP_NAME = "agent.backup";
let lastWithTemporary: Promise<unknown> = Promise.resolve();

export class World {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  get agent(): string {
    return join(this.folder, "agent");
  }

  get bob(): string {
    return join(this.folder, "bob");
  }

  get directory(): string {
    return join(this.folder, DIRECTORY_FOLDER);
  }

  get kit(): string {
    return join(this.folder, "kit");
  }

  /** Two places, each in a folder of its own, as on two media. */
  get backups(): readonly [string, string] {
    return [join(this.folder, "medium-1", BACKUP_NAME), join(this.folder, "medium-2", BACKUP_NAME)];
  }

  /** A backup from before the operation, as it was made. */
  get oldBackup(): string {
    return join(this.folder, "old.backup");
  }

  get temporary(): string {
    return join(this.folder, "temporary");
  }

  get facts(): Facts {
    return JSON.parse(readFileSync(join(this.folder, "facts.json"), "utf8")) as Facts;
  }

  /** Of what was done before the operation. */
  amendFacts(facts: Partial<Facts>): void {
    writeFileSync(join(this.folder, "facts.json"), JSON.stringify({ ...this.facts, ...facts }));
  }

  /** The directory serves this world's data from now on. */
  async begin({ controlPort }: DirectoryPlace = this.facts): Promise<void> {
    await tell(controlPort, { order: "begin", folder: this.directory });
  }

  /** The directory cannot be reached until the next `begin`. */
  async end(): Promise<void> {
    await tell(this.facts.controlPort, { order: "end" });
  }

  /**
   * Whatever is made in the system's folder for what is temporary is made in this world meanwhile. One after the other: that folder is the
   * process's.
   */
  async withTemporary<T>(work: () => Promise<T>): Promise<T> {
    const run = async (): Promise<T> => {
      const before = process.env["TMPDIR"];
      process.env["TMPDIR"] = this.temporary;
      try {
        return await work();
      } finally {
        if (before === undefined) delete process.env["TMPDIR"];
        else process.env["TMPDIR"] = before;
      }
    };
    const result = lastWithTemporary.then(run);
    lastWithTemporary = result.catch(() => undefined);
    return await result;
  }

  /** With a real way to the directory; under a trace each answer is marked in it. */
  environment(): Environment {
    const traced = process.env["TALOS_FAULT_TRACE"] !== undefined;
    return {
      ...systemEnvironment,
      crypto: patientCrypto,
      kdf: KDF,
      backupKdf: KDF,
      allowWeakPasswords: true,
      openDirectory: (options) => (traced ? marking(new HttpDirectory(options), this) : new HttpDirectory(options)),
    };
  }
}

/** Two agents that know each other, and mail of the first that the second has not seen. All are closed then. */
export async function makeWorld(folder: string, place: DirectoryPlace, withKit: boolean): Promise<World> {
  const world = new World(folder);
  for (const part of [world.directory, world.temporary, ...world.backups.map(dirname)]) mkdirSync(part, { mode: 0o700 });
  await world.begin(place);
  const environment = world.environment();
  const kit = withKit ? { recoveryKit: { path: world.kit, password: KIT_PASSWORD } } : {};
  const common = { directory: place.url, rotation: ROTATION };
  const alice = await createIn(environment, "alice", { ...common, ...kit, dataDir: world.agent, password: PASSWORD });
  const bob = await createIn(environment, "bob", { ...common, dataDir: world.bob, password: BOBS_PASSWORD });
  await alice.send(bob.did, "first");
  await takeOne(bob);
  await bob.send(alice.did, ANSWER);
  await takeOne(alice);
  await Promise.all([alice.flush(), bob.flush()]);
  await bob.close();
  await alice.send(bob.did, MAIL, { waitFor: "deposited" });
  const keys = alice.status().keys;
  const idsOf = (holds: (key: (typeof keys)[number]) => boolean): string[] => keys.filter(holds).map(({ keyId }) => keyId);
  const facts: Facts = {
    ...place,
    did: alice.did,
    bob: bob.did,
    keys: {
      identity: idsOf(({ role }) => role === "current"),
      next: idsOf(({ role }) => role === "next"),
      encryption: idsOf(({ kind }) => kind === "encryption"),
      prekeys: idsOf(({ kind }) => kind.endsWith("prekey")),
    },
    events: 1,
    certificates: 0,
  };
  await alice.close();
  writeFileSync(join(folder, "facts.json"), JSON.stringify(facts));
  return world;
}

export async function takeOne(client: TalosClient): Promise<string> {
  for await (const message of client.receive({ signal: AbortSignal.timeout(SECONDS * 1000) })) {
    await message.ack();
    return message.text();
  }
  throw new Error("no message came");
}

/** @throws Error after ten seconds */
export async function until(holds: () => boolean, what: () => string): Promise<void> {
  for (const end = Date.now() + SECONDS * 1000; !holds();) {
    if (Date.now() > end) throw new Error(what());
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export function opensWith(dataDir: string, password: string): Promise<boolean> {
  return Vault.inspect({ dataDir, unlock: { kind: "password", secret: SecretBytes.fromUtf8(password) }, crypto: patientCrypto }).then(
    (inspection) => {
      inspection.close();
      return true;
    },
    (error: unknown) => {
      if (error instanceof Error && "code" in error && error.code === "WRONG_PASSWORD") return false;
      throw error;
    },
  );
}

/** The floor: the cheapest that a vault accepts. */
const KDF = { memoryKiB: 7_168, passes: 5, lanes: 1 } as const;
const stretched: Map<string, Uint8Array> = new Map();

/** Each password is stretched once: nothing here is about how long that takes. */
export const patientCrypto: Crypto = {
  ...nodeCrypto,
  argon2id: (password, salt, parameters) => {
    const key = JSON.stringify([toHex(nodeCrypto.sha256(revealSecret(password))), toHex(salt), parameters]);
    let output = stretched.get(key);
    if (output === undefined) {
      using derived = nodeCrypto.argon2id(password, salt, parameters);
      output = new Uint8Array(revealSecret(derived));
      stretched.set(key, output);
    }
    return SecretBytes.take(output.slice());
  },
};

let copies = 0;

/** A loss of power finds the directory as it was when it last answered. */
function marking(real: Directory, world: World): Directory {
  const marked = async <T>(call: () => Promise<T>): Promise<T> => {
    try {
      return await call();
    } finally {
      const number = ++copies;
      await tell(world.facts.controlPort, { order: "copy", to: outsideCopy(join(world.folder, ".."), number) });
      markOutside(number);
    }
  };
  return new Proxy(real, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      const method = value.bind(target) as (...args: unknown[]) => Promise<unknown>;
      return name === "close" || name === "fetch" ? method : (...args: unknown[]) => marked(() => method(...args));
    },
  });
}
