/**
 * An agent from what is left of it: the keys that its log names, new prekeys and their batch, and the plan to publish them. Sessions,
 * peers and mail are gone. One that was held, since it comes from a backup, is held again, without prekeys. Touches no network.
 */
import { agentIdToDid, equalBytes, type Crypto, type IdentityLog, type LogState } from "@talos/core";
import { openBackend, type BackendSigningKey } from "../backends/index.ts";
import { parseDirectoryUrl } from "../directory/directory-url.ts";
import {
  HOME_DIRECTORY,
  rescueVault,
  type InventoryEntry,
  type KeyFileStore,
  type Remains,
  type RescuedSlot,
  type Transaction,
  type UnlockWith,
} from "../vault/index.ts";
import { batchSigned, keyEntries } from "./audit-entries.ts";
import { entryOf, firstPrekeys, IDENTITY_INTERVAL_MILLISECONDS } from "./first-keys.ts";
import { publishPlan } from "./publish-plan.ts";
import { putBackHeld } from "./recover/held-recovery.ts";
import { signBatch } from "./sign-batch.ts";

export interface RescueAgentInput {
  readonly dataDir: string;
  readonly unlock: UnlockWith;
  readonly crypto: Crypto;
  /** milliseconds since 1970 */
  readonly now: number;
  /** URL of the home directory; absent: the one that metadata.json names. */
  readonly directory: string | undefined;
}

export interface RescueReport {
  readonly did: string;
  readonly name: string;
  readonly dataDir: string;
  /** What had become of the database. */
  readonly was: "missing" | "damaged" | "foreign";
  /** The rescued agent is the newest instance. */
  readonly generation: number;
  readonly directory?: string;
  /** Brought back, each proved by the agent's log. */
  readonly keys: readonly {
    readonly kind: "identity" | "encryption";
    readonly role?: "current" | "next";
    readonly keyId: string;
    readonly state: "live" | "retired";
  }[];
  /** False: its file is lost, and the agent can never replace its identity key. */
  readonly hasNextKey: boolean;
  /** It was recovered from a backup and does not act before it has been compared with its directory, as before. */
  readonly held: boolean;
  readonly prekeys: { readonly made: number; readonly ended: number };
  /** What opens the agent now. They were taken from metadata.json, where only the one that was used is proved. */
  readonly slots: readonly RescuedSlot[];
  /** Moved into the folder quarantine. */
  readonly putAside: readonly string[];
  /** What a rescue cannot bring back. */
  readonly lost: readonly ["sessions", "peers", "outbox", "inbox"];
}

/** @throws TalosError of the backend; INVALID_ARGUMENT for a directory that is no URL; what `rescueVault` throws */
export async function rescueAgent(input: RescueAgentInput): Promise<RescueReport> {
  const { dataDir, unlock, crypto, now } = input;
  let made = 0;
  const { vault, remains, was, slots, putAside } = await rescueVault({
    dataDir,
    unlock,
    crypto,
    now,
    build: async (files, found) => {
      const content = await rebuild(files, found, input);
      made = content.prekeys;
      return content;
    },
  });
  using closing = vault;
  const directory = homeOf(remains, input);
  return {
    did: agentIdToDid(closing.agentId),
    name: closing.name,
    dataDir: closing.dataDir,
    was,
    generation: closing.generation,
    ...(directory === undefined ? {} : { directory }),
    keys: closing.read((tx) => tx.inventory.listPublic()).flatMap(toReported),
    hasNextKey: remains.next !== undefined,
    held: remains.held !== undefined,
    prekeys: { made, ended: new Set(remains.prekeys.map(({ keyId }) => keyId)).size },
    slots: slots.map(({ number, kind, label, opened }) => ({ number, kind, label, opened })),
    putAside,
    lost: ["sessions", "peers", "outbox", "inbox"],
  };
}

