/**
 * Ways into a vault. A slot wraps the vault key under a key from a secret; a commitment, checked before anything is
 * decrypted, binds it to exactly one secret (AES-GCM alone would open under several keys). Does not store anything.
 *
 * password -> Argon2id, key file or credential -> HKDF -> 32 bytes: the stretched secret -> key-encryption key, and a key whose hash is
 * the commitment. Both, and the associated data of the wrap, cover agent id, kind, parameters, vault key number and salt.
 */
import {
  AEAD_KEY_BYTES,
  type AgentId,
  concatBytes,
  type Crypto,
  isTalosError,
  revealSecret,
  type SecretBytes,
  talosError,
  type TalosError,
  utf8,
} from "@talos/core";
import { openCommitted, wrapCommitted, type WrapLabels } from "./committed-wrap.ts";
import { checkKdfParameters, DEFAULT_KDF, type KdfParameters } from "./kdf-bounds.ts";
import { mayBeRandom } from "./random-material.ts";
import {
  damagedSlot,
  decodeSlot,
  encodeSlot,
  kindNumber,
  MAX_SLOTS,
  SLOT_SALT_BYTES,
  type SlotFields,
  type StoredSlot,
  type UnlockKind,
} from "./slot-record.ts";

const MAX_PASSWORD_BYTES = 4096;
const MIN_MATERIAL_BYTES = 32;
const MAX_MATERIAL_BYTES = 1024;

const MATERIAL_LABEL: Uint8Array = utf8("talos/v1/vault/slot-material\u0000");
const WRAP_LABELS: WrapLabels = {
  key: utf8("talos/v1/vault/slot-key\u0000"),
  commitment: utf8("talos/v1/vault/slot-commitment\u0000"),
  wrap: utf8("talos/v1/vault/slot-wrap\u0000"),
};

/** A secret to open a vault with; only slots of its kind are tried. */
export interface UnlockWith {
  readonly kind: UnlockKind;
  /** A password's UTF-8 of NFC, 1 to 4096 bytes; the content of a key file or credential as it is, 32 to 1024 bytes. */
  readonly secret: SecretBytes;
}

/** Whose vault, and under which of its vault keys. */
export interface VaultKeyPlace {
  readonly agentId: AgentId;
  readonly vaultKeyNumber: number;
}

export interface NewSlot {
  /** As it is: a new one is the caller's to check (`checkLabel`), and one that a slot has already is carried on. */
  readonly label: string;
  readonly now: number;
  /** Of a password; default: DEFAULT_KDF. */
  readonly kdf?: KdfParameters | undefined;
}

/** A stored slot with what its secret was stretched to: enough to wrap another vault key without asking again. */
export interface MadeSlot {
  readonly record: Uint8Array;
  /** 32 bytes; the caller disposes it. */
  readonly stretched: SecretBytes;
}

/** Disposing it wipes both secrets. */
export interface UnlockedSlot extends Disposable {
  readonly number: number;
  readonly fields: SlotFields;
  readonly vaultKey: SecretBytes;
  readonly stretched: SecretBytes;
}

/**
 * Makes a slot: of a password one Argon2id run.
 *
 * @throws TalosError PASSWORD_REQUIRED for an empty password; KDF_PARAMETERS_REFUSED; INVALID_ARGUMENT for a password above 4096 bytes,
 *   for key material outside 32 to 1024 bytes or that cannot be random (random-material.ts)
 */
export function makeSlot(withSecret: UnlockWith, vaultKey: SecretBytes, place: VaultKeyPlace, slot: NewSlot, crypto: Crypto): MadeSlot {
  checkNewSecret(withSecret);
  const kdf = withSecret.kind === "password" ? (slot.kdf ?? DEFAULT_KDF) : undefined;
  if (kdf !== undefined) checkKdfParameters(kdf);
  const salt = crypto.randomBytes(SLOT_SALT_BYTES);
  using cleanup = new DisposableStack();
  const stretched = cleanup.use(stretch(withSecret, salt, kdf, crypto));
  const base = { kind: withSecret.kind, label: slot.label, kdf, salt, createdAt: slot.now };
  const record = wrap(base, stretched, vaultKey, place, crypto);
  cleanup.move();
  return { record, stretched };
}

/** The slot once more, with the same secret, around another vault key: nothing is asked for, and nothing is stretched. */
export function rewrapSlot(
  slot: SlotFields,
  stretched: SecretBytes,
  vaultKey: SecretBytes,
  place: VaultKeyPlace,
  crypto: Crypto,
): Uint8Array {
  return wrap(slot, stretched, vaultKey, place, crypto);
}

/**
 * Tries a secret on every slot of its kind that wraps the current vault key. A slot that is damaged keeps nobody out who
 * has another one.
 *
 * @throws TalosError PASSWORD_REQUIRED for an empty password; WRONG_PASSWORD, WRONG_UNLOCK_KEY; where none opens and one is
 *   damaged: VAULT_CORRUPT, or KDF_PARAMETERS_REFUSED before anything is derived
 */
