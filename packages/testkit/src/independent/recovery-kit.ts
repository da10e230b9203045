// Reads recovery kits and shares (recovery-kit.md): armour, seal, and Shamir's scheme with a multiplication of its own, without tables.
import { argon2Sync, createDecipheriv, hkdfSync } from "node:crypto";
import { join, sameBytes, u32 } from "./bytes.ts";
import { decodeCbor, encodeCbor } from "./cbor.ts";
import { sha256 } from "./hashes.ts";
import { demand, refuse } from "./refusal.ts";
import { Fields } from "./structure.ts";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const NOTHING = new Uint8Array(0);

export interface KitContent {
  readonly agentName: string;
  readonly agentId: Uint8Array;
  readonly seed: Uint8Array;
}

interface Block {
  readonly preamble: string;
  readonly items: readonly Uint8Array[];
}

interface ShareContent {
  readonly bound: Uint8Array;
  readonly agentName: string;
  readonly agentId: Uint8Array;
  readonly threshold: number;
  readonly commitment: Uint8Array;
  readonly value: Uint8Array;
}

/** @param password NFC, UTF-8 */
export function readRecoveryKit(text: string, password: Uint8Array): KitContent {
  const { preamble, items } = readBlock(text, "TALOS RECOVERY KIT", 5);
  const [clear = NOTHING, commitment = NOTHING, nonce = NOTHING, sealed = NOTHING, checksum = NOTHING] = items;
  demand(sameBytes(checksum, sha256("talos/v1/recovery-kit/checksum\0", clear, commitment, nonce, sealed).subarray(0, 8)), "checksum");
  const fields = new Fields(clear);
  const agentName = fields.text(2, 64);
  const agentId = fields.bytes(3, 32);
  fields.uint(4);
  const [memory, passes, lanes] = [fields.uint(5), fields.uint(6), fields.uint(7)];
  const salt = fields.bytes(8, 16);
  demand(sameBytes(fields.bytes(9, 32), sha256("talos/v1/recovery-kit/text\0", preamble)), "the text above the block");
  fields.end();
  const stretched = argon2Sync("argon2id", { message: password, nonce: salt, memory, passes, parallelism: lanes, tagLength: 32 });
  const committed = derive(stretched, "talos/v1/recovery-kit/commitment\0");
  if (!sameBytes(sha256("talos/v1/recovery-kit/commitment\0", clear, committed), commitment)) refuse("decryption-failed", "the password");
  const opener = createDecipheriv("aes-256-gcm", derive(stretched, join("talos/v1/recovery-kit/key\0", clear)), nonce, {
    authTagLength: 16,
  });
  opener.setAAD(join("talos/v1/recovery-kit/seal\0", clear));
  opener.setAuthTag(sealed.subarray(32));
  return { agentName, agentId, seed: join(opener.update(sealed.subarray(0, 32)), opener.final()) };
}

/** Seed of recovery key `index`: the private part of an Ed25519 key. */
export function recoveryKeySeed(seed: Uint8Array, index: number): Uint8Array {
  return derive(seed, join("talos/v1/recovery-key", u32(index)));
}

/** @param texts as many shares of one set as it takes, or more */
export function joinRecoveryShares(texts: readonly string[]): KitContent {
  const shares = texts.map(readShare);
  const [first] = shares;
  if (first === undefined || shares.length < first.threshold) return refuse("malformed", "too few shares");
  const seed = new Uint8Array(32).map((_, at) => valueAtZero(shares.map(({ value }) => [value[32] ?? 0, value[at] ?? 0])));
  const committed = derive(seed, "talos/v1/recovery-share/commitment\0");
  for (const { bound, commitment } of shares) {
    demand(sameBytes(sha256("talos/v1/recovery-share/commitment\0", bound, committed), commitment), "another seed was split");
  }
  return { agentName: first.agentName, agentId: first.agentId, seed };
}

