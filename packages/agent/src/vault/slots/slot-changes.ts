/**
 * Ways in, of an open vault: one more, one less, another password. Each change is one transaction with its entry in the
 * audit trail. The keys themselves stay as they are.
 */
import { talosError } from "@talos/core";
import { readSlots } from "../database.ts";
import { strongest } from "./kdf-bounds.ts";
import type { OpenVault, VaultParts } from "../parts.ts";
import { replaceVaultKey } from "../rekey.ts";
import { refuseKnown } from "./known-secret.ts";
import { fieldsOf, slotInfo } from "./slot-info.ts";
import { checkLabel, decodeSlot, MAX_SLOTS, type StoredSlot } from "./slot-record.ts";
import { SlotTable } from "../store/slots.ts";
import type { ChangePasswordOptions, PasswordChange, SlotInfo } from "../types.ts";
import { checkNewSecret, makeSlot, unlock, type UnlockWith } from "./unlock-slots.ts";

/**
 * Of a password one Argon2id run, and one for each password slot there is: a secret that opened two of them would still open the
 * other one when the first is changed or removed.
 *
 * @throws TalosError SLOTS_FULL before anything is derived; SLOT_EXISTS; INVALID_ARGUMENT as `checkLabel`; as `makeSlot`; as `Vault.transaction`
 */
export function addSlot(vault: OpenVault, withSecret: UnlockWith, label: string, now: number): SlotInfo {
  const { parts } = vault;
  const { crypto, facts, kdf } = parts;
  checkNewSecret(withSecret);
  checkLabel(label);
  const taken = new Set(readSlots(parts.database).map(({ number }) => number));
  const number = Array.from({ length: MAX_SLOTS }, (_, i) => i + 1).find((candidate) => !taken.has(candidate));
  if (number === undefined) throw talosError("SLOTS_FULL");
  refuseKnown(vault, withSecret, readSlots(parts.database));
  const { record, stretched } = parts.sealer.lendVaultKey((vaultKey) => makeSlot(withSecret, vaultKey, facts, { label, now, kdf }, crypto));
  stretched.dispose();
  vault.commit((tx) => {
    new SlotTable(parts.store).put({ number, record });
    tx.audit.append({ kind: "slot-added", at: now, details: { slot: number, unlock: withSecret.kind, label } });
  });
  return slotInfo(number, decodeSlot(record, crypto), parts.way?.number);
}

/** @throws TalosError SLOT_NOT_FOUND; LAST_SLOT where no other slot would open the vault; as `Vault.transaction` */
export function removeSlot(vault: OpenVault, number: number, now: number): void {
  const { parts } = vault;
  const slots = readSlots(parts.database);
  const slot = slots.find((candidate) => candidate.number === number);
  if (slot === undefined) throw talosError("SLOT_NOT_FOUND", undefined, { details: { slot: number } });
  const { vaultKeyNumber } = parts.facts;
  const opens = (other: StoredSlot): boolean => fieldsOf(other, parts.crypto)?.vaultKeyNumber === vaultKeyNumber;
  if (!slots.some((other) => other !== slot && opens(other))) throw talosError("LAST_SLOT");
  const fields = fieldsOf(slot, parts.crypto);
  const details = fields === undefined ? { slot: number } : { slot: number, unlock: fields.kind, label: fields.label };
  vault.commit((tx) => {
    new SlotTable(parts.store).remove(number);
    tx.audit.append({ kind: "slot-removed", at: now, details });
  });
  if (parts.way?.number !== number) return;
  parts.way.stretched.dispose();
  parts.way = undefined;
}

/**
 * Replaces the slot that `current` opens: one Argon2id run to try it and one for the new one; more where there are several password
 * slots.
 *
 * @throws TalosError WRONG_PASSWORD; SLOT_EXISTS where `next` opens another slot; PASSWORD_REQUIRED, INVALID_ARGUMENT as `makeSlot`; as `Vault.transaction`, and with
 *   `rekey` as `replaceVaultKey`; then nothing has changed
 */
export function changePassword(vault: OpenVault, { current, next, now, rekey = false }: ChangePasswordOptions): PasswordChange {
  const { parts } = vault;
  const { crypto, facts } = parts;
  const nextSecret: UnlockWith = { kind: "password", secret: next };
  checkNewSecret(nextSecret);
  const slots = readSlots(parts.database).sort((a, b) => rank(a, parts) - rank(b, parts));
  using found = unlock(slots, { kind: "password", secret: current }, facts, crypto);
  const { number, fields } = found;
  const others = slots.filter((slot) => slot.number !== number);
  refuseKnown(vault, nextSecret, others);
  const newSlot = { label: fields.label, now, kdf: strongest(parts.kdf, fields.kdf ?? parts.kdf) };
  if (rekey) {
    return replaceVaultKey(vault, {
      number,
      now,
      wrap: (vaultKey, place) => makeSlot(nextSecret, vaultKey, place, newSlot, crypto),
      changes: [{ kind: "password-changed", at: now, details: { slot: number } }],
    });
  }
  const { record, stretched } = makeSlot(nextSecret, found.vaultKey, facts, newSlot, crypto);
  using unused = new DisposableStack();
  unused.use(stretched);
  vault.commit((tx) => {
    new SlotTable(parts.store).put({ number, record });
    tx.audit.append({ kind: "password-changed", at: now, details: { slot: number } });
  });
  if (parts.way?.number === number) {
    parts.way.stretched.dispose();
    parts.way = { number, stretched };
    unused.move();
  }
  return { slot: slotInfo(number, decodeSlot(record, crypto), parts.way?.number), toAddAgain: [] };
}

/** The slot that opened the vault is tried first: most often it is the one. */
function rank({ number }: StoredSlot, { way }: VaultParts): number {
  return number === way?.number ? 0 : number;
}