export function unlock(slots: readonly StoredSlot[], withSecret: UnlockWith, place: VaultKeyPlace, crypto: Crypto): UnlockedSlot {
  const { kind, secret } = withSecret;
  if (kind === "password" && secret.length === 0) throw talosError("PASSWORD_REQUIRED");
  if (slots.length === 0 || slots.length > MAX_SLOTS) throw damagedSlot();
  let problem: TalosError | undefined;
  let current = 0;
  for (const { number, record } of slots) {
    try {
      const fields = decodeSlot(record, crypto);
      if (fields.vaultKeyNumber !== place.vaultKeyNumber) continue;
      current++;
      const opened = fields.kind === kind ? openSlot(fields, withSecret, place.agentId, crypto) : undefined;
      if (opened !== undefined) return unlockedSlot(number, fields, opened);
    } catch (error) {
      if (!isTalosError(error, "VAULT_CORRUPT") && !isTalosError(error, "KDF_PARAMETERS_REFUSED")) throw error;
      problem ??= error;
    }
  }
  if (problem !== undefined) throw problem;
  if (current === 0) throw damagedSlot();
  throw talosError(kind === "password" ? "WRONG_PASSWORD" : "WRONG_UNLOCK_KEY");
}

function unlockedSlot(number: number, fields: SlotFields, secrets: Pick<UnlockedSlot, "vaultKey" | "stretched">): UnlockedSlot {
  const { vaultKey, stretched } = secrets;
  const dispose = (): void => {
    vaultKey.dispose();
    stretched.dispose();
  };
  return { number, fields, vaultKey, stretched, [Symbol.dispose]: dispose };
}

/** Undefined when it is not this slot's secret. @throws TalosError VAULT_CORRUPT where the commitment fits and the wrap does not open */
function openSlot(
  slot: SlotFields,
  unlockWith: UnlockWith,
  agentId: AgentId,
  crypto: Crypto,
): Pick<UnlockedSlot, "vaultKey" | "stretched"> | undefined {
  if (!mayBeSecret(unlockWith)) return undefined;
  const bound = boundFields(slot, { agentId, vaultKeyNumber: slot.vaultKeyNumber });
  using cleanup = new DisposableStack();
  const stretched = cleanup.use(stretch(unlockWith, slot.salt, slot.kdf, crypto));
  try {
    const vaultKey = openCommitted(slot, stretched, bound, WRAP_LABELS, crypto);
    if (vaultKey === undefined) return undefined;
    cleanup.move();
    return { vaultKey, stretched };
  } catch (cause) {
    throw damagedSlot(cause);
  }
}

function wrap(
  slot: Pick<SlotFields, "kind" | "label" | "kdf" | "salt" | "createdAt">,
  stretched: SecretBytes,
  vaultKey: SecretBytes,
  place: VaultKeyPlace,
  crypto: Crypto,
): Uint8Array {
  const { kind, label, kdf, salt, createdAt } = slot;
  const bound = boundFields(slot, place);
  const { commitment, nonce, wrapped } = wrapCommitted(vaultKey, stretched, bound, WRAP_LABELS, crypto);
  const { vaultKeyNumber } = place;
  return readable(encodeSlot({ kind, label, kdf, salt, vaultKeyNumber, createdAt, commitment, nonce, wrapped }, crypto), crypto);
}

/** A slot that cannot be read again would lock its owner out. */
function readable(record: Uint8Array, crypto: Crypto): Uint8Array {
  try {
    decodeSlot(record, crypto);
    return record;
  } catch (cause) {
    throw talosError("INTERNAL", "An unlock slot was made that cannot be read.", { cause });
  }
}

function stretch({ kind, secret }: UnlockWith, salt: Uint8Array, kdf: KdfParameters | undefined, crypto: Crypto): SecretBytes {
  if (kind !== "password") return crypto.deriveKey(secret, MATERIAL_LABEL, AEAD_KEY_BYTES, salt);
  if (kdf === undefined) throw damagedSlot();
  return crypto.argon2id(secret, salt, { ...kdf, length: AEAD_KEY_BYTES });
}

/**
 * What the derivations and the wrap cover. Fixed layout: agent id, u32 kind, u32 memory, u32 passes, u32 lanes (three zeros where the
 * secret is no password), u32 vault key number, salt.
 */
function boundFields(slot: Pick<SlotFields, "kind" | "kdf" | "salt">, { agentId, vaultKeyNumber }: VaultKeyPlace): Uint8Array {
  const { memoryKiB, passes, lanes } = slot.kdf ?? { memoryKiB: 0, passes: 0, lanes: 0 };
  const values = [kindNumber(slot.kind), memoryKiB, passes, lanes, vaultKeyNumber];
  const numbers = new DataView(new ArrayBuffer(4 * values.length));
  values.forEach((value, i) => numbers.setUint32(4 * i, value));
  return concatBytes(agentId, new Uint8Array(numbers.buffer), slot.salt);
}

/** Whether any slot could have been made for a secret of that length. */
function mayBeSecret({ kind, secret: { length } }: UnlockWith): boolean {
  if (kind === "password") return length > 0 && length <= MAX_PASSWORD_BYTES;
  return length >= MIN_MATERIAL_BYTES && length <= MAX_MATERIAL_BYTES;
}

/** Before anything is made. @throws TalosError PASSWORD_REQUIRED, INVALID_ARGUMENT as `makeSlot` */
export function checkNewSecret(unlockWith: UnlockWith): void {
  const { kind, secret } = unlockWith;
  if (kind === "password" && secret.length === 0) throw talosError("PASSWORD_REQUIRED");
  if (!mayBeSecret(unlockWith)) {
    throw talosError(
      "INVALID_ARGUMENT",
      kind === "password" ? "The password is longer than 4096 bytes." : "A key file or credential has 32 to 1024 bytes.",
      { details: { option: kind, reason: "length" } },
    );
  }
  if (kind !== "password" && !mayBeRandom(revealSecret(secret))) {
    throw talosError("INVALID_ARGUMENT", "The key file or credential holds no random key: it is text, or has too few different bytes.", {
      hint: "Make one with: head -c 64 /dev/urandom.",
      details: { option: kind, reason: "not random" },
    });
  }
}
