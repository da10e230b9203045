/**
 * A small vault for the fault matrix: an identity with its log, a signed prekey, four one-time prekeys, a session and mail.
 * Everything comes from a seed, so two runs of an operation lead to the same state. Knows no fault.
 */
import {
  agentId,
  assembleEvent,
  keyCommitment,
  nodeCrypto,
  prepareInception,
  prepareRotation,
  revealSecret,
  ROLE,
  SecretBytes,
  toHex,
  utf8,
  verifyLog,
  type AgentId,
  type Crypto,
  type KeyId,
} from "@talos/core";
import { SoftwareBackend, Vault, type KeyFileStore } from "@talos/agent";
import { rescueVault } from "../../packages/agent/src/vault/index.ts";
import { scriptedCrypto } from "@talos/testkit/disk-faults";

export type ReadTransaction = Parameters<Parameters<Vault["read"]>[0]>[0];
export type Transaction = Parameters<Parameters<Vault["transaction"]>[0]>[0];
type InventoryEntry = ReturnType<ReadTransaction["inventory"]["list"]>[number];

export const NOW = 1_800_000_000_000;
const ONE_TIME_PREKEYS = 4;
/** The floor: the cheapest that the vault accepts. */
const KDF = { memoryKiB: 7_168, passes: 5, lanes: 1 } as const;
export const RAISED_KDF = { memoryKiB: 8_192, passes: 6, lanes: 1 } as const;
export const PASSWORD = "correct horse battery staple";
export const NEXT_PASSWORD = "battery staple correct horse";
const PREKEY_SECRET_BYTES = 96;

const LIVE = { state: "live", createdAt: NOW, backend: "software", protection: "software" } as const;

const stretched: Map<string, Uint8Array> = new Map();

/** Randomness from that word, and each password stretched once: nothing here is about how long that takes. */
export function fixtureCrypto(seed: string): Crypto {
  return {
    ...scriptedCrypto({ seed: utf8(seed) }),
    argon2id: (password, salt, parameters) => {
      const key = JSON.stringify([toHex(hash(revealSecret(password))), toHex(salt), parameters]);
      let output = stretched.get(key);
      if (output === undefined) {
        using derived = nodeCrypto.argon2id(password, salt, parameters);
        output = new Uint8Array(revealSecret(derived));
        stretched.set(key, output);
      }
      return SecretBytes.take(output.slice());
    },
  };
}

export function passwordSecret(text: string = PASSWORD): { readonly kind: "password"; readonly secret: SecretBytes } {
  return { kind: "password", secret: SecretBytes.fromUtf8(text) };
}

export async function createVault(dataDir: string, crypto: Crypto): Promise<Vault> {
  return await Vault.create({
    dataDir,
    name: "alice",
    unlock: passwordSecret(),
    crypto,
    now: NOW,
    kdf: KDF,
    build: async (files) => await firstContent(files, crypto),
  });
}

export async function openVault(
  dataDir: string,
  crypto: Crypto,
  text: string = PASSWORD,
  kdf: typeof KDF | typeof RAISED_KDF = KDF,
): Promise<Vault> {
  return await Vault.open({ dataDir, unlock: passwordSecret(text), crypto, now: NOW + 1000, kdf });
}

/** From key files and metadata.json, with one new prekey. */
export async function rescue(dataDir: string, crypto: Crypto, text: string = PASSWORD): Promise<Vault> {
  const { vault } = await rescueVault({
    dataDir,
    unlock: passwordSecret(text),
    crypto,
    now: NOW + 2000,
    build: async (files, { identity, next, encryption, retired, log }) => {
      const prekey = stagePrekey(files, "signed-prekey", crypto);
      return {
        write: (tx) => {
          for (const [seq, { head }] of log.states.entries())
            tx.log.append({ seq, hash: head.hash, wire: log.events[seq] ?? new Uint8Array() });
          tx.inventory.put(keyEntry(identity.keyId, identity.publicKey, "identity", "current"));
          if (next !== undefined) tx.inventory.put(keyEntry(next.keyId, next.publicKey, "identity", "next"));
          tx.inventory.put(keyEntry(encryption.keyId, encryption.publicKey, "encryption"));
          for (const key of retired)
            tx.inventory.put({ ...keyEntry(key.keyId, key.publicKey, "encryption"), state: "retired", retiredAt: NOW });
          tx.inventory.put(prekey);
        },
      };
    },
  });
  return vault;
}

