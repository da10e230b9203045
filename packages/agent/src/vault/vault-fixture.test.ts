// What the tests of the vault share: a temporary folder, cheap parameters at the floor, a vault with keys in it. Holds no test.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AgentId, agentId, type Crypto, type KeyId, nodeCrypto, SecretBytes, toHex, utf8 } from "@talos/core";
import { SoftwareBackend } from "../backends/software/software-backend.ts";
import type { KdfParameters } from "./slots/kdf-bounds.ts";
import type { InventoryEntry } from "./store/inventory.ts";
import type { Transaction } from "./store/transaction.ts";
import type { KeyFileStore } from "./types.ts";
import type { UnlockWith } from "./slots/unlock-slots.ts";
import { Vault } from "./vault.ts";

export const FLOOR_KDF: KdfParameters = { memoryKiB: 7_168, passes: 5, lanes: 1 };
export const NOW = 1_800_000_000_000;
export const PREKEY_SECRET_BYTES = 96;

export function password(text: string = "correct horse battery staple"): UnlockWith {
  return { kind: "password", secret: SecretBytes.fromUtf8(text) };
}

/** Key material that is the same for the same seed. */
export function keyMaterial(kind: "key-file" | "credential" = "key-file", seed: number = 1): UnlockWith {
  return { kind, secret: SecretBytes.from(nodeCrypto.sha256(Uint8Array.of(seed))) };
}

export function agent(name: string = "alice"): AgentId {
  return agentId(nodeCrypto.sha256(utf8(name)));
}

/** A folder for one test; the data directory itself does not exist yet. */
export function temporaryFolder(): Disposable & { readonly parent: string; readonly dataDir: string } {
  const parent = mkdtempSync(join(tmpdir(), "talos-vault-"));
  return {
    parent,
    dataDir: join(parent, "data"),
    [Symbol.dispose]: () => {
      rmSync(parent, { recursive: true, force: true });
    },
  };
}

export interface MadeKeys {
  readonly identity: KeyId;
  readonly next: KeyId;
  readonly encryption: KeyId;
  readonly signedPrekey: KeyId;
  readonly oneTime: readonly KeyId[];
}

const LIVE = { state: "live", createdAt: NOW, backend: "software", protection: "software" } as const;

/** An inventory entry of a prekey whose private part has been staged. */
export function prekeyEntry(kind: "signed-prekey" | "one-time-prekey", keyId: KeyId): InventoryEntry {
  return { ...LIVE, keyId, kind, algorithm: 2, publicKey: nodeCrypto.generateAgreementKey().publicKey, statement: utf8("statement") };
}

export function stagePrekey(files: KeyFileStore, kind: "signed-prekey" | "one-time-prekey"): KeyId {
  const keyId = toHex(nodeCrypto.randomBytes(8)) as KeyId;
  using secret = nodeCrypto.randomSecret(PREKEY_SECRET_BYTES);
  files.stage(kind, keyId, secret);
  return keyId;
}

/** Makes the keys of an agent: identity, next, encryption, one signed and some one-time prekeys. */
export async function stageKeys(
  files: KeyFileStore,
  oneTimePrekeys: number,
  crypto: Crypto = nodeCrypto,
): Promise<{ keys: MadeKeys; write: (tx: Transaction) => void }> {
  const backend = new SoftwareBackend(files, crypto);
  using identity = await backend.create("identity");
  using next = await backend.create("next-identity");
  using encryption = await backend.create("encryption");
  const signedPrekey = stagePrekey(files, "signed-prekey");
  const oneTime = Array.from({ length: oneTimePrekeys }, () => stagePrekey(files, "one-time-prekey"));
  const keys: MadeKeys = {
    identity: identity.reference.keyId,
    next: next.reference.keyId,
    encryption: encryption.reference.keyId,
    signedPrekey,
    oneTime,
  };
  const write = (tx: Transaction): void => {
    tx.inventory.put({
      ...LIVE,
      keyId: keys.identity,
      kind: "identity",
      role: "current",
      algorithm: 1,
      publicKey: identity.publicKey.bytes,
    });
    tx.inventory.put({ ...LIVE, keyId: keys.next, kind: "identity", role: "next", algorithm: 1, publicKey: next.publicKey.bytes });
    tx.inventory.put({ ...LIVE, keyId: keys.encryption, kind: "encryption", algorithm: 2, publicKey: encryption.publicKey.bytes });
    tx.inventory.put(prekeyEntry("signed-prekey", signedPrekey));
    for (const keyId of oneTime) tx.inventory.put(prekeyEntry("one-time-prekey", keyId));
  };
  return { keys, write };
}

export interface MakeVaultOptions {
  readonly oneTimePrekeys?: number;
  readonly agentName?: string;
  readonly crypto?: Crypto;
  readonly unlock?: UnlockWith;
}

export async function makeVault(dataDir: string, options: MakeVaultOptions = {}): Promise<{ vault: Vault; keys: MadeKeys }> {
  const { oneTimePrekeys = 3, agentName = "alice", crypto = nodeCrypto } = options;
  let keys: MadeKeys | undefined;
  const vault = await Vault.create({
    dataDir,
    name: agentName,
    unlock: options.unlock ?? password(),
    crypto,
    now: NOW,
    kdf: FLOOR_KDF,
    build: async (files) => {
      const made = await stageKeys(files, oneTimePrekeys, crypto);
      ({ keys } = made);
      return { agentId: agent(agentName), write: made.write };
    },
  });
  if (keys === undefined) throw new Error("no keys were made");
  return { vault, keys };
}

/** Makes a vault and closes it. */
export async function makeClosedVault(dataDir: string, options: MakeVaultOptions = {}): Promise<MadeKeys> {
  const { vault, keys } = await makeVault(dataDir, options);
  vault.close();
  return keys;
}

export async function reopen(dataDir: string, text?: string): Promise<Vault> {
  return await Vault.open({ dataDir, unlock: password(text), crypto: nodeCrypto, now: NOW + 1000, kdf: FLOOR_KDF });
}

/** Damages a file on purpose; of a closed vault also its databases. */
export function changeFile(path: string, change: (content: Buffer) => Uint8Array): void {
  writeFileSync(path, change(readFileSync(path)));
}

export function makeFile(path: string, content: string = ""): void {
  writeFileSync(path, content, { mode: 0o600 });
}
