/**
 * A new agent: keys through the backend, the inception event that names it, its first prekeys and their batch, and the plan
 * to publish all that, in one commit. Touches no network.
 */
import {
  agentId,
  assembleEvent,
  keyCommitment,
  prepareInception,
  ROLE,
  verifyLog,
  type Crypto,
  type IdentityLog,
  type RotationPolicy,
} from "@talos/core";
import { openBackend, type BackendKey, type BackendName, type BackendSigningKey } from "../backends/index.ts";
import { recordCreated } from "../recovery-kit/kit-status.ts";
import { NewSeed, type KitPlace } from "../recovery-kit/new-kit.ts";
import { Vault, type KdfParameters, type KeyFileStore, type Transaction, type UnlockWith } from "../vault/index.ts";
import { batchSigned, eventSigned, keyEntries } from "./audit-entries.ts";
import { entryOf, firstPrekeys, newIdentityDueAt } from "./first-keys.ts";
import { publishPlan } from "./publish-plan.ts";
import { signBatch } from "./sign-batch.ts";

export interface CreateAgentInput {
  /** Default: as documented. */
  readonly rotation?: RotationPolicy | undefined;
  readonly name: string;
  readonly dataDir: string;
  readonly unlock: UnlockWith;
  /** Of its slot. */
  readonly slotLabel: string;
  readonly keyBackend: BackendName;
  /** Home directories, at most 4 URLs. */
  readonly directories: readonly string[];
  readonly crypto: Crypto;
  readonly now: number;
  readonly kdf: KdfParameters | undefined;
  /** Where a recovery kit is written; none without. */
  readonly recoveryKit: KitPlace | undefined;
}

/** @throws TalosError BACKEND_NOT_AVAILABLE and others of the backend; of the kit's file as `makeKit`; what `Vault.create` throws */
export async function createAgent(input: CreateAgentInput): Promise<Vault> {
  const { name, dataDir, unlock, slotLabel, crypto, now, kdf, recoveryKit } = input;
  using seed = recoveryKit && new NewSeed(recoveryKit, crypto);
  try {
    return await Vault.create({
      dataDir,
      name,
      unlock,
      slotLabel,
      crypto,
      now,
      ...(kdf === undefined ? {} : { kdf }),
      build: async (files) => await buildFirstContent(files, input, seed),
    });
  } catch (error) {
    throw seed?.explain(error, UNUSED_KIT) ?? error;
  }
}

const UNUSED_KIT = "where no agent was made, it belongs to none; remove it, or choose another path, before you try again.";

async function buildFirstContent(
  files: KeyFileStore,
  input: CreateAgentInput,
  seed: NewSeed | undefined,
): Promise<{ agentId: ReturnType<typeof agentId>; write(tx: Transaction): void }> {
  const { name, crypto, now, kdf, keyBackend } = input;
  const backend = openBackend(keyBackend, { files, crypto });
  using identity = await backend.create("identity");
  using next = await backend.create("next-identity");
  using encryption = await backend.create("encryption");
  const log = await inception(identity, next, encryption, input, seed?.commitment);
  const prekeys = firstPrekeys(files, crypto, now, input.rotation);
  const batch = await signBatch(prekeys, log, identity, input);
  const dueAt = newIdentityDueAt(crypto, now, input.rotation);
  const keys = [
    entryOf(identity, now, { kind: "identity", role: "current", dueAt }),
    entryOf(next, now, { kind: "identity", role: "next" }),
    entryOf(encryption, now, { kind: "encryption", dueAt }),
  ];
  const [event] = log.events;
  // The last step before the commit: its commitment is in force with it.
  seed?.write({ agentName: name, agentId: log.agentId, now, kdf });
  return {
    agentId: log.agentId,
    write: (tx) => {
      tx.log.append({ seq: 0, hash: log.head.hash, wire: event ?? new Uint8Array() });
      for (const entry of [...keys, ...prekeys]) tx.inventory.put(entry);
      for (const entry of keyEntries("key-created", [...keys, ...prekeys], now)) tx.audit.append(entry);
      tx.audit.append(eventSigned({ seq: 0, hash: log.head.hash, event: "inception" }, now));
      tx.audit.append(batchSigned(batch, now));
      if (seed !== undefined) recordCreated(tx, now);
      tx.batches.put(batch);
      tx.plans.put(publishPlan(batch, prekeys, now));
    },
  };
}

async function inception(
  identity: BackendSigningKey<"identity">,
  next: BackendSigningKey<"next-identity">,
  encryption: BackendKey<"encryption">,
  { crypto, now }: CreateAgentInput,
  recovery: Uint8Array | undefined,
): Promise<IdentityLog> {
  const online = keyCommitment(next.publicKey, crypto);
  const { body, toSign } = prepareInception({
    time: now,
    identityKey: identity.publicKey,
    identityProtection: identity.protection,
    encryptionKey: encryption.publicKey,
    encryptionProtection: encryption.protection,
    next: recovery === undefined ? { online } : { online, recovery },
  });
  const signature = await identity.sign(toSign[0]?.bytes ?? body);
  const wire = assembleEvent(body, [{ role: ROLE.holder, algorithm: identity.publicKey.algorithm, signature }], crypto);
  return verifyLog(undefined, [wire], now, crypto).log;
}
