// ES256 for vectors: core only verifies it. Its signatures are random, so each was made once and is recorded here beside.
// The key follows from a name, like all keys of the cast.
import { createECDH, createPrivateKey, sign as signWith } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ALGORITHM, fromHex, nodeCrypto, toHex } from "@talos/core";
import { seedOf, type Signer } from "./cast.ts";

const RECORD = join(import.meta.dirname, "es256-signatures.json");
/** Order of P-256 (FIPS 186-5). */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** Signatures by SHA-256(public key || message). */
let recorded: Record<string, string> | undefined;

function record(): Record<string, string> {
  recorded ??= JSON.parse(readFileSync(RECORD, "utf8")) as Record<string, string>;
  return recorded;
}

/** A P-256 signer whose signatures come from the record, and are added to it where the environment says TALOS_RECORD_ES256=1. */
export function es256SignerOf(name: string): Signer {
  const ecdh = createECDH("prime256v1");
  ecdh.setPrivateKey(seedOf(name));
  const publicKey = new Uint8Array(ecdh.getPublicKey(null, "compressed"));
  return {
    key: { algorithm: ALGORITHM.es256, bytes: publicKey },
    sign(message) {
      const id = toHex(nodeCrypto.sha256(publicKey, message));
      const known = record()[id];
      if (known !== undefined) return fromHex(known);
      if (process.env["TALOS_RECORD_ES256"] !== "1") throw new Error(`no recorded ES256 signature by ${name}`);
      const signature = toLowS(signOnce(ecdh.getPublicKey(null, "uncompressed"), seedOf(name), message));
      record()[id] = toHex(signature);
      writeFileSync(RECORD, `${JSON.stringify(record(), null, 2)}\n`);
      return signature;
    },
  };
}

function signOnce(point: Uint8Array, privateKey: Uint8Array, message: Uint8Array): Uint8Array {
  const coordinate = (start: number): string => Buffer.from(point.subarray(start, start + 32)).toString("base64url");
  const jwk = { kty: "EC", crv: "P-256", x: coordinate(1), y: coordinate(33), d: Buffer.from(privateKey).toString("base64url") };
  return new Uint8Array(signWith("sha256", message, { key: createPrivateKey({ key: jwk, format: "jwk" }), dsaEncoding: "ieee-p1363" }));
}

/** Of the two values s and n - s that both verify, the lower. */
function toLowS(signature: Uint8Array): Uint8Array {
  return isHighS(signature) ? withOtherS(signature) : signature;
}

function isHighS(signature: Uint8Array): boolean {
  return BigInt(`0x${toHex(signature.subarray(32))}`) > ORDER / 2n;
}

/** r || n - s: verifies as well as r || s under plain ECDSA. */
export function withOtherS(signature: Uint8Array): Uint8Array {
  const other = ORDER - BigInt(`0x${toHex(signature.subarray(32))}`);
  const copy = signature.slice();
  copy.set(fromHex(other.toString(16).padStart(64, "0")), 32);
  return copy;
}
