/** What the audit says of keys and of what they signed, in one place, so that one kind always carries the same names. Never a secret. */
import { keyId, nodeCrypto, toHex, type Certificate, type PublicKey } from "@talos/core";
import type { InventoryEntry, NewAuditEntry, OwnBatch, Transaction } from "../vault/index.ts";

type KeyKindOfEntry = Extract<NewAuditEntry["kind"], `key-${string}`>;

/** One key of the inventory. */
export function keyEntry(
  kind: KeyKindOfEntry,
  key: Pick<InventoryEntry, "keyId" | "kind" | "role" | "backend" | "protection">,
  at: number,
): NewAuditEntry {
  const { keyId: id, kind: of, role, backend, protection } = key;
  return { kind, at, details: { key: id, of, ...(role === undefined ? {} : { role }), backend, protection } };
}

/** Many one-time prekeys make one entry. */
function oneTimePrekeysEntry(kind: KeyKindOfEntry, count: number, at: number): NewAuditEntry {
  return { kind, at, details: { of: "one-time-prekey", count } };
}

/** Each key by itself, but one-time prekeys together. */
export function keyEntries(kind: KeyKindOfEntry, keys: readonly InventoryEntry[], at: number): NewAuditEntry[] {
  const single = keys.filter((key) => key.kind !== "one-time-prekey");
  const oneTime = keys.length - single.length;
  return [...single.map((key) => keyEntry(kind, key, at)), ...(oneTime === 0 ? [] : [oneTimePrekeysEntry(kind, oneTime, at)])];
}

/** An instance key may sign messages and requests until then. */
export function certificateSigned({ hash, head, generation, instanceKey, from, to }: Certificate, at: number): NewAuditEntry {
  const details = { certificate: toHex(hash), seq: head.seq, generation, instance: idOf(instanceKey), from, to };
  return { kind: "certificate-signed", at, details };
}

export function batchSigned({ root, head, ids, to }: Pick<OwnBatch, "root" | "head" | "ids" | "to">, at: number): NewAuditEntry {
  return { kind: "batch-signed", at, details: { root: toHex(root), seq: head.seq, prekeys: ids.length, to } };
}

/** An event of the agent's own log. `reason` of rotations and revocations. */
export function eventSigned(
  { seq, hash, event, reason }: { readonly seq: number; readonly hash: Uint8Array; readonly event: string; readonly reason?: string },
  at: number,
): NewAuditEntry {
  return { kind: "event-signed", at, details: { seq, event, hash: toHex(hash), ...(reason === undefined ? {} : { reason }) } };
}

export const FIRST_USED = "first-used:";

/** The first time that a key is put to use; later ones say nothing new. Of one-time prekeys the use is their end. */
export function noteFirstUse(
  tx: Transaction,
  key: Pick<InventoryEntry, "keyId" | "kind" | "role" | "backend" | "protection">,
  at: number,
): void {
  if (tx.settings.get(FIRST_USED + key.keyId) !== undefined) return;
  tx.settings.set(FIRST_USED + key.keyId, `${at}`);
  tx.audit.append(keyEntry("key-first-used", key, at));
}

function idOf(key: PublicKey): string {
  return keyId(key, nodeCrypto);
}
