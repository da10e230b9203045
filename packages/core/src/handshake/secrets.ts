// From the shared secrets to the session secret and its id. The one place through which every Diffie-Hellman result of a handshake goes.
// Must not know whose keys made them. Source: docs/protocol/handshake.md, "Secrets".
import { concatBytes } from "../bytes/bytes.ts";
import { utf8 } from "../bytes/utf8.ts";
import { talosError } from "../errors/talos-error.ts";
import type { Crypto } from "../primitives/crypto.ts";
import { secureCompare } from "../secret/secure-compare.ts";
import { revealSecret, SecretBytes } from "../secret/secret-bytes.ts";

const SESSION_SECRET_INFO: Uint8Array = utf8("talos-session-secret");
const SESSION_ID_INFO: Uint8Array = utf8("talos-session-id");
const SECRET_BYTES = 32;
const SESSION_ID_BYTES = 16;
/** So that the input never begins like an X25519 point (X3DH, 2.2). */
const PREFIX_BYTES = 32;
const ALL_ZERO: Uint8Array = new Uint8Array(SECRET_BYTES);

/** In the order of their names in the specification. */
export interface HandshakeSecrets {
  readonly dh1: SecretBytes;
  readonly dh2: SecretBytes;
  readonly dh3: SecretBytes;
  readonly dh4?: SecretBytes | undefined;
  readonly kem: SecretBytes;
}

/**
 * The session secret, 32 bytes. Also refuses what a backend may have let through: one secret that the other side's weak key made
 * all-zero is one that anybody knows.
 *
 * @throws TalosError WEAK_PUBLIC_KEY for an all-zero Diffie-Hellman result, before anything is derived; INVALID_ARGUMENT for a wrong length
 */
export function deriveSessionSecret(secrets: HandshakeSecrets, transcriptHash: Uint8Array, crypto: Pick<Crypto, "deriveKey">): SecretBytes {
  const agreements = [secrets.dh1, secrets.dh2, secrets.dh3, ...(secrets.dh4 === undefined ? [] : [secrets.dh4])];
  for (const secret of [...agreements, secrets.kem]) {
    if (secret.length !== SECRET_BYTES) throw talosError("INVALID_ARGUMENT", "A shared secret has 32 bytes.");
  }
  for (const agreement of agreements) {
    if (secureCompare(agreement, ALL_ZERO)) throw talosError("WEAK_PUBLIC_KEY");
  }
  const parts = [...agreements, secrets.kem].map(revealSecret);
  using input = SecretBytes.take(concatBytes(new Uint8Array(PREFIX_BYTES).fill(0xff), ...parts));
  return crypto.deriveKey(input, concatBytes(SESSION_SECRET_INFO, transcriptHash), SECRET_BYTES);
}

/** 16 bytes; public. */
export function deriveSessionId(sessionSecret: SecretBytes, crypto: Pick<Crypto, "deriveKey">): Uint8Array {
  using id = crypto.deriveKey(sessionSecret, SESSION_ID_INFO, SESSION_ID_BYTES);
  return new Uint8Array(revealSecret(id));
}
