import assert from "node:assert/strict";
import { test } from "node:test";
import { type CborValue, concatBytes, decodeCbor, encodeCbor, type ErrorCode, isTalosError, nodeCrypto, utf8 } from "@talos/core";
import { hasCode } from "@talos/testkit";
import { FLOOR, rewritten, secret, someContent } from "./backup-fixture.test.ts";
import { decodeBackup, encodeBackup, encodeSlots, MAX_SLOTS } from "./backup-record.ts";
import { readBackupFacts, sealBackup } from "./seal-backup.ts";

const crypto = nodeCrypto;
const FILE = sealBackup(someContent(), [secret()], FLOOR, crypto);
const RECORD = decodeBackup(FILE, crypto);

/** The file with other parts, and a checksum that fits. */
function fileOf(change: (parts: CborValue[]) => void): Uint8Array {
  const parts = (decodeCbor(FILE) as CborValue[]).slice(0, 5);
  change(parts);
  const hashed = parts.filter((part) => part instanceof Uint8Array);
  return encodeCbor([...parts, crypto.sha256(utf8("talos/v1/backup/checksum\0"), ...hashed).slice(0, 8)]);
}

function refuses(file: Uint8Array, reason: string, what: string): void {
  assert.throws(
    () => decodeBackup(file, crypto),
    (error) => isTalosError(error, "BACKUP_DAMAGED") && error.details["reason"] === reason,
    what,
  );
}

/** `clear` with one field changed. */
function clearWith(key: number, value: CborValue): Uint8Array {
  const clear = encodeCbor(new Map([...(decodeCbor(RECORD.clear) as Map<number, CborValue>), [key, value]]));
  return fileOf((parts) => parts.splice(0, 1, clear));
}

test("a file gives its parts, and they give the file", () => {
  assert.deepEqual(encodeBackup(RECORD, crypto), FILE);
  assert.deepEqual(
    fileOf(() => undefined),
    FILE,
  );
  assert.deepEqual(encodeSlots(RECORD.slots), RECORD.slotBytes);
});

test("a file of another form is refused before anything of it is used", () => {
  const [slot] = RECORD.slots;
  assert.ok(slot !== undefined);
  refuses(concatBytes(FILE, Uint8Array.of(0)), "form", "bytes after the end");
  refuses(
    fileOf((parts) => parts.pop()),
    "form",
    "a part too few",
  );
  refuses(
    fileOf((parts) => parts.push(new Uint8Array(1))),
    "form",
    "a part too many",
  );
  refuses(
    fileOf((parts) => parts.splice(0, 1, new Uint8Array(513))),
    "form",
    "a long clear part",
  );
  refuses(
    fileOf((parts) => parts.splice(1, 1, new Uint8Array(394))),
    "form",
    "long slots",
  );
  refuses(
    fileOf((parts) => parts.splice(2, 1, new Uint8Array(31))),
    "form",
    "a short commitment",
  );
  refuses(
    fileOf((parts) => parts.splice(3, 1, new Uint8Array(13))),
    "form",
    "a long nonce",
  );
  refuses(rewritten(FILE, { slots: [] }), "form", "no slot");
  refuses(rewritten(FILE, { slots: [{ ...slot, wrapped: new Uint8Array(49) }] }), "form", "a key of another length");
  assert.equal(readBackupFacts(rewritten(FILE, { slots: Array.from({ length: MAX_SLOTS }, () => slot) }), crypto).slots, 4);
  refuses(rewritten(FILE, { slots: Array.from({ length: MAX_SLOTS + 1 }, () => slot) }), "form", "five slots");
  refuses(
    fileOf((parts) => parts.splice(1, 1, encodeCbor([[slot.commitment, slot.nonce]]))),
    "form",
    "a slot without a key",
  );
});

test("only lengths that padding gives are taken", () => {
  for (const length of [0, 16, 65_536, 65_551, 65_553, 65_552 + 1_024])
    refuses(rewritten(FILE, { seal: { wrapped: new Uint8Array(length) } }), "length", `${length} bytes`);
  assert.ok(decodeBackup(rewritten(FILE, { seal: { wrapped: new Uint8Array(65_552 + 2_048) } }), crypto));
});

test("a checksum tells damage from another password", () => {
  const { length } = FILE;
  const damaged = FILE.slice();
  damaged[length - 100] = (damaged[length - 100] ?? 0) ^ 1;
  refuses(damaged, "checksum", "a byte");
});

test("every field of what is clear is within its bounds", () => {
  const cases: readonly (readonly [number, CborValue])[] = [
    [2, "x".repeat(65)],
    [2, 1],
    [3, new Uint8Array(31)],
    [4, -1],
    [5, [10_000, new Uint8Array(32)]],
    [5, [0, new Uint8Array(31)]],
    [5, [0]],
    [6, "much"],
    [9, new Uint8Array(15)],
    [9, new Uint8Array(17)],
    [10, 1],
  ];
  for (const [key, value] of cases) refuses(clearWith(key, value), "form", `field ${key}`);
});

test("a file that a later release made is named as that", () => {
  const cases: readonly (readonly [number, CborValue, ErrorCode])[] = [
    [0, 2, "UNSUPPORTED_VERSION"],
    [1, 2, "UNSUPPORTED_SUITE"],
    [99, [[7, true, new Uint8Array(0)]], "UNSUPPORTED_EXTENSION"],
  ];
  for (const [key, value, code] of cases) assert.throws(() => decodeBackup(clearWith(key, value), crypto), hasCode(code));
  assert.ok(decodeBackup(clearWith(99, [[7, false, new Uint8Array(200)]]), crypto));
});