async function firstContent(files: KeyFileStore, crypto: Crypto): Promise<{ agentId: AgentId; write(tx: Transaction): void }> {
  const backend = new SoftwareBackend(files, crypto);
  using identity = await backend.create("identity");
  using next = await backend.create("next-identity");
  using encryption = await backend.create("encryption");
  const { body, toSign } = prepareInception({
    time: NOW,
    identityKey: identity.publicKey,
    identityProtection: identity.protection,
    encryptionKey: encryption.publicKey,
    encryptionProtection: encryption.protection,
    next: { online: keyCommitment(next.publicKey, crypto) },
  });
  const signature = await identity.sign(toSign[0]?.bytes ?? body);
  const wire = assembleEvent(body, [{ role: ROLE.holder, algorithm: identity.publicKey.algorithm, signature }], crypto);
  const { log } = verifyLog(undefined, [wire], NOW, crypto);
  const prekeys = [stagePrekey(files, "signed-prekey", crypto), ...stagePrekeys(files, ONE_TIME_PREKEYS, crypto)];
  return {
    agentId: log.agentId,
    write: (tx) => {
      tx.log.append({ seq: 0, hash: log.head.hash, wire });
      tx.inventory.put(keyEntry(identity.reference.keyId, identity.publicKey.bytes, "identity", "current"));
      tx.inventory.put(keyEntry(next.reference.keyId, next.publicKey.bytes, "identity", "next"));
      tx.inventory.put(keyEntry(encryption.reference.keyId, encryption.publicKey.bytes, "encryption"));
      for (const prekey of prekeys) tx.inventory.put(prekey);
    },
  };
}

/**
 * What a rotation does to keys, with its event in the log: the next one comes into force and the one before it ends, a new next key and
 * encryption key are made, the encryption key before is retired.
 */
export async function replaceIdentity(vault: Vault, crypto: Crypto): Promise<void> {
  const backend = new SoftwareBackend(vault.files, crypto);
  const { log, currentId, nextId } = vault.read((tx) => ({
    log: verifyLog(
      undefined,
      tx.log.events().map(({ wire }) => wire),
      NOW,
      crypto,
    ).log,
    currentId: liveKey(tx.inventory.live("identity", "current")),
    nextId: liveKey(tx.inventory.live("identity", "next")),
  }));
  using outgoing = await backend.open({ backend: "software", kind: "identity", keyId: currentId });
  using revealed = await backend.open({ backend: "software", kind: "next-identity", keyId: nextId });
  using next = await backend.create("next-identity");
  using encryption = await backend.create("encryption");
  const { body, toSign } = prepareRotation({
    time: NOW,
    seq: log.head.seq + 1,
    previous: log.head.hash,
    authority: "online",
    revealedKey: revealed.publicKey,
    identityKey: revealed.publicKey,
    identityProtection: revealed.protection,
    encryptionKey: encryption.publicKey,
    encryptionProtection: encryption.protection,
    next: { online: keyCommitment(next.publicKey, crypto) },
    reason: "planned",
    migrationSeconds: 0,
  });
  const signatures = await Promise.all(
    toSign.map(async ({ role, bytes }) => ({
      role,
      algorithm: 1 as const,
      signature: await (role === ROLE.outgoing ? outgoing : revealed).sign(bytes),
    })),
  );
  const wire = assembleEvent(body, signatures, crypto, log.identityKey);
  const { head } = verifyLog(log, [...log.events, wire], NOW, crypto).log;
  vault.transaction((tx) => {
    tx.log.append({ ...head, wire });
    tx.inventory.setState(currentId, "ended", NOW);
    tx.inventory.promote(nextId, undefined);
    tx.inventory.put(keyEntry(next.reference.keyId, next.publicKey.bytes, "identity", "next"));
    tx.inventory.retire(liveKey(tx.inventory.live("encryption")), NOW, NOW);
    tx.inventory.put(keyEntry(encryption.reference.keyId, encryption.publicKey.bytes, "encryption"));
  });
}

export function liveKey(entry: { readonly keyId: KeyId } | undefined): KeyId {
  if (entry === undefined) throw new Error("the prepared vault has no such key");
  return entry.keyId;
}

function keyEntry(keyId: KeyId, publicKey: Uint8Array, kind: "identity" | "encryption", role?: "current" | "next"): InventoryEntry {
  return { ...LIVE, keyId, kind, role, algorithm: kind === "identity" ? 1 : 2, publicKey };
}

