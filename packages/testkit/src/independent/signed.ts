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
  if (bytes.length > most) refuse("too-large", `${bytes.length} bytes, at most ${most}`);
  const [body, encoded] = asTuple(decodeCbor(bytes), 2);
  const list = decodeCbor(asBytes(encoded));
  demand(Array.isArray(list) && list.length >= 1 && list.length <= 4, "1 to 4 signatures");
  const signatures = (list as readonly CborValue[]).map((entry): RoleSignature => {
    const [role, algorithm, signature] = asTuple(entry, 3);
    return { role: asUint(role), algorithm: asUint(algorithm), signature: hex(asBytes(signature, 64)) };
  });
  demand(ascending(signatures.map(({ role }) => role)), "roles ascend");
  return { body: asBytes(body), signatures };
}

export function signedBytes(what: string, role: number, body: Uint8Array): Uint8Array {
  return join(`talos/v1/sign/${what}`, new Uint8Array(1), u8(role), body);
}

/** The form that the type asks for: exactly the roles named. */
export function checkRoles(signatures: readonly RoleSignature[], roles: readonly number[]): void {
  const found = signatures.map(({ role }) => role).join();
  demand(found === roles.join(), `roles ${found}, wanted ${roles.join()}`);
  for (const { algorithm } of signatures) demand(algorithm === ED25519 || algorithm === ES256, `signature algorithm ${algorithm}`);
}

/** Verifies the signature of a role under the key that it stands for. */
export function checkRole(what: string, signed: Signed, role: number, key: PublicKey): void {
  const found = signed.signatures.find((signature) => signature.role === role);
  demand(found !== undefined, `role ${role} is missing`);
  if (found.algorithm !== key.algorithm) refuse("signature-invalid", "the signature's algorithm is not the key's");
  checkSignature(key, signedBytes(what, role, signed.body), unhex(found.signature));
}
