// Labelled hashes and HKDF without salt (encoding.md, Hashes and Labels).
import { createHash, createHmac, hkdfSync } from "node:crypto";
import { join } from "./bytes.ts";

export function sha256(...parts: readonly (Uint8Array | string)[]): Uint8Array {
  return new Uint8Array(
    createHash("sha256")
      .update(join(...parts))
      .digest(),
  );
}

export function labelledHash(what: string, body: Uint8Array): Uint8Array {
  return sha256(`talos/v1/hash/${what}`, new Uint8Array(1), body);
}

/** HKDF-SHA-256 (RFC 5869) written out with HMAC; `node:crypto`'s own has to agree. */
export function derive(ikm: Uint8Array, info: Uint8Array | string, length: number): Uint8Array {
  const pseudorandomKey = createHmac("sha256", new Uint8Array(32)).update(ikm).digest();
  let block: Uint8Array = new Uint8Array(0);
  let output: Uint8Array = new Uint8Array(0);
  for (let counter = 1; output.length < length; counter++) {
    block = createHmac("sha256", pseudorandomKey)
      .update(join(block, info, Uint8Array.of(counter)))
      .digest();
    output = join(output, block);
  }
  const derived = output.slice(0, length);
  if (Buffer.compare(derived, new Uint8Array(hkdfSync("sha256", ikm, new Uint8Array(0), join(info), length))) !== 0)
    throw new Error("two HKDFs differ");
  return derived;
}