/** Staged; to be put into the inventory. */
export function stagePrekey(files: KeyFileStore, kind: "signed-prekey" | "one-time-prekey", crypto: Crypto): InventoryEntry {
  using key = crypto.generateAgreementKey();
  const keyId = toHex(crypto.randomBytes(8)) as KeyId;
  using privatePart = crypto.randomSecret(PREKEY_SECRET_BYTES);
  files.stage(kind, keyId, privatePart);
  return { ...LIVE, keyId, kind, algorithm: 2, publicKey: key.publicKey, statement: utf8(`statement of ${keyId}`) };
}

export function stagePrekeys(files: KeyFileStore, count: number, crypto: Crypto): InventoryEntry[] {
  return Array.from({ length: count }, () => stagePrekey(files, "one-time-prekey", crypto));
}

export function putSession(tx: Transaction, name: string, step: number): void {
  using state = SecretBytes.fromUtf8(`state of ${name} after step ${step} ${"·".repeat(500)}`);
  tx.sessions.put({
    sessionId: sessionIdOf(name),
    handshakeId: hash(`handshake ${name}`),
    transcriptHash: hash(`transcript ${name}`),
    peer: agentId(hash(`peer ${name}`)),
    sending: true,
    answered: step > 0,
    createdAt: NOW,
    lastUsedAt: NOW + step,
    state,
  });
}

/** How far that session has come; 0 where there is none. */
export function sessionStep(vault: Vault, name: string): number {
  const row = vault.read((tx) => tx.sessions.byId(sessionIdOf(name)));
  row?.state.dispose();
  return row === undefined ? 0 : row.lastUsedAt - row.createdAt;
}

function sessionIdOf(name: string): Uint8Array {
  return hash(`session ${name}`).slice(0, 16);
}

export function putMail(tx: Transaction, name: string, number: number): void {
  tx.inbox.insert({
    sender: agentId(hash(`peer ${name}`)),
    messageId: hash(`message ${number} of ${name}`).slice(0, 16),
    contentType: "text/plain",
    time: NOW,
    receivedAt: NOW,
    resent: false,
    body: utf8(`body ${number} of ${name}`),
  });
}

/** Everything in a vault that an operation could change, private parts included (by their digests), apart from the generation. */
export function describeVault(vault: Vault): string {
  const state = vault.read((tx) => {
    const inventory = tx.inventory.list().map(({ publicKey, statement, ...entry }) => ({
      ...entry,
      publicKey: toHex(publicKey),
      statement: statement && toHex(statement),
      privatePart: entry.state === "ended" ? undefined : digestOf(vault, entry.kind, entry.keyId),
    }));
    const sessions = tx.sessions.list().map(({ sessionId }) => {
      const row = tx.sessions.byId(sessionId);
      using _ = row?.state;
      return {
        id: toHex(sessionId),
        lastUsedAt: row?.lastUsedAt,
        sending: row?.sending,
        state: row && toHex(hash(revealSecret(row.state))),
      };
    });
    const inbox: unknown[] = [];
    for (let row = tx.inbox.next(0); row !== undefined; row = tx.inbox.next(row.order)) {
      inbox.push({ order: row.order, id: toHex(row.messageId), body: toHex(hash(revealSecret(row.body))) });
      row.body.dispose();
    }
    // How often it was opened, and met a stranger then, is no part of the state.
    const audit = tx.audit.list().filter(({ kind }) => kind !== "file-quarantined" && kind !== "unlocked");
    return {
      inventory,
      sessions,
      inbox,
      log: tx.log.events().map((event) => toHex(event.hash)),
      audit: audit.map(({ kind, at, details }) => ({ kind, at, details })),
    };
  });
  const { name, createdAt, vaultKeyNumber } = vault;
  const slots = vault.slots().map((slot) => ({ ...slot, opened: undefined }));
  return JSON.stringify({ agentId: toHex(vault.agentId), name, createdAt, vaultKeyNumber, slots, ...state }, undefined, 1);
}

function digestOf(vault: Vault, kind: InventoryEntry["kind"], keyId: KeyId): string {
  using privatePart = vault.files.load(kind, keyId);
  return toHex(hash(revealSecret(privatePart)));
}

function hash(data: Uint8Array | string): Uint8Array {
  return nodeCrypto.sha256(typeof data === "string" ? utf8(data) : data);
}
