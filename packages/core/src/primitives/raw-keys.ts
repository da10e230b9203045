/** Key objects from raw bytes. The one place that knows Node's names for the raw formats. */
import type { KeyObject } from "node:crypto";

import { openssl } from "./openssl.ts";

export type KeyType = "ed25519" | "x25519" | "ml-kem-768";
export type RawPrivateFormat = "raw-private" | "raw-seed";

/** @throws what OpenSSL throws for bytes that are no key of this type */
export function publicKeyFromRaw(type: KeyType, bytes: Uint8Array): KeyObject {
  return withoutStackTraces(() => openssl.createPublicKey({ key: asBuffer(bytes), format: "raw-public", asymmetricKeyType: type }));
}

/** @param point compressed, 33 bytes @throws what OpenSSL throws for bytes that are no point of P-256 */
export function p256KeyFromPoint(point: Uint8Array): KeyObject {
  return withoutStackTraces(() =>
    openssl.createPublicKey({ key: asBuffer(point), format: "raw-public", asymmetricKeyType: "ec", namedCurve: "P-256" }),
  );
}

export function privateKeyFromRaw(type: KeyType, bytes: Uint8Array): KeyObject {
  const format: RawPrivateFormat = type === "ml-kem-768" ? "raw-seed" : "raw-private";
  return withoutStackTraces(() => openssl.createPrivateKey({ key: asBuffer(bytes), format, asymmetricKeyType: type }));
}

/** Node's types ask for a Buffer where any view will do; this makes a view, not a copy. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

/**
 * Node 24 finds out by four caught errors that the input is not a key object already; their stack traces are two thirds
 * of the cost (15 against 5 us for an X25519 key). Nothing else runs in between, and what is thrown here is turned into
 * an error of ours or into `false`.
 */
function withoutStackTraces<T>(make: () => T): T {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return make();
  } finally {
    Error.stackTraceLimit = limit;
  }
}
