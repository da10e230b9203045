// What two people compare to find out whether nobody stands between their agents: 60 digits over both agent ids. An id is for life, so the
// digits are too, however keys rotate. Must not know logs or keys. Source: docs/protocol/trust.md.
import { compareBytes, concatBytes } from "../bytes/bytes.ts";
import { talosError } from "../errors/talos-error.ts";
import type { Crypto } from "../primitives/crypto.ts";
import type { AgentId } from "./agent-id.ts";
import { labelledHash, LABELS } from "./labels.ts";

export const FINGERPRINT_DIGITS = 60;
const GROUP = 5;

/**
 * Twelve groups of five decimal digits, with spaces between. The same for both sides.
 *
 * @throws TalosError INVALID_ARGUMENT for one and the same agent
 */
export function pairFingerprint(one: AgentId, other: AgentId, crypto: Pick<Crypto, "sha256">): string {
  const order = compareBytes(one, other);
  if (order === 0) throw talosError("INVALID_ARGUMENT", "A fingerprint is of two agents.", { details: { argument: "peer" } });
  const hash = labelledHash(LABELS.hashPairFingerprint, order < 0 ? concatBytes(one, other) : concatBytes(other, one), crypto);
  // The hash as one number, big-endian, modulo 10^60: 199 bits, and no digit sequence is likelier than another by more than 2^-56.
  let number = 0n;
  for (const byte of hash) number = (number << 8n) | BigInt(byte);
  const digits = (number % 10n ** BigInt(FINGERPRINT_DIGITS)).toString().padStart(FINGERPRINT_DIGITS, "0");
  return inGroups(digits);
}

/**
 * The digits as somebody typed or scanned them, in the form of `pairFingerprint`. Spaces and dashes do not count.
 *
 * @throws TalosError INVALID_ARGUMENT for anything but 60 digits
 */
export function readPairFingerprint(text: string): string {
  const digits = typeof text === "string" ? text.replaceAll(/[\s\u2010-\u2015-]+/gu, "") : "";
  if (!/^[0-9]{60}$/.test(digits)) {
    throw talosError("INVALID_ARGUMENT", "A fingerprint of two agents is 60 digits.", { details: { argument: "digits" } });
  }
  return inGroups(digits);
}

function inGroups(digits: string): string {
  return Array.from({ length: FINGERPRINT_DIGITS / GROUP }, (_, at) => digits.slice(at * GROUP, (at + 1) * GROUP)).join(" ");
}
