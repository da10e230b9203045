// Whoever can change a backup file, and not open it, gets a named error and at most one run of Argon2id out of it, within the ceiling: by
// accident or on purpose, with a checksum that fits. What recovers from such a file or verifies it leaves nothing behind.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { TalosClient } from "@talos/agent";
import {
  type Argon2idParameters,
  type CborValue,
  type Crypto,
  decodeCbor,
  encodeCbor,
  type ErrorCode,
  isTalosError,
  nodeCrypto,
  SecretBytes,
  utf8,
} from "@talos/core";
import { openBackup, readBackupFacts } from "../packages/agent/src/backup/seal-backup.ts";

const FOLDER = fileURLToPath(new URL("../fixtures/backup/v1/", import.meta.url));
const FILE: Uint8Array = new Uint8Array(readFileSync(join(FOLDER, "alice.backup")));
const { passwords } = JSON.parse(readFileSync(join(FOLDER, "expected.json"), "utf8")) as { readonly passwords: readonly [string, string] };
const CEILING = { memoryKiB: 1_048_576, passes: 16, lanes: 16 };
/** Of sealed bytes, among 65,552: first, last, and some between. */
const SEALED_SAMPLE = 60;
const CODES: readonly ErrorCode[] = [
  "BACKUP_DAMAGED",
  "BACKUP_WRONG_PASSWORD",
  "KDF_PARAMETERS_REFUSED",
  "UNSUPPORTED_VERSION",
  "UNSUPPORTED_SUITE",
  "UNSUPPORTED_EXTENSION",
];
const PARTS = ["clear", "slots", "commitment", "nonce", "sealed"] as const;
type Part = (typeof PARTS)[number];
type Parts = Readonly<Record<Part, Uint8Array>>;

/** Derives at the floor whatever it is asked for, so that a file that asks for much costs this test little; counts, and keeps what was asked. */
class Counting {
  readonly asked: Argon2idParameters[] = [];
  readonly crypto: Crypto = {
    ...nodeCrypto,
    argon2id: (password, salt, parameters) => {
      this.asked.push(parameters);
      return nodeCrypto.argon2id(password, salt, { memoryKiB: 7_168, passes: 5, lanes: 1, length: parameters.length });
    },
  };
}

function parts(): Parts {
  const [clear, slots, commitment, nonce, sealed] = decodeCbor(FILE) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array];
  return { clear, slots, commitment, nonce, sealed };
}

/** As somebody makes it who knows the format: the checksum fits. */
function forged(changes: Partial<Parts>): Uint8Array {
  const list = PARTS.map((name) => ({ ...parts(), ...changes })[name]);
  return encodeCbor([...list, nodeCrypto.sha256(utf8("talos/v1/backup/checksum\0"), ...list).slice(0, 8)]);
}

function flipped(bytes: Uint8Array, at: number, bits: number): Uint8Array {
  const copy = new Uint8Array(bytes);
  copy[at] = (copy[at] ?? 0) ^ bits;
  return copy;
}

/** Opens nothing, says why by one of the names, and derives at most so often. @returns the code */
function refused(file: Uint8Array, mostRuns: number, what: string): string {
  const { asked, crypto } = new Counting();
  using password = SecretBytes.fromUtf8(passwords[0]);
  try {
    openBackup(file, password, crypto)[Symbol.dispose]();
  } catch (error) {
    assert.ok(isTalosError(error) && CODES.includes(error.code), `${what}: ${String(error)}`);
    assert.ok(asked.length <= mostRuns, `${what}: ${asked.length} runs`);
    for (const { memoryKiB, passes, lanes } of asked)
      assert.ok(memoryKiB <= CEILING.memoryKiB && passes <= CEILING.passes && lanes <= CEILING.lanes, `${what}: above the ceiling`);
    return error.code;
  }
  assert.fail(`${what}: it opens`);
}

function tally(codes: readonly string[]): Readonly<Record<string, number>> {
  return Object.fromEntries([...new Set(codes)].sort().map((code) => [code, codes.filter((each) => each === code).length]));
}

