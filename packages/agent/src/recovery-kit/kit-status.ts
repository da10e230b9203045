/** What the store says of the recovery kit: whether the log waits for one, and when it was last proven. Knows no kit. */
import { decodeEventBody, decodeSigned, MAX_EVENT_BYTES } from "@talos/core";
import type { ReadTransaction, Transaction } from "../vault/index.ts";

/** Setting: when a kit was last proven against the log, milliseconds since 1970. */
export const KIT_CHECKED_AT = "recovery-kit-checked-at";

export interface RecoveryStatus {
  /** `none`: only the online authority stands behind the identity, and whoever steals it all can take it over for good. */
  readonly kit: "none" | "present";
  /** When the kit was last proven against the log; absent: never since it was made. */
  readonly lastCheckedAt?: number;
}

export function recoveryStatus(tx: ReadTransaction): RecoveryStatus {
  if (!hasCommitment(tx)) return { kit: "none" };
  const checkedAt = tx.settings.get(KIT_CHECKED_AT);
  return checkedAt === undefined ? { kit: "present" } : { kit: "present", lastCheckedAt: Number(checkedAt) };
}

/** @param index of the key that was found in force */
export function recordCheck(tx: Transaction, index: number, now: number): void {
  tx.settings.set(KIT_CHECKED_AT, String(now));
  tx.audit.append({ kind: "recovery-kit-checked", at: now, details: { index } });
}

/** The file's place stays with its owner: an export of the audit travels. */
export function recordCreated(tx: Transaction, now: number): void {
  tx.settings.set(KIT_CHECKED_AT, undefined);
  tx.audit.append({ kind: "recovery-kit-created", at: now, details: { index: 0 } });
}

function hasCommitment(tx: ReadTransaction): boolean {
  // A revocation installs nothing: what counts is what stood before it.
  for (const { wire } of tx.log.events().toReversed()) {
    const event = decodeEventBody(decodeSigned(wire, "identity event", MAX_EVENT_BYTES).body);
    if (event.kind !== "revocation") return event.next.recovery !== undefined;
  }
  return false;
}
