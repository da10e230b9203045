// The words for a key's life and for how well its private part is protected. Source: docs/protocol/encoding.md.
import { talosError } from "../errors/talos-error.ts";

/** A key's life has one name everywhere; its role (current, next) is apart. */
export type KeyState = "staged" | "live" | "retired" | "ended";

export const PROTECTION_LEVELS = ["software", "sealed", "claimed-hardware", "enclave", "hardware"] as const;
export type ProtectionLevel = (typeof PROTECTION_LEVELS)[number];

/** The number on the wire, 0 to 4. */
export function protectionCode(level: ProtectionLevel): number {
  return PROTECTION_LEVELS.indexOf(level);
}

/** Throws MALFORMED for a number that names no level. */
export function protectionLevel(code: number): ProtectionLevel {
  const level = PROTECTION_LEVELS[code];
  if (level === undefined) throw talosError("MALFORMED", "No such protection level.");
  return level;
}
