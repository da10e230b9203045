/** Unlock slots as they may be shown. Opens none. */
import { type Crypto, isTalosError } from "@talos/core";
import { decodeSlot, type SlotFields, type StoredSlot } from "./slot-record.ts";
import type { SlotInfo } from "../types.ts";

/** Damaged records are left out. @param opened the number of the one that opened the vault */
export function slotInfos(slots: readonly StoredSlot[], opened: number | undefined, crypto: Pick<Crypto, "sha256">): SlotInfo[] {
  return slots.flatMap((slot) => {
    const fields = fieldsOf(slot, crypto);
    return fields === undefined ? [] : [slotInfo(slot.number, fields, opened)];
  });
}

export function slotInfo(number: number, fields: SlotFields, opened: number | undefined): SlotInfo {
  const { kind, label, createdAt, vaultKeyNumber, kdf } = fields;
  return { number, kind, label, createdAt, vaultKeyNumber, ...(kdf === undefined ? {} : { kdf }), opened: number === opened };
}

/** Undefined for a damaged record, or parameters outside the bounds. */
export function fieldsOf({ record }: StoredSlot, crypto: Pick<Crypto, "sha256">): SlotFields | undefined {
  try {
    return decodeSlot(record, crypto);
  } catch (error) {
    if (!isTalosError(error)) throw error;
    return undefined;
  }
}
