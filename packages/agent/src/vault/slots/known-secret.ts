/** Whether a secret that is to become a way in is one already. Changes nothing. */
import { isTalosError, talosError } from "@talos/core";
import { readSlots } from "../database.ts";
import type { OpenVault, VaultParts } from "../parts.ts";
import type { StoredSlot, UnlockKind } from "./slot-record.ts";
import { unlock, type UnlockedSlot, type UnlockWith } from "./unlock-slots.ts";

/** @param slots those that it must not open @throws TalosError SLOT_EXISTS */
export function refuseKnown({ parts }: OpenVault, secret: UnlockWith, slots: readonly StoredSlot[]): void {
  const kinds: readonly UnlockKind[] = secret.kind === "password" ? ["password"] : ["key-file", "credential"];
  for (const kind of kinds) {
    using known = tryUnlock(slots, { kind, secret: secret.secret }, parts);
    if (known !== undefined) throw talosError("SLOT_EXISTS", undefined, { details: { slot: known.number } });
  }
}

/** Whether that secret is a way in: of a password one Argon2id run for each password slot. */
export function isWayIn({ parts }: OpenVault, secret: UnlockWith): boolean {
  using known = tryUnlock(readSlots(parts.database), secret, parts);
  return known !== undefined;
}

function tryUnlock(slots: readonly StoredSlot[], secret: UnlockWith, { facts, crypto }: VaultParts): UnlockedSlot | undefined {
  if (slots.length === 0) return undefined;
  try {
    return unlock(slots, secret, facts, crypto);
  } catch (error) {
    // A damaged slot opens with nothing.
    const none = ["WRONG_PASSWORD", "WRONG_UNLOCK_KEY", "VAULT_CORRUPT", "KDF_PARAMETERS_REFUSED"] as const;
    if (none.some((code) => isTalosError(error, code))) return undefined;
    throw error;
  }
}
