/** base58btc (the alphabet of Bitcoin), used in agent ids. Quadratic, so its input is bounded. For public data. */
import { talosError } from "../errors/talos-error.ts";

const ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const DIGITS: ReadonlyMap<string, number> = new Map(ALPHABET.split("").map((letter, digit) => [letter, digit]));

/** An agent id is 46 characters; anything near this bound is not one, and the work grows with the square. */
const MAX_TEXT_LENGTH = 256;

export function toBase58Btc(bytes: Uint8Array): string {
  const digits: number[] = [];
  for (const byte of bytes) {
    let carry = byte;
    for (let i = 0; i < digits.length; i++) {
      carry += (digits[i] as number) << 8;
      digits[i] = carry % 58;
      carry = Math.floor(carry / 58);
    }
    while (carry > 0) {
      digits.push(carry % 58);
      carry = Math.floor(carry / 58);
    }
  }
  let text = "";
  for (let i = 0; i < bytes.length && bytes[i] === 0; i++) text += "1";
  for (let i = digits.length - 1; i >= 0; i--) text += ALPHABET.charAt(digits[i] as number);
  return text;
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
