/**
 * Whether the content of a key file or credential can be a random key. Nothing stretches it, so a typed sentence would be guessed at full
 * speed. What is typed cannot be told from a key for certain; what plainly is not drawn is refused. Makes no string of it.
 */
import { zeroBytes } from "@talos/core";

const MIN_KEY_BYTES = 32;
/** Fewer different values among 32 random bytes come up less often than once in 2^50 times: it was no key. */
const MIN_DISTINCT_BYTES = 16;

/** Bytes that are no text, or text that is hexadecimal, base64 or base64url throughout, in lines or not, of at least 32 bytes. */
export function mayBeRandom(material: Uint8Array): boolean {
  if (!material.every(isTextByte)) return countDistinct(material) >= MIN_DISTINCT_BYTES;
  const digits = material.filter((byte) => byte !== LINE_FEED && byte !== CARRIAGE_RETURN);
  const key = decode(digits, 4, hexDigit) ?? (mixesCases(digits) ? decode(withoutPadding(digits), 6, base64Digit) : undefined);
  zeroBytes(digits);
  if (key === undefined) return false;
  try {
    return key.length >= MIN_KEY_BYTES && countDistinct(key) >= MIN_DISTINCT_BYTES;
  } finally {
    zeroBytes(key);
  }
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const TAB = 0x09;
const EQUALS = 0x3d;

function isTextByte(byte: number): boolean {
  return (byte >= 0x20 && byte < 0x7f) || byte === TAB || byte === LINE_FEED || byte === CARRIAGE_RETURN;
}

/** Words joined by hyphens are base64url too; of 32 random bytes one letter case is missing less often than once in 2^30 times. */
function mixesCases(digits: Uint8Array): boolean {
  return digits.some((byte) => byte >= 0x41 && byte <= 0x5a) && digits.some((byte) => byte >= 0x61 && byte <= 0x7a);
}

function withoutPadding(digits: Uint8Array): Uint8Array {
  const padding = digits.at(-1) !== EQUALS ? 0 : digits.at(-2) !== EQUALS ? 1 : 2;
  return digits.subarray(0, digits.length - padding);
}

/** Undefined where something is no digit. Bits that fill no byte are left out. */
function decode(digits: Uint8Array, bitsPerDigit: number, valueOf: (byte: number) => number | undefined): Uint8Array | undefined {
  const bytes = new Uint8Array(Math.floor((digits.length * bitsPerDigit) / 8));
  let [length, held, bits] = [0, 0, 0];
  for (const digit of digits) {
    const value = valueOf(digit);
    if (value === undefined) {
      zeroBytes(bytes);
      return undefined;
    }
    held = ((held << bitsPerDigit) | value) & 0xfff;
    bits += bitsPerDigit;
    if (bits < 8) continue;
    bits -= 8;
    bytes[length++] = held >> bits;
  }
  return bytes;
}

function hexDigit(byte: number): number | undefined {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x61 + 10 : undefined;
}

function base64Digit(byte: number): number | undefined {
  if (byte >= 0x41 && byte <= 0x5a) return byte - 0x41;
  if (byte >= 0x61 && byte <= 0x7a) return byte - 0x61 + 26;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30 + 52;
  if (byte === 0x2b || byte === 0x2d) return 62;
  return byte === 0x2f || byte === 0x5f ? 63 : undefined;
}

function countDistinct(bytes: Uint8Array): number {
  const seen = new Uint8Array(256);
  for (const byte of bytes) seen[byte] = 1;
  const count = seen.reduce((sum, value) => sum + value, 0);
  zeroBytes(seen);
  return count;
}
