/** base58btc (the alphabet of Bitcoin), used in agent ids. Quadratic, so its input is bounded. For public data. */
import { talosError } from "../errors/talos-error.ts";

const ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const DIGITS: ReadonlyMap<string, number> = new Map(ALPHABET.split("").map((letter, digit) => [letter, digit]));

/** An agent id is 46 characters; anything near this bound is not one, and the work grows with the square. */
const MAX_TEXT_LENGTH = 256;

/** Four digits at a time, and three bytes: a listing of ten thousand agents spends most of its time here. */
const LIMB = 58 ** 4;

export function toBase58Btc(bytes: Uint8Array): string {
  const limbs: number[] = [];
  for (let end = bytes.length % 3 || 3; end <= bytes.length; end += 3) {
    let carry = 0;
    for (let i = Math.max(end - 3, 0); i < end; i++) carry = carry * 256 + (bytes[i] as number);
    for (let i = 0; i < limbs.length; i++) {
      carry += (limbs[i] as number) * 0x1000000;
      limbs[i] = carry % LIMB;
      carry = Math.floor(carry / LIMB);
    }
    while (carry > 0) {
      limbs.push(carry % LIMB);
      carry = Math.floor(carry / LIMB);
    }
  }
  let digits = "";
  for (let i = limbs.length - 1; i >= 0; i--) digits += digitsOf(limbs[i] as number);
  let zeros = 0;
  while (bytes[zeros] === 0) zeros++;
  return "1".repeat(zeros) + digits.replace(/^1+/, "");
}

function digitsOf(limb: number): string {
  const digit = (value: number): string => ALPHABET.charAt(value % 58);
  return digit(Math.floor(limb / 195_112)) + digit(Math.floor(limb / 3364)) + digit(Math.floor(limb / 58)) + digit(limb);
}

/** @throws TalosError MALFORMED for a foreign character or more than 256 characters */
export function fromBase58Btc(text: string): Uint8Array {
  if (text.length > MAX_TEXT_LENGTH) throw malformed();
  const bytes: number[] = [];
  for (const letter of text) {
    let carry = DIGITS.get(letter);
    if (carry === undefined) throw malformed();
    for (let i = 0; i < bytes.length; i++) {
      carry += (bytes[i] as number) * 58;
      bytes[i] = carry & 0xff;
      carry >>= 8;
    }
    while (carry > 0) {
      bytes.push(carry & 0xff);
      carry >>= 8;
    }
  }
  let zeros = 0;
  while (zeros < text.length && text.charAt(zeros) === "1") zeros++;
  const decoded = new Uint8Array(zeros + bytes.length);
  decoded.set(bytes.reverse(), zeros);
  return decoded;
}

function malformed(): Error {
  return talosError("MALFORMED", "The text is not base58btc.", { details: { reason: "base58btc" } });
}
