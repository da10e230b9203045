// Builds what the decoder reads, for its own tests: encodes, signs, seals. Written from docs/protocol alone, like the decoder.
import { createCipheriv, sign } from "node:crypto";
import { encodeCbor, type CborValue } from "./cbor.ts";
import { join, unhex } from "./bytes.ts";
import { sha256 } from "./hashes.ts";
import { ED25519, ML_KEM_768, privateKeyObject, publicOf, X25519, type PublicKey } from "./keys.ts";
import { associatedData } from "./envelope.ts";
import { HOLDER, signedBytes } from "./signed.ts";

export interface KeyPair {
  readonly secret: Uint8Array;
  readonly publicKey: PublicKey;
  readonly field: CborValue;
}

/** A key pair that its name determines. */
export function keyPair(algorithm: number, name: string): KeyPair {
  const seed = sha256(name);
  const secret = algorithm === ML_KEM_768 ? join(seed, sha256(seed)) : seed;
  const publicKey = publicOf(algorithm, secret);
  return { secret, publicKey, field: [algorithm, unhex(publicKey.key)] };
}

export const identityPair = (name: string): KeyPair => keyPair(ED25519, name);
export const agreementPair = (name: string): KeyPair => keyPair(X25519, name);

export type FieldList = readonly (readonly [number, CborValue])[];

export function structure(fields: FieldList): Uint8Array {
  const entries: [number, CborValue][] = [[0, 1], [1, 1], ...fields.map(([key, value]): [number, CborValue] => [key, value])];
  return encodeCbor(new Map<CborValue, CborValue>(entries.toSorted(([a], [b]) => a - b)));
}

export function signEd25519(pair: KeyPair, message: Uint8Array): Uint8Array {
  return new Uint8Array(sign(null, message, privateKeyObject(ED25519, pair.secret)));
}

export function signed(what: string, body: Uint8Array, signers: readonly (readonly [number, KeyPair])[]): Uint8Array {
  const signatures = signers.map(([role, pair]): CborValue => [role, ED25519, signEd25519(pair, signedBytes(what, role, body))]);
  return encodeCbor([body, encodeCbor(signatures)]);
}

export function held(what: string, fields: FieldList, holder: KeyPair): Uint8Array {
  return signed(what, structure(fields), [[HOLDER, holder]]);
}

/** Seals a frame: `clear` is everything of the envelope before the nonce. */
export function seal(clear: Uint8Array, frame: Uint8Array, messageKey: Uint8Array, transcriptHash: Uint8Array): Uint8Array {
  const nonce = sha256(clear).subarray(0, 12);
  const head = join(clear, nonce);
  const cipher = createCipheriv("chacha20-poly1305", messageKey, nonce, { authTagLength: 16 });
  cipher.setAAD(associatedData(transcriptHash, head, head.length), { plaintextLength: frame.length });
  return join(head, cipher.update(frame), cipher.final(), cipher.getAuthTag());
}

export const EMPTY_AUDIT_HEAD: CborValue = [0, sha256()];
export const zeros = (length: number): Uint8Array => new Uint8Array(length);
