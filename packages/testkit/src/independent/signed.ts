// Signed structures (encoding.md): `[body, signatures]`, the roles, and the bytes that each role signs.
import { decodeCbor, type CborValue } from "./cbor.ts";
import { hex, join, u8, unhex } from "./bytes.ts";
import { checkSignature, ED25519, ES256, type PublicKey } from "./keys.ts";
import { demand, refuse } from "./refusal.ts";
import { asBytes, ascending, asTuple, asUint } from "./structure.ts";

export const HOLDER = 1;
export const REVEALED = 2;
export const OUTGOING = 3;

export interface RoleSignature {
  readonly role: number;
  readonly algorithm: number;
  readonly signature: string;
}

export interface Signed {
  readonly body: Uint8Array;
  readonly signatures: readonly RoleSignature[];
}

/** Splits a signed structure of at most `most` bytes; verifies nothing. */
export function splitSigned(bytes: Uint8Array, most: number): Signed {
  demand(bytes.length <= most, `${bytes.length} bytes, at most ${most}`);
  const [body, encoded] = asTuple(decodeCbor(bytes), 2);
  const list = decodeCbor(asBytes(encoded));
  demand(Array.isArray(list) && list.length >= 1 && list.length <= 4, "1 to 4 signatures");
  const signatures = (list as readonly CborValue[]).map((entry): RoleSignature => {
    const [role, algorithm, signature] = asTuple(entry, 3);
    return { role: asUint(role, HOLDER, OUTGOING), algorithm: signing(asUint(algorithm)), signature: hex(asBytes(signature, 64)) };
  });
  demand(ascending(signatures.map(({ role }) => role)), "roles ascend");
  return { body: asBytes(body), signatures };
}

export function signedBytes(what: string, role: number, body: Uint8Array): Uint8Array {
  return join(`talos/v1/sign/${what}`, new Uint8Array(1), u8(role), body);
}

function signing(algorithm: number): number {
  demand(algorithm === ED25519 || algorithm === ES256, `algorithm ${algorithm} does not sign`);
  return algorithm;
}

/** Exactly the roles that the structure names. */
export function checkRoles(signatures: readonly RoleSignature[], roles: readonly number[]): void {
  const found = signatures.map(({ role }) => role).join();
  if (found !== roles.join()) refuse("signature-invalid", `roles ${found}, wanted ${roles.join()}`);
}

/** Verifies the signature of a role under the key that it stands for. */
export function checkRole(what: string, signed: Signed, role: number, key: PublicKey): void {
  const found = signed.signatures.find((signature) => signature.role === role);
  demand(found !== undefined, `role ${role} is missing`);
  if (found.algorithm !== key.algorithm) refuse("signature-invalid", "the signature's algorithm is not the key's");
  checkSignature(key, signedBytes(what, role, signed.body), unhex(found.signature));
}
