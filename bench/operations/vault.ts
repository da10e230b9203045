// The vault: opening an agent, keys that are made and kept, a session's state, another password. Against the Argon2id runs, key
// generation, files and commits that each cannot do without.
import { closeSync, fsyncSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { generateKeyPairSync, randomFillSync } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { createIn, openIn, systemEnvironment, type Environment, type TalosClient } from "@talos/agent";
import { agentId, encodeSession, nodeCrypto, SecretBytes } from "@talos/core";
import { Party, ProtocolAgent, TEST_KDF } from "@talos/testkit";
import { createOneTimePrekeys } from "../../packages/agent/src/lifecycle/prekey-secrets.ts";
import { DEFAULT_KDF } from "../../packages/agent/src/vault/slots/kdf-bounds.ts";
import { KEY_FILE_HEADER_BYTES } from "../../packages/agent/src/vault/keys/key-file.ts";
import { Vault, type SessionRow } from "../../packages/agent/src/vault/index.ts";
import type { Operation } from "../harness.ts";

const PASSWORD = "lantern gravel obtuse twelve meadow";
const NOW = 1_800_000_000_000;
const PREKEYS = 100;
const LOADED_SESSIONS = 10_000;
const LOADED_PREKEYS = 1_000;
/** Header, salt, nonce, X25519 private key, ML-KEM-768 seed, tag. */
const KEY_FILE_BYTES: number = KEY_FILE_HEADER_BYTES + 16 + 12 + 32 + 64 + 16;
const SALT = randomFillSync(new Uint8Array(16));

/** A data directory of an agent without a home; nobody has it open. */
class Folder {
  readonly path: string = mkdtempSync(join(tmpdir(), "talos-bench-"));
  readonly environment: Environment;

  private constructor(environment: Environment) {
    this.environment = environment;
  }

  static async create(environment: Environment): Promise<Folder> {
    const folder = new Folder(environment);
    await (await createIn(environment, "bench", { dataDir: folder.dataDir, password: PASSWORD })).close();
    return folder;
  }

  get dataDir(): string {
    return join(this.path, "agent");
  }

  async open(): Promise<TalosClient> {
    return await openIn(this.environment, { dataDir: this.dataDir, password: PASSWORD });
  }

  /** The vault alone. */
  async openVault(): Promise<Vault> {
    using secret = SecretBytes.fromUtf8(PASSWORD);
    const { crypto, kdf = DEFAULT_KDF } = this.environment;
    return await Vault.open({ dataDir: this.dataDir, unlock: { kind: "password", secret }, crypto, now: NOW, kdf });
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

const QUICK: Environment = { ...systemEnvironment, kdf: TEST_KDF };

function argon2id(): void {
  using secret = SecretBytes.fromUtf8(PASSWORD);
  nodeCrypto.argon2id(secret, SALT, { ...DEFAULT_KDF, length: 32 }).dispose();
}

/** A session as it is stored, of two agents that have heard each other. */
class StoredSession {
  readonly #party: Party;

  constructor() {
    const [a, b] = [0, 1].map(() => new ProtocolAgent({ crypto: nodeCrypto, now: NOW })) as [ProtocolAgent, ProtocolAgent];
    const [alice, bob] = [new Party(a, b), new Party(b, a)];
    alice.begin();
    bob.open(alice.seal("hello").envelope);
    alice.open(bob.seal("hello").envelope);
    this.#party = alice;
  }

  /** The caller disposes its state. */
  row(): SessionRow {
    const session = this.#party.live;
    const { id: sessionId, handshakeId, transcriptHash, peerAgentId: peer } = session;
    const times = { createdAt: NOW, lastUsedAt: NOW };
    return { sessionId, handshakeId, transcriptHash, peer, sending: true, answered: true, ...times, state: encodeSession(session) };
  }
}

/** Sessions with as many peers, and one-time prekeys. */
function load(vault: Vault): void {
  const { state, ...row } = new StoredSession().row();
  vault.transaction((tx) => {
    for (let session = 0; session < LOADED_SESSIONS; session += 1) {
      const own = {
        sessionId: nodeCrypto.randomBytes(16),
        handshakeId: nodeCrypto.randomBytes(32),
        peer: agentId(nodeCrypto.randomBytes(32)),
      };
      tx.sessions.put({ ...row, ...own, state });
    }
  });
  state.dispose();
  const have = vault.read((tx) => tx.inventory.countOneTime());
  const entries = createOneTimePrekeys(vault.files, LOADED_PREKEYS - have, NOW, nodeCrypto);
  vault.transaction((tx) => {
    for (const entry of entries) tx.inventory.put(entry);
  });
}

async function opening(operation: string, prepare: (vault: Vault) => void): Promise<Operation> {
  const folder = await Folder.create({ ...systemEnvironment, kdf: DEFAULT_KDF });
  const vault = await folder.openVault();
  prepare(vault);
  vault.close();
  let client: TalosClient | undefined;
  return {
    operation,
    ours: async () => {
      client = await folder.open();
    },
    afterEach: async () => {
      await client?.close();
    },
    baselines: { "one Argon2id run": argon2id },
    judgedBy: "difference",
    close: () => folder.remove(),
  };
}

async function prekeys(): Promise<Operation> {
  const folder = await Folder.create(QUICK);
  const vault = await folder.openVault();
  const bareFolder = join(folder.path, "bare");
  let made: readonly { readonly keyId: Parameters<Vault["files"]["load"]>[1] }[] = [];
  return {
    operation: `${PREKEYS} one-time prekeys`,
    ours: () => {
      const entries = createOneTimePrekeys(vault.files, PREKEYS, NOW, nodeCrypto);
      vault.transaction((tx) => {
        for (const entry of entries) tx.inventory.put(entry);
      });
      made = entries;
    },
    afterEach: () => {
      vault.transaction((tx) => {
        for (const { keyId } of made) tx.inventory.setState(keyId, "ended", NOW);
      });
      vault.transaction((tx) => tx.inventory.forgetEnded(NOW + 1));
      rmSync(bareFolder, { recursive: true, force: true });
    },
    baselines: { "generation and files": () => bareFiles(bareFolder) },
    close: () => {
      vault.close();
      folder.remove();
    },
  };
}

/** As many keys, and as many files of the same length, each fsynced, and their folder once. */
function bareFiles(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  for (let file = 0; file < PREKEYS; file += 1) {
    const x25519 = generateKeyPairSync("x25519");
    x25519.privateKey.export({ format: "raw-private" });
    x25519.publicKey.export({ format: "raw-public" });
    const kem = generateKeyPairSync("ml-kem-768");
    kem.privateKey.export({ format: "raw-seed" });
    kem.publicKey.export({ format: "raw-public" });
    const descriptor = openSync(join(folder, `${file}`), "wx", 0o600);
    writeSync(descriptor, randomFillSync(new Uint8Array(KEY_FILE_BYTES)));
    fsyncSync(descriptor);
    closeSync(descriptor);
  }
  const descriptor = openSync(folder, "r");
  fsyncSync(descriptor);
  closeSync(descriptor);
}

async function sessionCommit(): Promise<Operation> {
  const folder = await Folder.create(QUICK);
  const vault = await folder.openVault();
  const session = new StoredSession();
  const commit = (): void => {
    const row = session.row();
    vault.transaction((tx) => tx.sessions.put(row));
    row.state.dispose();
  };
  commit();
  const { length } = session.row().state;
  const bare = new DatabaseSync(join(folder.path, "bare.db"));
  bare.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE sessions (id BLOB PRIMARY KEY, state BLOB)");
  const begin = bare.prepare("BEGIN IMMEDIATE");
  const upsert = bare.prepare("INSERT INTO sessions (id, state) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET state = excluded.state");
  const end = bare.prepare("COMMIT");
  const id = nodeCrypto.randomBytes(16);
  // Beside the state: ids, hashes, times, and what sealing adds.
  const bytes = length + 16 + 32 + 32 + 32 + 16 + 45;
  return {
    operation: "commit of a session",
    ours: commit,
    baselines: {
      upsert: () => {
        begin.run();
        upsert.run(id, randomFillSync(new Uint8Array(bytes)));
        end.run();
      },
    },
    close: () => {
      bare.close();
      vault.close();
      folder.remove();
    },
  };
}

/** `client.changePassword`, with or without the thread that measures how strong the new one is. */
async function passwordChange(operation: string, allowWeakPassword: boolean): Promise<Operation> {
  const folder = await Folder.create({ ...systemEnvironment, kdf: DEFAULT_KDF });
  const client = await folder.open();
  let currentPassword = PASSWORD;
  let changes = 0;
  return {
    operation,
    ours: async () => {
      changes += 1;
      const newPassword = `${PASSWORD} ${changes}`;
      await client.changePassword({ currentPassword, newPassword, allowWeakPassword });
      currentPassword = newPassword;
    },
    baselines: {
      "two Argon2id runs": () => {
        argon2id();
        argon2id();
      },
    },
    close: async () => {
      await client.close();
      folder.remove();
    },
  };
}

export async function operations(): Promise<Operation[]> {
  return [
    await opening("open, empty", () => undefined),
    await opening("open, 10,000 sessions and 1,000 prekeys", load),
    await prekeys(),
    await sessionCommit(),
    await passwordChange("change of password", true),
    await passwordChange("change of password, its strength measured", false),
  ];
}
