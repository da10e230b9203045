// Extensions in binary layouts. Source: docs/protocol/envelope.md.
import { BinaryReader, BinaryWriter } from "../codec/binary.ts";
import { malformedField } from "../codec/fields.ts";
import type { Extension } from "../codec/struct.ts";
import { talosError } from "../errors/talos-error.ts";

const MAX_TOTAL_BYTES = 4096;

/** Length on the wire, with the two bytes of the length itself. */
export function binaryExtensionsLength(extensions: readonly Extension[]): number {
  return extensions.reduce((sum, { value }) => sum + 5 + value.length, 2);
}

/** `u16 length`, then `u16 id || u8 critical || len16(value)` each. Throws INVALID_ARGUMENT for ids out of order or more than 4,096 bytes. */
export function writeBinaryExtensions(writer: BinaryWriter, extensions: readonly Extension[]): void {
  const length = binaryExtensionsLength(extensions) - 2;
  if (length > MAX_TOTAL_BYTES) throw talosError("INVALID_ARGUMENT", "The extensions are too large.");
  writer.u16(length);
  let lastId = -1;
  for (const { id, critical, value } of extensions) {
    if (id <= lastId) throw talosError("INVALID_ARGUMENT", "Extensions stand in the order of their ids.");
    lastId = id;
    writer
      .u16(id)
      .u8(critical ? 1 : 0)
      .u16(value.length)
      .bytes(value);
  }
}

/** Throws MALFORMED; UNSUPPORTED_EXTENSION for a critical one, of which none is known. */
export function readBinaryExtensions(reader: BinaryReader, structure: string): readonly Extension[] {
  const length = reader.u16();
  if (length === 0) return [];
  const place = { structure, field: "extensions" };
  if (length > MAX_TOTAL_BYTES) throw malformedField(place, "too large");
  const inner = new BinaryReader(reader.view(length), structure);
  const extensions: Extension[] = [];
  let lastId = -1;
  while (inner.remaining > 0) {
    const id = inner.u16();
    const critical = inner.u8();
    if (id <= lastId || critical > 1) throw malformedField(place, "not well formed");
    lastId = id;
    extensions.push({ id, critical: critical === 1, value: inner.bytes(inner.u16()) });
  }
  const unknown = extensions.find(({ critical }) => critical);
  if (unknown !== undefined) throw talosError("UNSUPPORTED_EXTENSION", undefined, { details: { structure, extension: unknown.id } });
  return extensions;
}