test("every byte flipped gives a named error before anything is derived", () => {
  const codes = Array.from(FILE, (_, at) => refused(flipped(FILE, at, 1 << (at % 8)), 0, `byte ${at}`));
  assert.deepEqual(tally(codes), { BACKUP_DAMAGED: FILE.length });
});

test("every truncation gives a named error before anything is derived", () => {
  const codes = Array.from(FILE, (_, length) => refused(FILE.subarray(0, length), 0, `${length} bytes`));
  assert.deepEqual(tally(codes), { BACKUP_DAMAGED: FILE.length });
});

test("every byte before the sealed content flipped, under a checksum that fits, gives a named error and one run at most", () => {
  for (const name of PARTS.filter((part) => part !== "sealed")) {
    const bytes = parts()[name];
    const codes = Array.from(bytes, (_, at) => refused(forged({ [name]: flipped(bytes, at, 1 << (at % 8)) }), 1, `${name}, byte ${at}`));
    assert.equal(codes.length, bytes.length);
    // What a password is tried with, and what it is tried on, belong to the password; everything after that is the file's.
    const allowed = name === "commitment" || name === "nonce" ? ["BACKUP_DAMAGED"] : CODES;
    assert.deepEqual(
      codes.filter((code) => !allowed.includes(code as ErrorCode)),
      [],
      name,
    );
  }
});

test("sealed bytes flipped, cut or put in, under a checksum that fits, are damage, after one run at most", () => {
  const { sealed } = parts();
  const places = Array.from({ length: SEALED_SAMPLE }, (_, index) => Math.floor((index * (sealed.length - 1)) / (SEALED_SAMPLE - 1)));
  for (const at of places) assert.equal(refused(forged({ sealed: flipped(sealed, at, 0x40) }), 1, `byte ${at}`), "BACKUP_DAMAGED");
  for (const length of [0, 15, 16, 17, sealed.length - 1])
    assert.equal(refused(forged({ sealed: sealed.subarray(0, length) }), 0, `${length} sealed bytes`), "BACKUP_DAMAGED");
  const longer = new Uint8Array(sealed.length + 2_048);
  longer.set(sealed);
  assert.equal(refused(forged({ sealed: longer }), 1, "sealed bytes put in"), "BACKUP_DAMAGED");
});

test("failure 35: a hostile header derives nothing, or within the ceiling", () => {
  const { clear, slots } = parts();
  const fields = decodeCbor(clear) as ReadonlyMap<number, CborValue>;
  const list = decodeCbor(slots) as readonly CborValue[];
  const withFields = (changes: readonly (readonly [number, CborValue])[]): Uint8Array =>
    forged({ clear: encodeCbor(new Map([...fields, ...changes])) });
  const huge = [2 ** 20 + 1, 2 ** 31, 2 ** 32, 2 ** 53 - 1, 2n ** 64n - 1n];
  for (const value of huge) {
    for (const key of [6, 7, 8]) refused(withFields([[key, value]]), 0, `field ${key}: ${value}`);
    refused(withFields([6, 7, 8].map((key) => [key, value])), 0, `everything: ${value}`);
  }
  for (const value of [0, -1, "much", null, new Uint8Array(4), [1]])
    for (const key of [6, 7, 8]) refused(withFields([[key, value]]), 0, `field ${key}: ${String(value)}`);
  // Cheap enough to guess with: as bad, on the other side.
  assert.equal(
    refused(
      withFields([
        [6, 8],
        [7, 1],
      ]),
      0,
      "below the floor",
    ),
    "KDF_PARAMETERS_REFUSED",
  );
  // As much as a file may ask for, and no more than that: one run, whatever else it says.
  assert.equal(
    refused(
      withFields([
        [6, CEILING.memoryKiB],
        [7, 16],
        [8, 16],
      ]),
      1,
      "at the ceiling",
    ),
    "BACKUP_WRONG_PASSWORD",
  );
  for (const count of [0, 5, 64, 5_000])
    refused(forged({ slots: encodeCbor(Array.from({ length: count }, () => list[0] ?? null)) }), 0, `${count} slots`);
  assert.equal(
    refused(forged({ slots: encodeCbor(Array.from({ length: 4 }, () => list[1] ?? null)) }), 1, "one slot four times"),
    "BACKUP_WRONG_PASSWORD",
  );
});

