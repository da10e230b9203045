/**
 * The private part of a prekey as its key file holds it: 32 bytes X25519 private key || 64 bytes ML-KEM-768 seed. Makes new
 * prekeys and opens stored ones. Knows no batch.
 */
import {
  ALGORITHM,
  decodeStatement,
  DEFAULT_ROTATION_POLICY,
  encodeStatement,
  oneTimePrekeyTimes,
  ownKey,
  PREKEY_ID_BYTES,
  prekeyKeyId,
  revealSecret,
  SecretBytes,
  settledBytes,
  signedPrekeyTimes,
  talosError,
  type Crypto,
  type KemKey,
  type KeyTimes,
  type OwnPrekey,
  type PrekeyKind,
  type RotationPolicy,
} from "@talos/core";
import type { InventoryEntry, KeyFileStore } from "../vault/index.ts";

const AGREEMENT_BYTES = 32;
const KEM_SEED_BYTES = 64;

/** Makes a prekey and stages its private part; it is live once the entry has committed. */
function createPrekey(files: KeyFileStore, kind: PrekeyKind, { from, to, dueAt }: KeyTimes, crypto: Crypto): InventoryEntry {
  const id = crypto.randomBytes(PREKEY_ID_BYTES);
  using agreement = crypto.generateAgreementKey();
  using kem = crypto.generateKemKey();
  const agreementKey = ownKey(kind, ALGORITHM.x25519, agreement.publicKey);
  const statement = encodeStatement({ kind, id, agreementKey, kemKey: ownKey(kind, ALGORITHM.mlKem768, kem.publicKey), from, to });
  using secret = joined(agreement.exportPrivate(), kem.exportSeed());
  const keyId = prekeyKeyId(id);
  files.stage(kind, keyId, secret);
  return {
    keyId,
    kind,
    state: "live",
    algorithm: ALGORITHM.x25519,
    publicKey: agreement.publicKey,
    createdAt: from,
    dueAt,
    expiresAt: to,
    backend: "software",
    protection: "software",
    statement,
  };
}

/** A new signed prekey, valid from now on. */
export function createSignedPrekey(
  files: KeyFileStore,
  now: number,
  crypto: Crypto,
  policy: RotationPolicy = DEFAULT_ROTATION_POLICY,
): InventoryEntry {
  return createPrekey(files, "signed-prekey", signedPrekeyTimes(policy, now, randomByte(crypto)), crypto);
}

/** New one-time prekeys, valid from now on, and all due at one time: they are replaced together. */
export function createOneTimePrekeys(
  files: KeyFileStore,
  count: number,
  now: number,
  crypto: Crypto,
  policy: RotationPolicy = DEFAULT_ROTATION_POLICY,
): readonly InventoryEntry[] {
  const times = oneTimePrekeyTimes(policy, now, randomByte(crypto));
  return Array.from({ length: count }, () => createPrekey(files, "one-time-prekey", times, crypto));
}

function randomByte(crypto: Crypto): number {
  return crypto.randomBytes(1)[0] ?? 0;
}

/** A prekey with its private parts, for a moment. */
export interface LoadedPrekey extends Disposable {
  readonly prekey: OwnPrekey;
  readonly kemKey: KemKey;
}

/** @throws TalosError PREKEY_NOT_FOUND for one that has ended; KEY_FILE_CORRUPT, KEY_FILE_MISSING, KEY_FILE_SWAPPED */
export function loadPrekey(files: KeyFileStore, entry: InventoryEntry, crypto: Crypto): LoadedPrekey {
  const { keyId, kind, statement } = entry;
  if (statement === undefined) throw talosError("PREKEY_NOT_FOUND", undefined, { details: { keyId } });
  const { id, agreementKey, kemKey: kemPublicKey } = decodeStatement(statement);
  using secret = files.load(kind, keyId);
  if (secret.length !== AGREEMENT_BYTES + KEM_SEED_BYTES) throw talosError("KEY_FILE_CORRUPT", undefined, { details: { keyId } });
  using agreementPrivate = SecretBytes.copyOf(revealSecret(secret).subarray(0, AGREEMENT_BYTES));
  using kemSeed = SecretBytes.copyOf(revealSecret(secret).subarray(AGREEMENT_BYTES));
  const privateKey = crypto.agreementKeyFromPrivate(agreementPrivate);
  const kemKey = crypto.kemKeyFromSeed(kemSeed);
  return {
    prekey: { id, agreementKey, kemKey: kemPublicKey, privateKey },
    kemKey,
    [Symbol.dispose]: () => {
      privateKey[Symbol.dispose]();
      kemKey[Symbol.dispose]();
    },
  };
}

function joined(agreementPrivate: SecretBytes, kemSeed: SecretBytes): SecretBytes {
  using first = agreementPrivate;
  using second = kemSeed;
  const bytes = settledBytes(first.length + second.length);
  bytes.set(revealSecret(first));
  bytes.set(revealSecret(second), first.length);
  return SecretBytes.take(bytes);
}
