// The keys of a recovery kit: one seed, and a key for each recovery event. Must not know where the seed is kept.
// Source: docs/protocol/identity.md.
import { concatBytes } from "../bytes/bytes.ts";
import { talosError } from "../errors/talos-error.ts";
import { utf8 } from "../bytes/utf8.ts";
import type { Crypto, SigningKey } from "../primitives/crypto.ts";
import type { SecretBytes } from "../secret/secret-bytes.ts";

const LABEL: Uint8Array = utf8("talos/v1/recovery-key");
const KEY_SEED_BYTES = 32;

/**
 * Recovery key `index` of a kit: each recovery event reveals one and commits to the next. The caller disposes it.
 *
 * @param seed the kit's, 32 bytes
 * @param index 0 to 2^32 - 1
 * @throws TalosError INVALID_ARGUMENT for another index; SECRET_DISPOSED
 */
export function recoveryKeyAt(seed: SecretBytes, index: number, crypto: Pick<Crypto, "deriveKey" | "signingKeyFromSeed">): SigningKey {
  if (!Number.isInteger(index) || index < 0 || index > 0xffff_ffff)
    throw talosError("INVALID_ARGUMENT", "No recovery key has that number.");
  const number = new Uint8Array(4);
  new DataView(number.buffer).setUint32(0, index);
  using keySeed = crypto.deriveKey(seed, concatBytes(LABEL, number), KEY_SEED_BYTES);
  return crypto.signingKeyFromSeed(keySeed);
}