test("lengths that a file only claims cost neither memory nor time", () => {
  const claims: readonly (readonly [string, readonly number[]])[] = [
    ["an array of 2^32 - 1", [0x9a, 0xff, 0xff, 0xff, 0xff]],
    ["an array of 2^53", [0x9b, 0, 0x20, 0, 0, 0, 0, 0, 0]],
    ["a byte string of 4 GiB", [0x86, 0x5a, 0xff, 0xff, 0xff, 0xff]],
    ["a byte string of 2^63", [0x86, 0x5b, 0x80, 0, 0, 0, 0, 0, 0, 0]],
    ["a map in a map in a map", Array.from({ length: 4_000 }, () => 0xa1)],
    ["an array in an array", Array.from({ length: 60_000 }, () => 0x81)],
    ["many empty arrays", [0x99, 0xff, 0xff, ...Array.from({ length: 65_535 }, () => 0x80)]],
    ["an array without end", [0x9f, 0x9f, 0x9f, 0xff]],
  ];
  for (const [what, bytes] of claims) assert.equal(refused(Uint8Array.from(bytes), 0, what), "BACKUP_DAMAGED");
});

test("what can be read without a password is refused as the rest is", () => {
  const noDerivation: Crypto = { ...nodeCrypto, argon2id: () => assert.fail("derived") };
  for (const file of [FILE.subarray(1), FILE.subarray(0, -1), flipped(FILE, 20, 1), new Uint8Array(0)])
    assert.throws(
      () => readBackupFacts(file, noDerivation),
      (error) => isTalosError(error, "BACKUP_DAMAGED"),
    );
});

/** Files that somebody changed, and what they are called. */
function changedFiles(): readonly (readonly [Uint8Array, ErrorCode])[] {
  const { sealed, commitment, clear } = parts();
  return [
    [FILE.subarray(0, 40_000), "BACKUP_DAMAGED"],
    [new Uint8Array(0), "BACKUP_DAMAGED"],
    [flipped(FILE, 500, 1), "BACKUP_DAMAGED"],
    [forged({ sealed: flipped(sealed, 30_000, 1) }), "BACKUP_DAMAGED"],
    [forged({ commitment: flipped(commitment, 0, 1) }), "BACKUP_DAMAGED"],
    [forged({ clear: flipped(clear, 40, 1) }), "BACKUP_WRONG_PASSWORD"],
  ];
}

test("verifying a changed file says so by the same names, and leaves nothing where it lies", async () => {
  const folder = mkdtempSync(join(tmpdir(), "talos-tamper-"));
  try {
    const path = join(folder, "alice.backup");
    for (const [file, code] of changedFiles()) {
      writeFileSync(path, file);
      await assert.rejects(TalosClient.verifyBackup({ path, password: passwords[0] }), (error) => isTalosError(error, code));
      assert.deepEqual(readdirSync(folder), ["alice.backup"]);
      assert.deepEqual(new Uint8Array(readFileSync(path)), new Uint8Array(file));
    }
    writeFileSync(path, FILE);
    assert.deepEqual((await TalosClient.verifyBackup({ path, password: passwords[1] })).keys.length, 3);
    assert.deepEqual(readdirSync(folder), ["alice.backup"]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("recovering from a changed file says so by the same names, and makes no data directory", async () => {
  const folder = mkdtempSync(join(tmpdir(), "talos-tamper-"));
  try {
    const [backupPath, dataDir] = [join(folder, "alice.backup"), join(folder, "data")];
    const recovery = { backupPath, password: passwords[0], dataDir, newPassword: "seven ladders under a brass moon" };
    for (const [file, code] of changedFiles()) {
      writeFileSync(backupPath, file);
      await assert.rejects(TalosClient.recover(recovery), (error) => isTalosError(error, code));
      assert.deepEqual(readdirSync(folder), ["alice.backup"]);
    }
    // One that is there stays as it is.
    mkdirSync(dataDir);
    writeFileSync(backupPath, flipped(FILE, 500, 1));
    await assert.rejects(TalosClient.recover(recovery), (error) => isTalosError(error, "BACKUP_DAMAGED"));
    assert.deepEqual(readdirSync(dataDir), []);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
