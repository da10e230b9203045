/** Hexadecimal, lower case only, so that one byte string has one text. For public data: strings cannot be wiped. */
import { talosError } from "../errors/talos-error.ts";

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
}

/** @throws TalosError MALFORMED for odd length, upper case or any other character */
export function fromHex(text: string): Uint8Array {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/.test(text)) {
    throw talosError("MALFORMED", "The text is not lower-case hexadecimal.", { details: { reason: "hex" } });
  }
  return new Uint8Array(Buffer.from(text, "hex"));
}
