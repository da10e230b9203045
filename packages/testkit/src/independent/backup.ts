// Opens backups (backup.md): the file, its slots and its seal, on the noble libraries, which share no code with OpenSSL. What is inside is
// read and proved by backup-content.ts.
import { gcm } from "@noble/ciphers/aes.js";
import { argon2id } from "@noble/hashes/argon2.js";
import { hkdf } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { proveBackup, readBackupContent, type BackupContentFields } from "./backup-content.ts";
import { hex, join, sameBytes, u8 } from "./bytes.ts";
import { decodeCbor, type CborValue } from "./cbor.ts";
import type { IdentityLog } from "./identity.ts";
import { demand, Refusal, refuse, type RefusalClass } from "./refusal.ts";
import { asBytes, asTuple, Fields, type LogHead } from "./structure.ts";

const LONGEST_FILE = 67_108_864;
const LONGEST_PLAINTEXT = 66_060_288;
const SHORTEST_PLAINTEXT = 65_536;
const MOST_SLOTS = 4;
/** Memory in KiB and passes of one lane, each as good as the others. */
const FLOOR: readonly (readonly [number, number])[] = [
  [47_104, 1],
  [19_456, 2],
  [12_288, 3],
  [9_216, 4],
  [7_168, 5],
];

export interface BackupFacts {
  readonly agentName: string;
  readonly agentId: string;
  readonly createdAt: number;
  readonly head: LogHead;
}

export interface BackupReading extends BackupFacts, BackupContentFields {
  readonly id: string;
  readonly slot: number;
  readonly slots: number;
  readonly log: IdentityLog;
}

interface Wrap {
  readonly commitment: Uint8Array;
  readonly nonce: Uint8Array;
  readonly sealed: Uint8Array;
}

interface Clear extends BackupFacts {
  readonly memory: number;
  readonly passes: number;
  readonly lanes: number;
  readonly salt: Uint8Array;
}

/**
 * The whole of a backup, proved. Refused by the names of the page: `backup-damaged`, `kdf-parameters-refused`, `backup-wrong-password`,
 * `backup-key-failed`, and those of a later release.
 *
 * @param password NFC, UTF-8
 */
export function readBackup(file: Uint8Array, password: Uint8Array): BackupReading {
  const { clear, slots, seal, fields, wraps } = damaged(() => readFile(file));
  checkParameters(fields);
  const { memory, passes, lanes, salt } = fields;
  const stretched = argon2id(password, salt, { m: memory, t: passes, p: lanes, dkLen: 32 });
  const index = wraps.findIndex((wrap, at) => isCommitted("slot", wrap, stretched, join(clear, u8(at + 1))));
  const wrap = wraps[index];
  if (wrap === undefined) refuse("backup-wrong-password", "no slot");
  return damaged(() => {
    const fileKey = open("slot", wrap, stretched, join(clear, u8(index + 1)));
    const bound = join(clear, slots);
    demand(isCommitted("content", seal, fileKey, bound), "the commitment to the file key");
    const { secrets, content } = splitPlaintext(open("content", seal, fileKey, bound));
    const read = readBackupContent(content, secrets);
    const { agentName, agentId, createdAt, head } = fields;
    const log = proveBackup(read, { agentId, head });
    const id = hex(seal.commitment.subarray(0, 8));
    return { agentName, agentId, createdAt, head, id, slot: index + 1, slots: wraps.length, log, ...read };
  });
}

function readFile(file: Uint8Array): { clear: Uint8Array; slots: Uint8Array; seal: Wrap; fields: Clear; wraps: Wrap[] } {
  demand(file.length <= LONGEST_FILE, "too long");
  const [clear, slots, commitment, nonce, sealed, checksum] = asTuple(decodeCbor(file), 6).map((part) => asBytes(part)) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  const seal = wrapOf([commitment, nonce, sealed]);
  demand(clear.length <= 512 && slots.length <= 393, "clear or slots are too long");
  demand(sealed.length - 16 <= LONGEST_PLAINTEXT && sealed.length - 16 === paddedLength(sealed.length - 16), "no padded length");
  const sum = sha256(join("talos/v1/backup/checksum\0", clear, slots, commitment, nonce, sealed));
  demand(sameBytes(checksum, sum.slice(0, 8)), "checksum");
  const fields = readClear(clear);
  const list = decodeCbor(slots);
  demand(Array.isArray(list) && list.length >= 1 && list.length <= MOST_SLOTS, "1 to 4 slots");
  const wraps = (list as readonly CborValue[]).map((slot) => wrapOf(asTuple(slot, 3), 48));
  return { clear, slots, seal, fields, wraps };
}

