// Public keys as (algorithm, bytes), and one type per kind and side, so that swapping two keys does not compile.
// Must not know private keys or where they live. Source: docs/protocol/encoding.md, "Keys and signatures".
import { concatBytes, equalBytes } from "../bytes/bytes.ts";
import { toHex } from "../bytes/hex.ts";
import type { CborValue } from "../codec/cbor.ts";
import type { ArrayReader } from "../codec/readers.ts";
import { talosError } from "../errors/talos-error.ts";
import type { Crypto } from "../primitives/crypto.ts";
import { checkAgreementPublicKey, checkSigningPublicKey } from "../primitives/points.ts";

export const ALGORITHM = { ed25519: 1, x25519: 2, mlKem768: 3, es256: 4 } as const;
export type Algorithm = (typeof ALGORITHM)[keyof typeof ALGORITHM];
/** The algorithms that sign: Ed25519, and ES256 for hardware that has no Ed25519. */
export type SigningAlgorithm = 1 | 4;

export const PUBLIC_KEY_BYTES: Readonly<Record<Algorithm, number>> = { 1: 32, 2: 32, 3: 1184, 4: 33 };

/** The name of an algorithm as shown to people. */
export const ALGORITHM_NAMES: Readonly<Record<Algorithm, string>> = { 1: "Ed25519", 2: "X25519", 3: "ML-KEM-768", 4: "ES256" };

export interface PublicKey<A extends Algorithm = Algorithm> {
  readonly algorithm: A;
  readonly bytes: Uint8Array;
}

export type KeyKind =
  | "identity"
  | "next-identity"
  | "recovery"
  | "encryption"
  | "instance"
  | "signed-prekey"
  | "one-time-prekey"
  | "ratchet";

interface AlgorithmsByKind {
  identity: SigningAlgorithm;
  "next-identity": SigningAlgorithm;
  recovery: SigningAlgorithm;
  encryption: 2;
  instance: 1;
  "signed-prekey": 2 | 3;
  "one-time-prekey": 2 | 3;
  ratchet: 2 | 3;
}
export type AlgorithmOf<K extends KeyKind> = AlgorithmsByKind[K];

const ALGORITHMS_BY_KIND: { readonly [K in KeyKind]: readonly Algorithm[] } = {
  identity: [1, 4],
  "next-identity": [1, 4],
  recovery: [1, 4],
  encryption: [2],
  instance: [1],
  "signed-prekey": [2, 3],
  "one-time-prekey": [2, 3],
  ratchet: [2, 3],
};

declare const sideBrand: unique symbol;
declare const kindBrand: unique symbol;

/** A public key of this agent. Only `ownKey` makes one. */
export type OwnKey<K extends KeyKind, A extends AlgorithmOf<K> = AlgorithmOf<K>> = PublicKey<A> & {
  readonly [sideBrand]: "own";
  readonly [kindBrand]: K;
};
/** A public key of another agent, or one read from a public structure. Only `remoteKey` and the decoders make one. */
export type RemoteKey<K extends KeyKind, A extends AlgorithmOf<K> = AlgorithmOf<K>> = PublicKey<A> & {
  readonly [sideBrand]: "remote";
  readonly [kindBrand]: K;
};

/** Checks that the algorithm fits the kind, the length fits the algorithm, and the point is allowed; returns the key typed.
 *  Throws MALFORMED, or WEAK_PUBLIC_KEY for a key of small order. */
export function ownKey<K extends KeyKind, A extends AlgorithmOf<K>>(kind: K, algorithm: A, bytes: Uint8Array): OwnKey<K, A> {
  checkKey(kind, algorithm, bytes);
  return { algorithm, bytes } as OwnKey<K, A>;
}

/** As `ownKey`, for a key of another agent or from a public structure. */
export function remoteKey<K extends KeyKind, A extends AlgorithmOf<K>>(kind: K, algorithm: A, bytes: Uint8Array): RemoteKey<K, A> {
  checkKey(kind, algorithm, bytes);
  return { algorithm, bytes } as RemoteKey<K, A>;
}

function checkKey(kind: KeyKind, algorithm: Algorithm, bytes: Uint8Array): void {
  if (!ALGORITHMS_BY_KIND[kind].includes(algorithm)) throw malformedKey(kind, "algorithm");
  if (bytes.length !== PUBLIC_KEY_BYTES[algorithm]) throw malformedKey(kind, "length");
  if (algorithm === ALGORITHM.ed25519) checkSigningPublicKey(bytes);
  else if (algorithm === ALGORITHM.x25519) checkAgreementPublicKey(bytes);
  else if (algorithm === ALGORITHM.es256 && bytes[0] !== 2 && bytes[0] !== 3) throw malformedKey(kind, "point form");
}

function malformedKey(kind: KeyKind, reason: string): Error {
  return talosError("MALFORMED", `The ${kind} key is not well formed.`, { details: { reason } });
}

/** True when algorithm and bytes are the same; of public data only. */
export function samePublicKey(a: PublicKey, b: PublicKey): boolean {
  return a.algorithm === b.algorithm && equalBytes(a.bytes, b.bytes);
}

/** `[algorithm, bytes]`, the CBOR form. */
export function publicKeyToCbor(key: PublicKey): CborValue {
  return [key.algorithm, key.bytes];
}

/** Reads `[algorithm, bytes]` as a key of that kind, `only` of that algorithm. Throws MALFORMED or WEAK_PUBLIC_KEY. */
export function readRemoteKey<K extends KeyKind, A extends AlgorithmOf<K>>(list: ArrayReader, kind: K, only?: A): RemoteKey<K, A> {
  const algorithm = list.uint();
  if (only !== undefined && algorithm !== only) throw malformedKey(kind, "algorithm");
  const bytes = list.bytes({ max: PUBLIC_KEY_BYTES[3] });
  list.end();
  return remoteKey(kind, algorithm as A, bytes);
}

/** `key(k) = u8 algorithm || u16 length || bytes`, the form in binary layouts. */
export function publicKeyToBinary(key: PublicKey): Uint8Array {
  return concatBytes(Uint8Array.of(key.algorithm, key.bytes.length >> 8, key.bytes.length & 0xff), key.bytes);
}

declare const keyIdBrand: unique symbol;
/** 16 lower-case hexadecimal characters. Of prekeys their random id; of every other key the first 8 bytes of SHA-256(u8 algorithm || bytes). */
export type KeyId = string & { readonly [keyIdBrand]: true };

export function keyId(key: PublicKey, crypto: Pick<Crypto, "sha256">): KeyId {
  return toHex(crypto.sha256(Uint8Array.of(key.algorithm), key.bytes).subarray(0, 8)) as KeyId;
}

/** The key id of a prekey from its 8 random bytes. Throws MALFORMED at another length. */
export function prekeyKeyId(id: Uint8Array): KeyId {
  if (id.length !== 8) throw talosError("MALFORMED", "A prekey id has 8 bytes.");
  return toHex(id) as KeyId;
}

/** Checks a key id that comes as text. Throws MALFORMED. */
export function parseKeyId(text: string): KeyId {
  if (!/^[0-9a-f]{16}$/.test(text)) throw talosError("MALFORMED", "A key id has 16 lower-case hexadecimal characters.");
  return text as KeyId;
}
