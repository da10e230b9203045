// The envelope of everything signed: body and signatures as two byte strings. Must not know what any body means.
// Source: docs/protocol/encoding.md, "Signed structures".
import { encodeCbor } from "../codec/cbor.ts";
import { malformedField } from "../codec/fields.ts";
import { readCborArray } from "../codec/readers.ts";
import { talosError } from "../errors/talos-error.ts";
import type { Crypto } from "../primitives/crypto.ts";
import { labelledBytes, type Label } from "./labels.ts";
import { ALGORITHM, type PublicKey, type SigningAlgorithm } from "./public-key.ts";

/** Who signs: the holder of the key, the key revealed from a commitment, the key before the event. */
export const ROLE = { holder: 1, revealed: 2, outgoing: 3 } as const;
export type Role = (typeof ROLE)[keyof typeof ROLE];

export const SIGNATURE_BYTES = 64;
const MAX_SIGNATURES = 4;

/** A signed structure as it came: nothing in it is verified. */
export interface Signed {
  readonly body: Uint8Array;
  readonly signatures: readonly SignatureEntry[];
}

export interface SignatureEntry {
  readonly role: Role;
  readonly algorithm: SigningAlgorithm;
  /** 64 bytes. */
  readonly signature: Uint8Array;
}

/** What a backend must sign, and in which role; the answer goes back as a SignatureEntry of the same role. */
export interface ToSign {
  readonly role: Role;
  readonly bytes: Uint8Array;
}

/** What `prepare...` returns: the body, and the bytes that must be signed. */
export interface Prepared {
  readonly body: Uint8Array;
  readonly toSign: readonly ToSign[];
}

/** `label || 0x00 || u8 role || body`. */
export function signedBytes(label: Label, role: Role, body: Uint8Array): Uint8Array {
  return labelledBytes(label, Uint8Array.of(role), body);
}

export function prepareSigned(label: Label, body: Uint8Array, roles: readonly Role[]): Prepared {
  return { body, toSign: roles.map((role) => ({ role, bytes: signedBytes(label, role, body) })) };
}

/** `[body, signatures]`; the entries are put in the order of their roles. Throws MALFORMED. */
export function encodeSigned(body: Uint8Array, signatures: readonly SignatureEntry[]): Uint8Array {
  const entries = signatures.toSorted((a, b) => a.role - b.role);
  const encoded = encodeCbor(entries.map((entry) => [entry.role, entry.algorithm, entry.signature]));
  decodeSignatures(encoded);
  return encodeCbor([body, encoded]);
}

/** Takes apart `[body, signatures]` of a structure of that name. Throws MALFORMED, above `maxBytes` before anything is read. */
export function decodeSigned(wire: Uint8Array, structure: string, maxBytes: number): Signed {
  if (wire.length > maxBytes) throw malformedField({ structure, field: "whole" }, "too large");
  const outer = readCborArray(wire, structure, { length: 2 });
  return { body: outer.bytes({}), signatures: decodeSignatures(outer.bytes({})) };
}

function decodeSignatures(bytes: Uint8Array): readonly SignatureEntry[] {
  const list = readCborArray(bytes, "signatures", { min: 1, max: MAX_SIGNATURES });
  const entries: SignatureEntry[] = [];
  let lastRole = 0;
  while (list.remaining > 0) {
    const item = list.array({ length: 3 });
    const role = item.uint({ min: lastRole + 1, max: ROLE.outgoing }) as Role;
    const algorithm = item.uint() as SigningAlgorithm;
    if (algorithm !== ALGORITHM.ed25519 && algorithm !== ALGORITHM.es256)
      throw malformedField({ structure: "signatures", field: "algorithm" }, "does not sign");
    entries.push({ role, algorithm, signature: item.bytes({ length: SIGNATURE_BYTES }) });
    lastRole = role;
  }
  return entries;
}

/** Checks that exactly these roles have signed, each under its key. Throws SIGNATURE_INVALID. */
export function verifySigned(
  label: Label,
  signed: Signed,
  keys: ReadonlyMap<Role, PublicKey<SigningAlgorithm>>,
  crypto: Pick<Crypto, "verifySignature">,
): void {
  if (keys.size === 0 || signed.signatures.length !== keys.size) throw talosError("SIGNATURE_INVALID");
  for (const [role, key] of keys) {
    const entry = signed.signatures.find((candidate) => candidate.role === role);
    const valid =
      entry !== undefined &&
      entry.algorithm === key.algorithm &&
      crypto.verifySignature(key.algorithm, key.bytes, signedBytes(label, role, signed.body), entry.signature);
    if (!valid) throw talosError("SIGNATURE_INVALID");
  }
}
