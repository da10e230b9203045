/**
 * Structures: CBOR maps with unsigned integer keys, of which 0 is the version, 1 the suite and 99 the extensions
 * (docs/protocol/encoding.md). Knows the frame that all structures share, none of their fields.
 */
import { talosError } from "../errors/talos-error.ts";
import { decodeCbor, encodeCbor, type CborLimits, type CborValue } from "./cbor.ts";
import { malformedField } from "./fields.ts";
import { ArrayReader, MapReader } from "./readers.ts";

export const STRUCT_VERSION = 1;
export const STRUCT_SUITE = 1;
export const EXTENSIONS_KEY = 99;
export const MAX_EXTENSIONS = 16;
export const MAX_EXTENSION_BYTES = 4096;

export interface Extension {
  readonly id: number;
  /** A decoder that does not know a critical extension refuses the whole structure. */
  readonly critical: boolean;
  readonly value: Uint8Array;
}

export interface StructOptions {
  readonly limits?: CborLimits | undefined;
  /** Ids of extensions that the caller understands; they pass even when critical. */
  readonly knownExtensions?: readonly number[] | undefined;
}

/**
 * Reads one structure: construct, take each field once by its key, `finish()`.
 *
 * @throws TalosError MALFORMED naming structure and field; UNSUPPORTED_VERSION, UNSUPPORTED_SUITE (from the
 *   constructor); UNSUPPORTED_EXTENSION (from `finish`)
 */
export class StructReader extends MapReader {
  readonly #knownExtensions: readonly number[];

  constructor(bytes: Uint8Array, structure: string, options: StructOptions = {}) {
    super(decodeCbor(bytes, options.limits), { structure, field: "" });
    this.#knownExtensions = options.knownExtensions ?? [];
    if (this.uint(0) !== STRUCT_VERSION) throw talosError("UNSUPPORTED_VERSION", undefined, { details: { structure } });
    if (this.uint(1) !== STRUCT_SUITE) throw talosError("UNSUPPORTED_SUITE", undefined, { details: { structure } });
  }

  /** The extensions (in order of their ids); refuses fields that were not read and unknown critical extensions. */
  finish(): Extension[] {
    const list = this.optionalArray(EXTENSIONS_KEY, { min: 1, max: MAX_EXTENSIONS });
    this.end();
    const extensions = list === undefined ? [] : this.#extensions(list);
    for (const { critical, id } of extensions) {
      if (critical && !this.#knownExtensions.includes(id)) {
        throw talosError("UNSUPPORTED_EXTENSION", undefined, { details: { structure: this.structure, extension: id } });
      }
    }
    return extensions;
  }

  #extensions(list: ArrayReader): Extension[] {
    const extensions: Extension[] = [];
    let previousId = -1;
    while (list.remaining > 0) {
      const item = list.array({ length: 3 });
      const extension: Extension = { id: item.uint(), critical: item.bool(), value: item.bytes({ max: MAX_EXTENSION_BYTES }) };
      if (extension.id <= previousId) throw malformedField(this.place(EXTENSIONS_KEY), "ids not ascending");
      previousId = extension.id;
      extensions.push(extension);
    }
    return extensions;
  }
}

/**
 * Encodes a structure. Version, suite and extensions are added here; fields that are `undefined` are left out.
 *
 * @param fields by key, 2 to 98
 * @param extensions ids ascending and unique, at most 16
 * @throws TalosError INVALID_ARGUMENT for other keys or extensions that no decoder would take
 */
export function encodeStruct(fields: ReadonlyMap<number, CborValue | undefined>, extensions: readonly Extension[] = []): Uint8Array {
  const map = new Map<number, CborValue>([
    [0, STRUCT_VERSION],
    [1, STRUCT_SUITE],
  ]);
  for (const [key, value] of fields) {
    if (!Number.isInteger(key) || key < 2 || key >= EXTENSIONS_KEY) {
      throw talosError("INVALID_ARGUMENT", "A structure's own fields have keys from 2 to 98.");
    }
    if (value !== undefined) map.set(key, value);
  }
  if (extensions.length > 0) map.set(EXTENSIONS_KEY, extensionsToCbor(extensions));
  return encodeCbor(map);
}

function extensionsToCbor(extensions: readonly Extension[]): CborValue {
  let previousId = -1;
  for (const { id, value } of extensions) {
    if (!Number.isSafeInteger(id) || id <= previousId || value.length > MAX_EXTENSION_BYTES) {
      throw talosError("INVALID_ARGUMENT", "Extensions need ascending ids and values of at most 4096 bytes.");
    }
    previousId = id;
  }
  if (extensions.length > MAX_EXTENSIONS) throw talosError("INVALID_ARGUMENT", "At most 16 extensions.");
  return extensions.map(({ id, critical, value }) => [id, critical, value]);
}
