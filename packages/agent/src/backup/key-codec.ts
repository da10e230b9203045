/**
 * A key of a backup to bytes and back: all but its private part, of which it only says whether it is there. Proves nothing.
 * Source: docs/protocol/backup.md.
 */
import {
  type Algorithm,
  type CborValue,
  encodeStruct,
  ownKey,
  parseKeyId,
  protectionCode,
  protectionLevel,
  PUBLIC_KEY_BYTES,
  StructReader,
  talosError,
} from "@talos/core";
import type { BackendKeyKind } from "../backends/index.ts";
import { BACKEND_NAMES } from "../vault/index.ts";
import type { BackupKey } from "./backup-content.ts";

const MAX_WORD_BYTES = 64;
const KINDS: readonly BackendKeyKind[] = ["identity", "next-identity", "encryption"];

/** A key that was read, and whether its private part is in the file. */
export interface ListedKey {
  readonly key: Omit<BackupKey, "secret">;
  readonly isIncluded: boolean;
}

export function encodeKey({ kind, keyId, algorithm, publicKey, createdAt, dueAt, backend, protection, secret }: BackupKey): Uint8Array {
  return encodeStruct(
    new Map<number, CborValue | undefined>([
      [2, kind],
      [3, keyId],
      [4, algorithm],
      [5, publicKey],
      [6, createdAt],
      [7, dueAt],
      [8, backend],
      [9, protectionCode(protection)],
      [10, secret !== undefined],
    ]),
  );
}

/** @throws TalosError MALFORMED, WEAK_PUBLIC_KEY, UNSUPPORTED_VERSION, UNSUPPORTED_SUITE, UNSUPPORTED_EXTENSION */
export function decodeKey(bytes: Uint8Array): ListedKey {
  const reader = new StructReader(bytes, "backup key");
  const kind = oneOf(KINDS, reader.text(2, { maxBytes: MAX_WORD_BYTES }));
  const key: Omit<BackupKey, "secret"> = {
    kind,
    keyId: parseKeyId(reader.text(3, { maxBytes: MAX_WORD_BYTES })),
    algorithm: reader.uint(4) as Algorithm,
    publicKey: reader.bytes(5, { max: PUBLIC_KEY_BYTES[3] }),
    createdAt: reader.uint(6),
    dueAt: reader.optionalUint(7),
    backend: oneOf(BACKEND_NAMES, reader.text(8, { maxBytes: MAX_WORD_BYTES })),
    protection: protectionLevel(reader.uint(9)),
  };
  const isIncluded = reader.bool(10);
  reader.finish();
  checkPoint(key);
  return { key, isIncluded };
}

function checkPoint({ kind, algorithm, publicKey }: Omit<BackupKey, "secret">): void {
  if (kind === "encryption") ownKey("encryption", algorithm as 2, publicKey);
  else ownKey(kind, algorithm as 1, publicKey);
}

function oneOf<T extends string>(words: readonly T[], text: string): T {
  const word = words.find((candidate) => candidate === text);
  if (word === undefined) throw talosError("MALFORMED", "backup key: a word that nobody knows.");
  return word;
}
