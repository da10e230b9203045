/**
 * HMAC-SHA-256 (RFC 2104) and HKDF-SHA-256 (RFC 5869) over OpenSSL's one-shot SHA-256. Four one-shot hashes cost half
 * of `hkdfSync` and a quarter of two `createHmac`, which spend their time on making and fetching objects; the ratchet
 * derives three keys a message. Input that is larger than the scratch memory goes to OpenSSL's own HMAC.
 */
import { talosError } from "../errors/talos-error.ts";
import { openssl } from "./openssl.ts";

const BLOCK_BYTES = 64;
const HASH_BYTES = 32;
const MAX_OUTPUT_BYTES = 255 * HASH_BYTES;
const INNER_PAD = 0x36;
const OUTER_PAD = 0x5c;
const SCRATCH_BYTES = 1024;

// One thread, no re-entrance: every function below wipes what it wrote before it returns.
const inner = new Uint8Array(BLOCK_BYTES + SCRATCH_BYTES);
const outer = new Uint8Array(BLOCK_BYTES + HASH_BYTES);
const NO_SALT = new Uint8Array(HASH_BYTES);

/** 32 bytes, in memory of its own. */
export function hmacSha256(key: Uint8Array, data: Uint8Array): Uint8Array {
  if (data.length > SCRATCH_BYTES || key.length > BLOCK_BYTES) return longHmac(key, data);
  inner.set(data, BLOCK_BYTES);
  return hmacOfScratch(key, data.length);
}

/** @param length 1 to 8160 @throws TalosError INVALID_ARGUMENT for another length */
export function hkdfSha256(ikm: Uint8Array, info: Uint8Array, length: number, salt: Uint8Array = NO_SALT): Uint8Array {
  if (!Number.isInteger(length) || length < 1 || length > MAX_OUTPUT_BYTES) {
    throw talosError("INVALID_ARGUMENT", "A derived key has 1 to 8160 bytes.");
  }
  const pseudorandomKey = hmacSha256(salt, ikm);
  const output = expand(pseudorandomKey, info, length);
  pseudorandomKey.fill(0);
  return output;
}

/** T(i) = HMAC(PRK, T(i-1) || info || i), RFC 5869, 2.3. */
function expand(pseudorandomKey: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  if (length <= HASH_BYTES && info.length < SCRATCH_BYTES) {
    inner.set(info, BLOCK_BYTES);
    inner[BLOCK_BYTES + info.length] = 1;
    const block = hmacOfScratch(pseudorandomKey, info.length + 1);
    return length === HASH_BYTES ? block : cut(block, length);
  }
  const output = new Uint8Array(length);
  const message = new Uint8Array(HASH_BYTES + info.length + 1);
  message.set(info, HASH_BYTES);
  let from = HASH_BYTES; // the first block has no predecessor
  for (let i = 1, offset = 0; offset < length; i++, offset += HASH_BYTES) {
    message[message.length - 1] = i;
    const block = hmacSha256(pseudorandomKey, message.subarray(from));
    message.set(block, 0);
    from = 0;
    output.set(offset + HASH_BYTES <= length ? block : block.subarray(0, length - offset), offset);
    block.fill(0);
  }
  message.fill(0);
  return output;
}

/** HMAC over the message that already stands in the scratch memory after its first block; wipes both. */
function hmacOfScratch(key: Uint8Array, dataLength: number): Uint8Array {
  pad(inner, key, INNER_PAD);
  pad(outer, key, OUTER_PAD);
  const used = BLOCK_BYTES + dataLength;
  const innerHash = openssl.hash("sha256", inner.subarray(0, used), "buffer");
  outer.set(innerHash, BLOCK_BYTES);
  const digest = openssl.hash("sha256", outer, "buffer");
  inner.fill(0, 0, used);
  outer.fill(0);
  innerHash.fill(0);
  return own(digest);
}

function pad(block: Uint8Array, key: Uint8Array, padding: number): void {
  for (let i = 0; i < key.length; i++) block[i] = (key[i] as number) ^ padding;
  block.fill(padding, key.length, BLOCK_BYTES);
}

function longHmac(key: Uint8Array, data: Uint8Array): Uint8Array {
  return own(openssl.createHmac("sha256", key).update(data).digest());
}

function cut(bytes: Uint8Array, length: number): Uint8Array {
  const shorter = bytes.slice(0, length);
  bytes.fill(0);
  return shorter;
}

/** A Buffer as a plain Uint8Array in memory of its own. */
export function own(buffer: Uint8Array): Uint8Array {
  const { buffer: memory } = buffer;
  if (memory.byteLength === buffer.length) return new Uint8Array(memory);
  const copy = new Uint8Array(buffer);
  buffer.fill(0);
  return copy;
}