function readShare(text: string): ShareContent {
  const { preamble, items } = readBlock(text, "TALOS RECOVERY SHARE", 2);
  const [body = NOTHING, checksum = NOTHING] = items;
  demand(sameBytes(checksum, sha256("talos/v1/recovery-share/checksum\0", body).subarray(0, 8)), "checksum");
  const fields = new Fields(body);
  const agentName = fields.text(2, 64);
  const agentId = fields.bytes(3, 32);
  const createdAt = fields.uint(4);
  const setId = fields.bytes(5, 16);
  const index = fields.uint(6, 1, 255);
  const threshold = fields.uint(7, 2, 255);
  const count = fields.uint(8, 2, 255);
  demand(index <= count && threshold <= count, "numbers that fit");
  const commitment = fields.bytes(9, 32);
  const value = fields.bytes(10, 33);
  demand(sameBytes(fields.bytes(11, 32), sha256("talos/v1/recovery-share/text\0", preamble)), "the text above the block");
  fields.end();
  const bound = encodeCbor([agentName, agentId, createdAt, setId, threshold, count]);
  return { bound, agentName, agentId, threshold, commitment, value };
}

function readBlock(text: string, title: string, count: number): Block {
  const begin = `-----BEGIN ${title}-----\n`;
  const end = `-----END ${title}-----\n`;
  demand(text.endsWith(end) && text.includes(begin), `a block ${title}`);
  const at = text.indexOf(begin);
  const lines = text
    .slice(at + begin.length, -end.length)
    .split("\n")
    .slice(0, -1);
  const content = join(...lines.map(readLine));
  const items = decodeCbor(content);
  demand(Array.isArray(items) && items.length === count && items.every((item) => item instanceof Uint8Array), "byte strings");
  return { preamble: text.slice(0, at), items };
}

function readLine(line: string, at: number): Uint8Array {
  const [, number = "", groups = "", check = ""] = /^(\d\d) {2}((?:[A-Z2-7]{5} )*[A-Z2-7]{1,5}) {2}([A-Z2-7]{4})$/.exec(line) ?? [];
  demand(Number(number) === at + 1, `line ${at + 1}`);
  const bits = Array.from(groups.replaceAll(" ", ""), (digit) => ALPHABET.indexOf(digit).toString(2).padStart(5, "0")).join("");
  const whole = bits.slice(0, bits.length - (bits.length % 8));
  demand(!bits.slice(whole.length).includes("1"), "unused bits");
  const bytes = Uint8Array.from({ length: whole.length / 8 }, (_, i) => Number.parseInt(whole.slice(8 * i, 8 * i + 8), 2));
  const expected = [...sha256("talos/v1/armour-line\0", Uint8Array.of(at + 1), bytes)]
    .map((byte) => byte.toString(2).padStart(8, "0"))
    .join("");
  demand(
    [0, 5, 10, 15].every((bit, i) => ALPHABET[Number.parseInt(expected.slice(bit, bit + 5), 2)] === check[i]),
    `check of line ${at + 1}`,
  );
  return bytes;
}

/** Lagrange over GF(2^8): the value at 0 of the polynomial through these points. */
function valueAtZero(points: readonly (readonly [number, number])[]): number {
  let sum = 0;
  for (const [x, y] of points) {
    let term = y;
    for (const [other] of points) if (other !== x) term = multiply(term, multiply(other, inverse(other ^ x)));
    sum ^= term;
  }
  return sum;
}

function multiply(a: number, b: number): number {
  let product = 0;
  for (let bit = 0; bit < 8; bit++) {
    if (((b >> bit) & 1) === 1) product ^= a << bit;
  }
  for (let bit = 15; bit >= 8; bit--) if (((product >> bit) & 1) === 1) product ^= 0x11b << (bit - 8);
  return product;
}

function inverse(a: number): number {
  return Array.from({ length: 256 }, (_, b) => b).find((b) => multiply(a, b) === 1) ?? 0;
}

function derive(key: Uint8Array, info: Uint8Array | string): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", key, NOTHING, info, 32));
}
