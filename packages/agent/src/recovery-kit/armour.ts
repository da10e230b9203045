/**
 * Bytes as a block of text that a person can print, read out and type in again: base32 (RFC 4648, 6) in groups of five, 25 bytes a
 * line, each line with its number and a check of its own, so that a slip is named with its line. Works on bytes throughout:
 * what it carries may be secret, and strings cannot be wiped. Knows nothing of what is inside.
 */
import { type Crypto, settledBytes, type TalosError, utf8, zeroBytes } from "@talos/core";

const ALPHABET: Uint8Array = utf8("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567");
const LINE_BYTES = 25;
const GROUP_CHARACTERS = 5;
/** 20 bits: one slip in a million passes, and then the checksum inside finds it. */
const CHECK_CHARACTERS = 4;
const CHECK_LABEL: Uint8Array = utf8("talos/v1/armour-line\u0000");
/** Of one block; a kit has about 12, a share about 10. */
const MAX_LINES = 99;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

export interface Armoured {
  /** The text that stands above the block, with its last line feed; empty where there is none. */
  readonly preamble: Uint8Array;
  /** What the block carries, in memory that stays where it is. */
  readonly content: Uint8Array;
}

/**
 * @param title upper-case words, "RECOVERY KIT" for one
 * @returns the block, from its BEGIN line to its END line, with a line feed at its end
 */
export function armour(title: string, content: Uint8Array, crypto: Pick<Crypto, "sha256">): Uint8Array {
  const lines: Uint8Array[] = [utf8(`-----BEGIN ${title}-----\n`)];
  for (let start = 0, number = 1; start < content.length; start += LINE_BYTES, number++) {
    lines.push(encodeLine(number, content.subarray(start, start + LINE_BYTES), crypto));
  }
  const block = settle(lines, [utf8(`-----END ${title}-----\n`)]);
  for (const line of lines) zeroBytes(line);
  return block;
}

/**
 * Reads a text with one such block at its end. Exactly what `armour` writes is taken, but that line ends may all be those of
 * another system.
 *
 * @param damaged makes the error; `line` is the number of a line of the block that was changed
 * @throws what `damaged` makes
 */
export function unarmour(
  title: string,
  text: Uint8Array,
  crypto: Pick<Crypto, "sha256">,
  damaged: (details: { reason: string; line?: number }) => TalosError,
): Armoured {
  const lines = splitLines(text);
  const begin = lines.findIndex((line) => isText(line, `-----BEGIN ${title}-----`));
  if (begin < 0) throw damaged({ reason: "no beginning" });
  const end = lines.length - 1;
  if (end <= begin || !isText(lines[end], `-----END ${title}-----`) || text.at(-1) !== LINE_FEED) throw damaged({ reason: "no end" });
  if (end - begin - 1 > MAX_LINES) throw damaged({ reason: "too many lines" });
  const parts: Uint8Array[] = [];
  try {
    for (const [i, line] of lines.slice(begin + 1, end).entries()) {
      const bytes = decodeLine(i + 1, line, crypto);
      const isLast = begin + 2 + i === end;
      if (bytes !== undefined) parts.push(bytes);
      if (bytes === undefined || (bytes.length < LINE_BYTES && !isLast)) throw damaged({ reason: "a line was changed", line: i + 1 });
    }
    const preamble = settle(lines.slice(0, begin).flatMap((line) => [line, Uint8Array.of(LINE_FEED)]));
    return { preamble, content: settle(parts) };
  } finally {
    for (const part of parts) zeroBytes(part);
  }
}

/** `01  ABCDE FGHIJ ...  WXYZ`: number, content, check. */
function encodeLine(number: number, bytes: Uint8Array, crypto: Pick<Crypto, "sha256">): Uint8Array {
  const digits = toDigits(bytes);
  const characters: number[] = [...utf8(`${numberText(number)} `)];
  for (const [i, digit] of digits.entries()) {
    if (i % GROUP_CHARACTERS === 0) characters.push(0x20);
    characters.push(digit);
  }
  characters.push(0x20, 0x20, ...checkOf(number, bytes, crypto), LINE_FEED);
  const line = settledBytes(characters.length);
  line.set(characters);
  zeroBytes(digits);
  characters.fill(0);
  return line;
}

