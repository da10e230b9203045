// Ways to break a structure that every decoder must notice. Works on encoded bodies; must not know their fields.
import { concatBytes, decodeCbor, encodeCbor, utf8, type CborValue } from "@talos/core";

type Body = ReadonlyMap<number, CborValue>;

export interface Broken {
  readonly name: string;
  readonly description: string;
  readonly body: Uint8Array;
  readonly error: string;
}

/** The body with fields set, or taken out where the value is undefined. */
export function withFields(body: Uint8Array, fields: Readonly<Record<number, CborValue | undefined>>): Uint8Array {
  const map = new Map(decodeCbor(body) as Body);
  for (const [key, value] of Object.entries(fields)) {
    if (value === undefined) map.delete(Number(key));
    else map.set(Number(key), value);
  }
  return encodeCbor(map);
}

/** An extension that nobody knows. */
export function extension(id: number, critical: boolean): readonly [number, boolean, Uint8Array] {
  return [id, critical, utf8("later")];
}

/** What is wrong with a structure whatever it is. `body` is a valid one with fewer than 23 fields and no extensions. */
export function brokenStructures(body: Uint8Array): Broken[] {
  const map = decodeCbor(body) as Body;
  const lastKey = Math.max(...map.keys());
  const afterHead = body.subarray(5);
  const head = Uint8Array.of(body[0] as number);
  const longer = Uint8Array.of((body[0] as number) + 1);
  const malformed = (name: string, description: string, bytes: Uint8Array): Broken => ({
    name,
    description,
    body: bytes,
    error: "MALFORMED",
  });
  return [
    { name: "version-2", description: "A later version.", body: withFields(body, { 0: 2 }), error: "UNSUPPORTED_VERSION" },
    { name: "suite-2", description: "A later suite.", body: withFields(body, { 1: 2 }), error: "UNSUPPORTED_SUITE" },
    {
      name: "critical-extension",
      description: "A critical extension that is unknown, beside one that is not critical.",
      body: withFields(body, { 99: [extension(1, false), extension(2, true)] }),
      error: "UNSUPPORTED_EXTENSION",
    },
    malformed("extensions-empty", "An empty list of extensions.", withFields(body, { 99: [] })),
    malformed("extensions-unordered", "Extensions out of order.", withFields(body, { 99: [extension(2, false), extension(1, false)] })),
    malformed("extension-twice", "One extension twice.", withFields(body, { 99: [extension(1, false), extension(1, false)] })),
    malformed(
      "extensions-17",
      "More than 16 extensions.",
      withFields(body, { 99: Array.from({ length: 17 }, (_, id) => extension(id, false)) }),
    ),
    malformed("unknown-field", "A field that the structure does not name.", withFields(body, { 98: 0 })),
    malformed("field-missing", `Field ${lastKey} is missing.`, withFields(body, { [lastKey]: undefined })),
    malformed("field-null", `Field ${lastKey} is null.`, withFields(body, { [lastKey]: null })),
    malformed("version-text-key", "A map with a text key.", concatBytes(longer, body.subarray(1), Uint8Array.of(0x61, 0x61, 0))),
    malformed("integer-long-form", "The version in two bytes.", concatBytes(head, Uint8Array.of(0, 0x18, 1, 1, 1), afterHead)),
    malformed("keys-unordered", "Suite before version.", concatBytes(head, Uint8Array.of(1, 1, 0, 1), afterHead)),
    malformed("key-twice", "The version twice.", concatBytes(longer, Uint8Array.of(0, 1, 0, 1, 1, 1), afterHead)),
    malformed(
      "version-float",
      "The version as a floating point number.",
      concatBytes(head, Uint8Array.of(0, 0xf9, 0x3c, 0, 1, 1), afterHead),
    ),
    malformed("version-tagged", "The version with a tag.", concatBytes(head, Uint8Array.of(0, 0xc1, 1, 1, 1), afterHead)),
    malformed("indefinite-map", "A map of indefinite length.", concatBytes(Uint8Array.of(0xbf), body.subarray(1), Uint8Array.of(0xff))),
    malformed("trailing-byte", "A byte after the end.", concatBytes(body, Uint8Array.of(0))),
    malformed("truncated", "The last byte is missing.", body.subarray(0, body.length - 1)),
    malformed("empty", "No bytes.", new Uint8Array(0)),
  ];
}

/** A copy with one bit of one byte changed; a negative index counts from the end. */
export function withFlippedBit(bytes: Uint8Array, index: number): Uint8Array {
  const copy = bytes.slice();
  const at = index < 0 ? copy.length + index : index;
  copy[at] = (copy[at] as number) ^ 1;
  return copy;
}