function readClear(bytes: Uint8Array): Clear {
  const fields = new Fields(bytes);
  const clear = {
    agentName: fields.text(2, 64),
    agentId: fields.hex(3, 32),
    createdAt: fields.uint(4),
    head: fields.logHead(5),
    memory: fields.uint(6),
    passes: fields.uint(7),
    lanes: fields.uint(8),
    salt: fields.bytes(9, 16),
  };
  fields.end();
  demand(clear.head.seq < 10_000, "beyond the longest log");
  return clear;
}

function wrapOf([commitment, nonce, sealed]: readonly CborValue[], length?: number): Wrap {
  return { commitment: asBytes(commitment, 32), nonce: asBytes(nonce, 12), sealed: asBytes(sealed, length) };
}

function checkParameters({ memory, passes, lanes }: Clear): void {
  const isStrong = FLOOR.some(([leastMemory, leastPasses]) => memory >= leastMemory && passes >= leastPasses);
  const isBearable = memory <= 1_048_576 && passes <= 16 && lanes >= 1 && lanes <= 16;
  if (!isStrong || !isBearable) refuse("kdf-parameters-refused", "outside the bounds");
}

function isCommitted(level: "slot" | "content", { commitment }: Wrap, key: Uint8Array, bound: Uint8Array): boolean {
  const label = `talos/v1/backup/${level}/commitment\0`;
  return sameBytes(sha256(join(label, bound, derive(key, join(label)))), commitment);
}

function open(level: "slot" | "content", { nonce, sealed }: Wrap, key: Uint8Array, bound: Uint8Array): Uint8Array {
  const sealKey = derive(key, join(`talos/v1/backup/${level}/key\0`, bound));
  try {
    return gcm(sealKey, nonce, join(`talos/v1/backup/${level}/seal\0`, bound)).decrypt(sealed);
  } catch {
    return refuse("decryption-failed", `the seal of the ${level}`);
  }
}

function derive(key: Uint8Array, info: Uint8Array): Uint8Array {
  return hkdf(sha256, key, new Uint8Array(0), info, 32);
}

/** `u8 k || k * 32 || u64 length || content || zeros`. */
function splitPlaintext(plaintext: Uint8Array): { secrets: readonly Uint8Array[]; content: Uint8Array } {
  const count = plaintext[0] ?? 0;
  demand(count <= 3, "at most three private parts");
  const secrets = Array.from({ length: count }, (_, at) => plaintext.slice(1 + 32 * at, 33 + 32 * at));
  const start = 1 + 32 * count + 8;
  const length = Number(new DataView(plaintext.buffer, plaintext.byteOffset).getBigUint64(start - 8));
  demand(length <= plaintext.length - start, "the content ends early");
  demand(plaintext.length === paddedLength(start + length), "more padding than there is need of");
  demand(
    plaintext.subarray(start + length).every((byte) => byte === 0),
    "padding that is not zero",
  );
  return { secrets, content: plaintext.slice(start, start + length) };
}

/** Padmé by whole numbers: all but the highest bits are rounded up to zero. */
function paddedLength(length: number): number {
  const least = BigInt(Math.max(length, SHORTEST_PLAINTEXT));
  const e = least.toString(2).length - 1;
  const step = 1n << BigInt(e - e.toString(2).length);
  return Number(((least + step - 1n) / step) * step);
}

const AS_THEY_ARE: readonly RefusalClass[] = ["unsupported-version", "unsupported-suite", "unsupported-extension", "backup-key-failed"];

function damaged<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof Refusal && !AS_THEY_ARE.includes(error.class)) return refuse("backup-damaged", error.message);
    throw error;
  }
}
