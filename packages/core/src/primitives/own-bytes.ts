/** From Node's Buffers to plain byte arrays in memory of their own. Knows no algorithm. */
import { settledCopy } from "../bytes/bytes.ts";

/** The bytes as a Uint8Array that shares memory with nothing; a pooled input is copied and zeroed. */
export function ownBytes(bytes: Uint8Array): Uint8Array {
  if (bytes.buffer.byteLength === bytes.length) return new Uint8Array(bytes.buffer);
  const copy = settledCopy(bytes);
  bytes.fill(0);
  return copy;
}