/** Undefined where it is not exactly a line that `encodeLine` makes of that number. */
function decodeLine(number: number, line: Uint8Array, crypto: Pick<Crypto, "sha256">): Uint8Array | undefined {
  const digits = settledBytes(line.length);
  let count = 0;
  for (const byte of line.subarray(PREFIX_CHARACTERS, Math.max(PREFIX_CHARACTERS, line.length - CHECK_CHARACTERS))) {
    if (byte !== 0x20) digits[count++] = byte;
  }
  const bytes = fromDigits(digits.subarray(0, count));
  zeroBytes(digits);
  if (bytes === undefined) return undefined;
  // Only the very line that these bytes make is taken: its check, its number, and every space.
  const again = encodeLine(number, bytes, crypto);
  const isSame = again.length === line.length + 1 && line.every((byte, i) => byte === again[i]);
  zeroBytes(again);
  if (isSame) return bytes;
  zeroBytes(bytes);
  return undefined;
}

const PREFIX_CHARACTERS = 4;

function numberText(number: number): string {
  return String(number).padStart(2, "0");
}

/** The first 20 bits of a hash over number and content. */
function checkOf(number: number, bytes: Uint8Array, crypto: Pick<Crypto, "sha256">): Uint8Array {
  return toDigits(crypto.sha256(CHECK_LABEL, Uint8Array.of(number), bytes).subarray(0, 5)).subarray(0, CHECK_CHARACTERS);
}

/** Base32 without padding. */
function toDigits(bytes: Uint8Array): Uint8Array {
  const digits = settledBytes(Math.ceil((bytes.length * 8) / 5));
  let [held, bits, length] = [0, 0, 0];
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xfff;
    for (bits += 8; bits >= 5; bits -= 5) digits[length++] = ALPHABET[(held >> (bits - 5)) & 31] ?? 0;
  }
  if (bits > 0) digits[length] = ALPHABET[(held << (5 - bits)) & 31] ?? 0;
  return digits;
}

/** Undefined for a foreign character; left-over bits are not looked at. Empty for nothing. */
function fromDigits(digits: Uint8Array): Uint8Array | undefined {
  const bytes = settledBytes(Math.floor((digits.length * 5) / 8));
  let [held, bits, length] = [0, 0, 0];
  for (const digit of digits) {
    const value = ALPHABET.indexOf(digit);
    if (value < 0 || bytes.length > LINE_BYTES) return undefined;
    held = ((held << 5) | value) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes[length++] = held >> bits;
    held &= (1 << bits) - 1;
  }
  return bytes.length === 0 ? undefined : bytes;
}

/** Without the line feeds; where every line ends as on another system, that end is taken off too. */
function splitLines(text: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  let start = 0;
  for (let end = text.indexOf(LINE_FEED); end >= 0; end = text.indexOf(LINE_FEED, start)) {
    lines.push(text.subarray(start, end));
    start = end + 1;
  }
  if (start < text.length) lines.push(text.subarray(start));
  const isForeign = lines.every((line) => line.at(-1) === CARRIAGE_RETURN);
  return isForeign ? lines.map((line) => line.subarray(0, -1)) : lines;
}

function isText(line: Uint8Array | undefined, text: string): boolean {
  if (line === undefined) return false;
  const expected = utf8(text);
  return line.length === expected.length && expected.every((byte, i) => byte === line[i]);
}

function settle(parts: readonly Uint8Array[], rest: readonly Uint8Array[] = []): Uint8Array {
  const all = [...parts, ...rest];
  const joined = settledBytes(all.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of all) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}
