/** The only comparison for secrets, tags and anything an attacker may guess byte by byte. */
import { openssl } from "../primitives/openssl.ts";
import { revealSecret, SecretBytes } from "./secret-bytes.ts";

/**
 * Equality in time that depends on the lengths alone, which are not secret.
 *
 * @throws TalosError SECRET_DISPOSED
 */
export function secureCompare(a: Uint8Array | SecretBytes, b: Uint8Array | SecretBytes): boolean {
  const left = a instanceof SecretBytes ? revealSecret(a) : a;
  const right = b instanceof SecretBytes ? revealSecret(b) : b;
  return left.length === right.length && openssl.timingSafeEqual(left, right);
}
