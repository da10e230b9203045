// Strict reading of JSON bodies: every field is asked for by name, and one that nobody asked for is refused. Must not know any body.
import { fromBase64Url } from "../bytes/base64url.ts";
import { utf8 } from "../bytes/utf8.ts";
import { talosError, type TalosError } from "../errors/talos-error.ts";

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [name: string]: JsonValue };

/** Reads one object: take each field once, then `end()`. All methods throw MALFORMED, naming body and field, never the value. */
export class JsonReader {
  readonly #fields: ReadonlyMap<string, unknown>;
  readonly #body: string;
  readonly #read = new Set<string>();

  constructor(value: unknown, body: string) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw malformed(body, "whole", "not an object");
    this.#fields = new Map(Object.entries(value));
    this.#body = body;
  }

  /** Present, and not null. */
  has(name: string): boolean {
    const value = this.#fields.get(name);
    return value !== undefined && value !== null;
  }

  uint(name: string, max: number = Number.MAX_SAFE_INTEGER): number {
    const value = this.#take(name);
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0 || value > max || Object.is(value, -0)) {
      throw this.malformed(name, "not an unsigned integer within its bounds");
    }
    return value;
  }

  text(name: string, maxBytes: number): string {
    const value = this.#take(name);
    if (typeof value !== "string" || utf8(value).length > maxBytes) throw this.malformed(name, "not a text within its bounds");
    return value;
  }

  /** Base64url of exactly `length` bytes, or of at most `max`. */
  bytes(name: string, bounds: { readonly length: number } | { readonly max: number }): Uint8Array {
    return this.#bytes(this.#take(name), name, bounds);
  }

  list(name: string, max: number, bounds: { readonly length: number } | { readonly max: number }): Uint8Array[] {
    const value = this.#take(name);
    if (!Array.isArray(value) || value.length > max) throw this.malformed(name, "not a list within its bounds");
    return value.map((item: unknown) => this.#bytes(item, name, bounds));
  }

  object(name: string): JsonReader {
    return new JsonReader(this.#take(name), this.#body);
  }

  /** Takes a field that must be null. */
  nothing(name: string): null {
    if (this.#take(name) !== null) throw this.malformed(name, "not null");
    return null;
  }

  /** Refuses fields that were not taken. */
  end(): void {
    if (this.#read.size !== this.#fields.size) throw this.malformed("other", "unknown field");
  }

  malformed(field: string, reason: string): TalosError {
    return malformed(this.#body, field, reason);
  }

  #take(name: string): unknown {
    if (!this.#fields.has(name)) throw this.malformed(name, "missing");
    this.#read.add(name);
    return this.#fields.get(name);
  }

  #bytes(value: unknown, name: string, bounds: { readonly length: number } | { readonly max: number }): Uint8Array {
    const max = "length" in bounds ? bounds.length : bounds.max;
    if (typeof value !== "string" || value.length > Math.ceil((max * 4) / 3)) throw this.malformed(name, "not bytes within their bounds");
    const bytes = fromBase64Url(value);
    if ("length" in bounds && bytes.length !== bounds.length) throw this.malformed(name, "wrong length");
    return bytes;
  }
}

function malformed(structure: string, field: string, reason: string): TalosError {
  return talosError("MALFORMED", `${structure}, field ${field}: ${reason}.`, { details: { structure, field, reason } });
}
