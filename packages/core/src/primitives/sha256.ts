/** SHA-256 of parts. One call into OpenSSL costs half of a hash object, so small parts are joined first. */
import { openssl } from "./openssl.ts";
import { ownBytes } from "./own-bytes.ts";

const JOINED_BYTES = 512;
const joined = new Uint8Array(JOINED_BYTES);

/** 32 bytes, in memory of their own. */
export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const [first] = parts;
  if (first !== undefined && parts.length === 1) return ownBytes(openssl.hash("sha256", first, "buffer"));
  let length = 0;
  for (const part of parts) length += part.length;
  if (length > JOINED_BYTES) return hashInPieces(parts);
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  const digest = openssl.hash("sha256", joined.subarray(0, length), "buffer");
  joined.fill(0, 0, length);
  return ownBytes(digest);
}

function hashInPieces(parts: readonly Uint8Array[]): Uint8Array {
  const hash = openssl.createHash("sha256");
  for (const part of parts) hash.update(part);
  return ownBytes(hash.digest());
}
