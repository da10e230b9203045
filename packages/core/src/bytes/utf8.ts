/** UTF-8 without replacement characters: what cannot be represented is refused, never changed. */
import { talosError } from "../errors/talos-error.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * The UTF-8 bytes of a text, without normalisation.
 *
 * @throws TalosError INVALID_ARGUMENT for a lone surrogate
 */
export function utf8(text: string): Uint8Array {
  if (!text.isWellFormed()) throw talosError("INVALID_ARGUMENT", "The text is not valid Unicode.");
  return encoder.encode(text);
}

/**
 * The text of UTF-8 bytes. A byte order mark is kept as a character.
 *
 * @throws TalosError MALFORMED for anything that is not valid UTF-8
 */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw talosError("MALFORMED", "The text is not valid UTF-8.", { details: { reason: "utf8" } });
  }
}
