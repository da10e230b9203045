/** One error for every way in which a backup is not whole, and what is no damage but news. Knows no format. */
import { isTalosError, talosError, type TalosError } from "@talos/core";

/** `details.reason` says where. */
export function damagedBackup(reason: string, cause?: unknown): TalosError {
  return talosError("BACKUP_DAMAGED", undefined, { details: { reason }, cause });
}

/** What a later release made is not damaged: its refusal passes as it is. */
export function isFromLaterRelease(error: unknown): boolean {
  return (["UNSUPPORTED_VERSION", "UNSUPPORTED_SUITE", "UNSUPPORTED_EXTENSION"] as const).some((code) => isTalosError(error, code));
}
