/** base64url without padding (RFC 4648, 5), canonical only. For public data: strings cannot be wiped. */
import { talosError } from "../errors/talos-error.ts";

export function toBase64Url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64url");
}

/** @throws TalosError MALFORMED for padding, foreign characters, impossible lengths or unused bits that are not zero */
export function fromBase64Url(text: string): Uint8Array {
  const bytes = Buffer.from(text, "base64url");
  // Node's decoder skips what it does not know; only the canonical text encodes back to itself.
  if (bytes.toString("base64url") !== text) {
    throw talosError("MALFORMED", "The text is not canonical base64url.", { details: { reason: "base64url" } });
  }
  return new Uint8Array(bytes);
}