async function rebuild(
  files: KeyFileStore,
  remains: Remains,
  input: RescueAgentInput,
): Promise<{ prekeys: number; write(tx: Transaction): void }> {
  const { crypto, now } = input;
  const { log, held } = remains;
  const backend = openBackend("software", { files, crypto });
  const reference = <K extends "identity" | "next-identity" | "encryption">(kind: K, { keyId }: { keyId: InventoryEntry["keyId"] }) =>
    ({ backend: "software", kind, keyId }) as const;
  using identity = await backend.open(reference("identity", remains.identity));
  using next = remains.next && (await backend.open(reference("next-identity", remains.next)));
  using encryption = await backend.open(reference("encryption", remains.encryption));
  const identitySince = since(log, ({ identityKey }) => equalBytes(identityKey.bytes, identity.publicKey.bytes));
  const encryptionSince = since(log, ({ encryptionKey }) => equalBytes(encryptionKey.bytes, encryption.publicKey.bytes));
  const keys: InventoryEntry[] = [
    entryOf(identity, identitySince, { kind: "identity", role: "current", dueAt: identitySince + IDENTITY_INTERVAL_MILLISECONDS }),
    ...(next === undefined ? [] : [entryOf(next, identitySince, { kind: "identity", role: "next" })]),
    entryOf(encryption, encryptionSince, { kind: "encryption", dueAt: encryptionSince + IDENTITY_INTERVAL_MILLISECONDS }),
    ...remains.retired.map((key) => retiredEntry(key, log, now)),
  ];
  const home = homeOf(remains, input);
  // The identity key does nothing for an agent that may not act.
  const fresh = held === undefined ? await buildPrekeys(files, identity, log, home, input) : undefined;
  return {
    prekeys: fresh?.prekeys ?? 0,
    write: (tx) => {
      for (const [seq, { head }] of log.states.entries())
        tx.log.append({ seq, hash: head.hash, wire: log.events[seq] ?? new Uint8Array() });
      for (const entry of keys) tx.inventory.put(entry);
      for (const entry of keyEntries("key-restored", keys, now)) tx.audit.append(entry);
      fresh?.write(tx);
      if (home !== undefined) tx.settings.set(HOME_DIRECTORY, home);
      if (held !== undefined) putBackHeld(tx, held, remains.directory);
    },
  };
}

/** With their batch, and the plan to publish it. */
async function buildPrekeys(
  files: KeyFileStore,
  identity: BackendSigningKey<"identity">,
  log: IdentityLog,
  home: string | undefined,
  { crypto, now }: RescueAgentInput,
): Promise<{ prekeys: number; write(tx: Transaction): void }> {
  const prekeys = firstPrekeys(files, crypto, now);
  const batch = await signBatch(prekeys, log, identity, { crypto, now, directories: home === undefined ? [] : [home] });
  return {
    prekeys: prekeys.length,
    write: (tx) => {
      for (const entry of prekeys) tx.inventory.put(entry);
      for (const entry of keyEntries("key-created", prekeys, now)) tx.audit.append(entry);
      tx.audit.append(batchSigned(batch, now));
      tx.batches.put(batch);
      tx.plans.put(publishPlan(batch, prekeys, now));
    },
  };
}

/** Unproved: it is only where the agent asks, and the directory is trusted with nothing. */
function homeOf({ directory }: Remains, input: RescueAgentInput): string | undefined {
  const chosen = input.directory ?? directory;
  return chosen === undefined ? undefined : parseDirectoryUrl(chosen);
}

/** When the log first put a key in force, by the owner's clock then. */
function since(log: IdentityLog, isInForce: (state: LogState) => boolean): number {
  return log.states.find(isInForce)?.time ?? 0;
}

/** It decrypts what is late, and ends as if it had been retired today. */
function retiredEntry({ keyId, publicKey }: Remains["encryption"], log: IdentityLog, now: number): InventoryEntry {
  const installed = log.states.find(({ encryptionKey }) => equalBytes(encryptionKey.bytes, publicKey));
  return {
    keyId,
    kind: "encryption",
    state: "retired",
    algorithm: installed?.encryptionKey.algorithm ?? log.encryptionKey.algorithm,
    publicKey,
    createdAt: installed?.time ?? now,
    retiredAt: now,
    backend: "software",
    protection: installed?.encryptionProtection ?? "software",
  };
}

function toReported({ kind, role, keyId, state }: InventoryEntry): RescueReport["keys"] {
  if ((kind !== "identity" && kind !== "encryption") || (state !== "live" && state !== "retired")) return [];
  return [{ kind, ...(role === undefined ? {} : { role }), keyId, state }];
}
