/**
 * What is sealed in a backup, before it is sealed: the private keys, the content, and zeros up to a length that says little. The keys stand
 * outside the content, since whatever a decoder of CBOR copies lies in memory that nobody can wipe. Knows no key and no content.
 * Source: docs/protocol/backup.md, "Plaintext"; PURBs (Nikitin et al. 2019), "Padmé".
 */
import { BinaryReader, BinaryWriter, padme, revealSecret, SecretBytes, talosError } from "@talos/core";
import { damagedBackup } from "./damaged-backup.ts";

export const MIN_PADDED_BYTES = 65_536;
/** The longest length of Padmé whose file is within 64 MiB. */
export const MAX_PADDED_BYTES = 66_060_288;
const KEY_SECRET_BYTES = 32;
const MAX_SECRETS = 3;
const LENGTH_BYTES = 8;
/** Of a content, whatever number of keys stands before it. */
export const MAX_CONTENT_BYTES: number = MAX_PADDED_BYTES - 1 - MAX_SECRETS * KEY_SECRET_BYTES - LENGTH_BYTES;

export interface Unpadded {
  readonly secrets: readonly SecretBytes[];
  readonly content: Uint8Array;
}

/**
 * `u8 n || n × 32 bytes || u64 length || content || zeros`.
 *
 * @param secrets at most 3, of 32 bytes each
 * @throws TalosError BACKUP_TOO_LARGE; INVALID_ARGUMENT for other secrets
 */
export function pad(secrets: readonly SecretBytes[], content: Uint8Array): SecretBytes {
  if (secrets.length > MAX_SECRETS || secrets.some(({ length }) => length !== KEY_SECRET_BYTES))
    throw talosError("INVALID_ARGUMENT", "A backup holds at most three private keys, of 32 bytes each.");
  const length = paddedLength(1 + secrets.length * KEY_SECRET_BYTES + LENGTH_BYTES + content.length);
  if (length > MAX_PADDED_BYTES)
    throw talosError("BACKUP_TOO_LARGE", undefined, { details: { bytes: length, maxBytes: MAX_PADDED_BYTES } });
  const writer = new BinaryWriter(length).u8(secrets.length);
  for (const secret of secrets) writer.bytes(revealSecret(secret));
  writer.u64(content.length).bytes(content);
  return SecretBytes.take(writer.bytes(new Uint8Array(length - writer.length)).finish());
}

/**
 * @param owner wipes all that comes out, until the caller takes it over
 * @throws TalosError BACKUP_DAMAGED for anything but what `pad` gives
 */
export function unpad(padded: SecretBytes, owner: DisposableStack): Unpadded {
  const reader = new BinaryReader(revealSecret(padded), "backup");
  try {
    const secrets = Array.from({ length: reader.u8() }, () => owner.use(SecretBytes.copyOf(reader.view(KEY_SECRET_BYTES))));
    const content = reader.bytes(reader.u64());
    owner.defer(() => content.fill(0));
    const isWhole = padded.length === paddedLength(reader.offset) && reader.view(reader.remaining).every((byte) => byte === 0);
    if (secrets.length <= MAX_SECRETS && isWhole) return { secrets, content };
  } catch (cause) {
    throw damagedBackup("padding", cause);
  }
  throw damagedBackup("padding");
}

/** Whether a backup can have that many bytes before it is sealed. */
export function isPaddedLength(length: number): boolean {
  return length <= MAX_PADDED_BYTES && length >= MIN_PADDED_BYTES && length === padme(length);
}

function paddedLength(length: number): number {
  return padme(Math.max(MIN_PADDED_BYTES, length));
}
