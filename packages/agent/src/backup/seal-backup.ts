/**
 * A backup as one file: its content sealed under a key of its own, and that key under each password. All that is clear, and every slot, is
 * bound into the seal. Touches no file and no vault; what is inside is proved by `backup-proof.ts`. Source: docs/protocol/backup.md.
 */
import {
  AEAD_KEY_BYTES,
  concatBytes,
  type Crypto,
  isTalosError,
  revealSecret,
  type SecretBytes,
  secureCompare,
  talosError,
  toHex,
  utf8,
} from "@talos/core";
import { type CommittedWrap, openCommitted, wrapCommitted, type WrapLabels } from "../vault/slots/committed-wrap.ts";
import { checkKdfParameters, type KdfParameters } from "../vault/slots/kdf-bounds.ts";
import type { BackupContent, BackupFacts } from "./backup-content.ts";
import { BACKUP_SALT_BYTES, type BackupRecord, decodeBackup, encodeBackup, encodeClear, encodeSlots, MAX_SLOTS } from "./backup-record.ts";
import { decodeContent, encodeContent, secretsOf } from "./content-codec.ts";
import { damagedBackup } from "./damaged-backup.ts";
import { pad, unpad } from "./padding.ts";

/** Above the vault's: a backup is opened rarely, and lies where others may find it. */
export const BACKUP_KDF: KdfParameters = { memoryKiB: 262_144, passes: 4, lanes: 4 };

const ID_BYTES = 8;
const SLOT_LABELS: WrapLabels = {
  key: utf8("talos/v1/backup/slot/key\u0000"),
  commitment: utf8("talos/v1/backup/slot/commitment\u0000"),
  wrap: utf8("talos/v1/backup/slot/seal\u0000"),
};
const CONTENT_LABELS: WrapLabels = {
  key: utf8("talos/v1/backup/content/key\u0000"),
  commitment: utf8("talos/v1/backup/content/commitment\u0000"),
  wrap: utf8("talos/v1/backup/content/seal\u0000"),
};

/** What a backup file says without a password. Nothing proves it yet. */
export interface ReadableBackup extends BackupFacts {
  /** 16 hexadecimal characters, of this file alone. */
  readonly id: string;
  /** How many passwords open it, 1 to 4. */
  readonly slots: number;
  readonly kdf: KdfParameters;
}

/** Disposing it wipes the keys. */
export interface OpenedBackup extends Disposable {
  readonly content: BackupContent;
  readonly id: string;
  /** Whose password it was, 1 to `slots`. */
  readonly slot: number;
  readonly slots: number;
  readonly kdf: KdfParameters;
}

/**
 * One Argon2id run for each password.
 *
 * @param content stays the caller's
 * @param passwords 1 to 4, of UTF-8 in NFC, not empty
 * @throws TalosError KDF_PARAMETERS_REFUSED, BACKUP_PASSWORD_REUSED for two that are the same, BACKUP_TOO_LARGE, before anything is derived;
 *   INVALID_ARGUMENT for none or more than 4
 */
export function sealBackup(content: BackupContent, passwords: readonly SecretBytes[], kdf: KdfParameters, crypto: Crypto): Uint8Array {
  checkKdfParameters(kdf);
  checkPasswords(passwords);
  const { agentName, agentId, createdAt, head } = content;
  const salt = crypto.randomBytes(BACKUP_SALT_BYTES);
  const clear = encodeClear({ agentName, agentId, createdAt, head, kdf, salt });
  const encoded = encodeContent(content);
  try {
    using padded = pad(secretsOf(content), encoded);
    using fileKey = crypto.randomSecret(AEAD_KEY_BYTES);
    const slots = passwords.map((password, index) => {
      using stretched = stretch(password, { kdf, salt }, crypto);
      return wrapCommitted(fileKey, stretched, slotBound(clear, index), SLOT_LABELS, crypto);
    });
    const slotBytes = encodeSlots(slots);
    const seal = wrapCommitted(padded, fileKey, contentBound(clear, slotBytes), CONTENT_LABELS, crypto);
    return encodeBackup({ clear, slotBytes, seal }, crypto);
  } finally {
    encoded.fill(0);
  }
}

/** No password, no derivation. @throws TalosError as `openBackup`, but for the password and what is sealed */
export function readBackupFacts(file: Uint8Array, crypto: Pick<Crypto, "sha256">): ReadableBackup {
  const { fields, slots, seal } = decodeBackup(file, crypto);
  const { agentName, agentId, createdAt, head, kdf } = fields;
  return { agentName, agentId, createdAt, head, kdf, id: idOf(seal), slots: slots.length };
}

