/**
 * A `Crypto` for vectors: its randomness is SHA-256(seed || u64 counter), so keys, ids and nonces are the same in every
 * run, and its encapsulations, which take no coins, are replayed from a record. Never for anything but tests.
 */
import { BinaryWriter, concatBytes, nodeCrypto, revealSecret, SecretBytes, talosError, toHex, type Crypto } from "@talos/core";

/** One call of `encapsulate`, as vectors record it. */
export interface RecordedEncapsulation {
  readonly publicKeyHash: Uint8Array;
  readonly ciphertext: Uint8Array;
  readonly sharedSecret: Uint8Array;
}

export interface ScriptedCrypto extends Crypto {
  /** The encapsulations of this run, in order: replayed and new ones. Record them to replay the run. */
  readonly encapsulations: readonly RecordedEncapsulation[];
}

export interface ScriptedCryptoOptions {
  /** Names the run; two seeds give unrelated randomness. */
  readonly seed: Uint8Array;
  /** Replayed in order; each must meet the public key that it was made for. After the last one, real ones are made. */
  readonly encapsulations?: readonly RecordedEncapsulation[] | undefined;
  /** Refuse real encapsulations: then a run that asks for more than was recorded fails. */
  readonly replayOnly?: boolean | undefined;
}

const HASH_BYTES = 32;
const KEM_SEED_BYTES = 64;

export function scriptedCrypto({ seed, encapsulations: recorded = [], replayOnly = false }: ScriptedCryptoOptions): ScriptedCrypto {
  const encapsulations: RecordedEncapsulation[] = [];
  let counter = 0;

  const randomBytes = (length: number): Uint8Array => {
    const bytes = new Uint8Array(length);
    for (let offset = 0; offset < length; offset += HASH_BYTES) {
      const block = nodeCrypto.sha256(seed, new BinaryWriter(8).u64(counter++).finish());
      bytes.set(block.subarray(0, length - offset), offset);
    }
    return bytes;
  };
  const randomSecret = (length: number): SecretBytes => SecretBytes.take(randomBytes(length));

  const encapsulate: Crypto["encapsulate"] = (publicKey) => {
    const publicKeyHash = nodeCrypto.sha256(publicKey);
    const next = recorded[encapsulations.length] ?? makeEncapsulation(publicKey, publicKeyHash, replayOnly);
    if (toHex(next.publicKeyHash) !== toHex(publicKeyHash)) {
      throw talosError("INTERNAL", "The recorded encapsulation was made for another public key.");
    }
    encapsulations.push(next);
    return { ciphertext: concatBytes(next.ciphertext), sharedSecret: SecretBytes.take(concatBytes(next.sharedSecret)) };
  };

  return {
    ...nodeCrypto,
    encapsulations,
    randomBytes,
    randomSecret,
    generateSigningKey: () => nodeCrypto.signingKeyFromSeed(randomSecret(HASH_BYTES)),
    generateAgreementKey: () => nodeCrypto.agreementKeyFromPrivate(randomSecret(HASH_BYTES)),
    generateKemKey: () => nodeCrypto.kemKeyFromSeed(randomSecret(KEM_SEED_BYTES)),
    encapsulate,
  };
}

function makeEncapsulation(publicKey: Uint8Array, publicKeyHash: Uint8Array, replayOnly: boolean): RecordedEncapsulation {
  if (replayOnly) throw talosError("INTERNAL", "The run asks for more encapsulations than were recorded.");
  const { ciphertext, sharedSecret } = nodeCrypto.encapsulate(publicKey);
  return { publicKeyHash, ciphertext, sharedSecret: revealCopy(sharedSecret) };
}

function revealCopy(secret: SecretBytes): Uint8Array {
  return new Uint8Array(revealSecret(secret));
}
