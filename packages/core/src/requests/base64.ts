// Base64 with padding, as structured fields carry bytes (RFC 8941, 3.3.5). Must not know HTTP.
import { fromBase64Url, toBase64Url } from "../bytes/base64url.ts";

export function toBase64(bytes: Uint8Array): string {
  const text = toBase64Url(bytes).replaceAll("-", "+").replaceAll("_", "/");
  return text.padEnd(Math.ceil(text.length / 4) * 4, "=");
}

/** Takes only what `toBase64` gives. Throws MALFORMED otherwise. */
export function fromBase64(text: string): Uint8Array {
  const unpadded = text.replace(/={1,2}$/, "");
  // The other alphabet must not pass; a stray "=" and missing padding fall to the length.
  const bytes = fromBase64Url(/[-_]/.test(text) || text.length % 4 !== 0 ? "=" : unpadded.replaceAll("+", "-").replaceAll("/", "_"));
  return bytes;
}