/**
 * One Argon2id run, however many slots there are. What comes out was sealed by somebody who had the password, and nothing else of it is
 * proved: see `verifyContent`.
 *
 * @param password UTF-8 of NFC, not empty
 * @throws TalosError BACKUP_DAMAGED (`details.reason`), KDF_PARAMETERS_REFUSED, UNSUPPORTED_VERSION, UNSUPPORTED_SUITE,
 *   UNSUPPORTED_EXTENSION; BACKUP_WRONG_PASSWORD
 */
export function openBackup(file: Uint8Array, password: SecretBytes, crypto: Crypto): OpenedBackup {
  const record = decodeBackup(file, crypto);
  const { fields, slots, seal } = record;
  using unlocked = unlock(record, password, crypto);
  if (unlocked === undefined) throw talosError("BACKUP_WRONG_PASSWORD");
  const content = openContent(record, unlocked.fileKey, crypto);
  return {
    content,
    id: idOf(seal),
    slot: unlocked.slot,
    slots: slots.length,
    kdf: fields.kdf,
    [Symbol.dispose]: () => content[Symbol.dispose](),
  };
}

/** Whether the password is one of those. One Argon2id run; nothing is kept. @throws TalosError as `openBackup`, but for the password */
export function opensBackup(file: Uint8Array, password: SecretBytes, crypto: Crypto): boolean {
  using unlocked = unlock(decodeBackup(file, crypto), password, crypto);
  return unlocked !== undefined;
}

interface Unlocked extends Disposable {
  readonly slot: number;
  readonly fileKey: SecretBytes;
}

function unlock({ fields, clear, slots }: BackupRecord, password: SecretBytes, crypto: Crypto): Unlocked | undefined {
  using stretched = stretch(password, fields, crypto);
  for (const [index, wrap] of slots.entries()) {
    const fileKey = openSeal(wrap, stretched, slotBound(clear, index), SLOT_LABELS, crypto);
    if (fileKey !== undefined) return { slot: index + 1, fileKey, [Symbol.dispose]: () => fileKey.dispose() };
  }
  return undefined;
}

function openContent({ fields, clear, slotBytes, seal }: BackupRecord, fileKey: SecretBytes, crypto: Crypto): BackupContent {
  using padded = openSeal(seal, fileKey, contentBound(clear, slotBytes), CONTENT_LABELS, crypto);
  // The password is right: slots were taken out, put in or exchanged, or this content is another file's.
  if (padded === undefined) throw damagedBackup("commitment");
  using cleanup = new DisposableStack();
  const { secrets, content } = unpad(padded, cleanup);
  const decoded = decodeContent(content, secrets, fields);
  cleanup.move();
  content.fill(0);
  return decoded;
}

/** Undefined where the commitment does not fit: nothing is decrypted then. @throws TalosError BACKUP_DAMAGED */
function openSeal(wrap: CommittedWrap, key: SecretBytes, bound: Uint8Array, labels: WrapLabels, crypto: Crypto): SecretBytes | undefined {
  try {
    return openCommitted(wrap, key, bound, labels, crypto);
  } catch (cause) {
    if (!isTalosError(cause, "DECRYPTION_FAILED")) throw cause;
    throw damagedBackup("seal", cause);
  }
}

/** A slot counts in its place only. */
function slotBound(clear: Uint8Array, index: number): Uint8Array {
  return concatBytes(clear, Uint8Array.of(index + 1));
}

/** A content belongs to all the slots, in their places. */
function contentBound(clear: Uint8Array, slotBytes: Uint8Array): Uint8Array {
  return concatBytes(clear, slotBytes);
}

function checkPasswords(passwords: readonly SecretBytes[]): void {
  if (passwords.length < 1 || passwords.length > MAX_SLOTS)
    throw talosError("INVALID_ARGUMENT", "A backup is opened by one to four passwords.");
  const isSame = (a: SecretBytes, b: SecretBytes): boolean => secureCompare(revealSecret(a), revealSecret(b));
  if (passwords.some((password, index) => passwords.slice(index + 1).some((other) => isSame(password, other))))
    throw talosError("BACKUP_PASSWORD_REUSED", "Two of the passwords for the backup are the same.");
}

function idOf({ commitment }: CommittedWrap): string {
  return toHex(commitment.subarray(0, ID_BYTES));
}

function stretch(
  password: SecretBytes,
  { kdf, salt }: { readonly kdf: KdfParameters; readonly salt: Uint8Array },
  crypto: Crypto,
): SecretBytes {
  return crypto.argon2id(password, salt, { ...kdf, length: AEAD_KEY_BYTES });
}
