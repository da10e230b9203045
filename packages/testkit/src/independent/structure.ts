// Structures (encoding.md, CBOR): maps with unsigned keys, version and suite first, extensions under 99; and the readers of their fields.
import { decodeCbor, plainCbor, type CborMap, type CborValue } from "./cbor.ts";
import { hex } from "./bytes.ts";
import { isAuthority } from "./did.ts";
import { checkPublicKey, type PublicKey } from "./keys.ts";
import { demand, refuse } from "./refusal.ts";

export interface Extension {
  readonly id: number;
  readonly critical: boolean;
  readonly value: string;
}

export interface LogHead {
  readonly seq: number;
  readonly hash: string;
}

export interface AuditHead {
  readonly size: number;
  readonly root: string;
}

const MAXIMUM_EXTENSIONS = 16;
const LONGEST_EXTENSION = 4096;

/** The fields of one structure. Each is asked for once; `end()` refuses what nobody asked for. */
export class Fields {
  readonly #map: CborMap;
  readonly #asked: Set<CborValue> = new Set();
  readonly extensions: readonly Extension[];

  constructor(bytes: Uint8Array) {
    const value = decodeCbor(bytes);
    demand(value instanceof Map, "a structure is a map");
    this.#map = value as CborMap;
    const version = this.uint(0);
    if (version !== 1) refuse("unsupported-version", `version ${version}`);
    const suite = this.uint(1);
    if (suite !== 1) refuse("unsupported-suite", `suite ${suite}`);
    for (const key of this.#map.keys()) demand(typeof key === "number" && key >= 0, "a key that is not an unsigned integer");
    this.#asked.add(99);
    this.extensions = this.#map.has(99) ? extensionsOf(this.#map.get(99)) : [];
  }

  has(key: number): boolean {
    return this.#map.has(key);
  }

  raw(key: number): CborValue {
    const value = this.#map.get(key);
    demand(value !== undefined, `field ${key} is absent`);
    this.#asked.add(key);
    return value;
  }

  uint(key: number, least: number = 0, most: number = Number.MAX_SAFE_INTEGER): number {
    return asUint(this.raw(key), least, most);
  }

  bytes(key: number, length?: number): Uint8Array {
    return asBytes(this.raw(key), length);
  }

  hex(key: number, length?: number): string {
    return hex(this.bytes(key, length));
  }

  text(key: number, most: number): string {
    return asText(this.raw(key), most);
  }

  publicKey(key: number, allowed: readonly number[]): PublicKey {
    const [algorithm, bytes] = asTuple(this.raw(key), 2);
    return checkPublicKey(asUint(algorithm), asBytes(bytes), allowed);
  }

  logHead(key: number): LogHead {
    const [seq, hash] = asTuple(this.raw(key), 2);
    return { seq: asUint(seq, 0, 2 ** 32 - 1), hash: hex(asBytes(hash, 32)) };
  }

  auditHead(key: number): AuditHead {
    const [size, root] = asTuple(this.raw(key), 2);
    return { size: asUint(size), root: hex(asBytes(root, 32)) };
  }

  /** Refuses unnamed fields, then critical extensions: version 1 defines none, so each is unknown. */
  end(): void {
    for (const key of this.#map.keys()) demand(this.#asked.has(key), `field ${String(plainCbor(key))} is not named`);
    refuseCritical(this.extensions);
  }
}

export function refuseCritical(extensions: readonly Extension[]): void {
  for (const { id, critical } of extensions) if (critical) refuse("unsupported-extension", `critical extension ${id}`);
}

export function ascending(numbers: readonly number[]): boolean {
  return numbers.every((number, index) => index === 0 || number > (numbers[index - 1] ?? 0));
}

function extensionsOf(value: CborValue | undefined): readonly Extension[] {
  demand(Array.isArray(value) && value.length >= 1 && value.length <= MAXIMUM_EXTENSIONS, "1 to 16 extensions");
  const extensions = (value as readonly CborValue[]).map((entry): Extension => {
    const [id, critical, content] = asTuple(entry, 3);
    demand(typeof critical === "boolean", "critical is a boolean");
    const bytes = asBytes(content);
    demand(bytes.length <= LONGEST_EXTENSION, "an extension's value is at most 4,096 bytes");
    return { id: asUint(id), critical, value: hex(bytes) };
  });
  demand(ascending(extensions.map(({ id }) => id)), "extension ids ascend");
  return extensions;
}

export function asUint(value: CborValue | undefined, least: number = 0, most: number = Number.MAX_SAFE_INTEGER): number {
  demand(typeof value === "number" && value >= least && value <= most, `an integer of ${least} to ${most}`);
  return value;
}

export function asBytes(value: CborValue | undefined, length?: number): Uint8Array {
  demand(value instanceof Uint8Array && (length === undefined || value.length === length), `a byte string of ${length ?? "any"} bytes`);
  return value;
}

export function asText(value: CborValue | undefined, most: number): string {
  demand(typeof value === "string" && Buffer.byteLength(value) <= most, `text of at most ${most} bytes`);
  return value;
}

export function asTuple(value: CborValue | undefined, length: number): readonly CborValue[] {
  demand(Array.isArray(value) && value.length === length, `an array of ${length}`);
  return value as readonly CborValue[];
}

/** 0 to 4 URLs, `http://` or `https://`, host, optional port, no path (instance.md, field 6). */
export function asDirectoryUrls(value: CborValue): readonly string[] {
  demand(Array.isArray(value) && value.length <= 4, "0 to 4 directory URLs");
  return (value as readonly CborValue[]).map((entry) => {
    const url = asText(entry, 255);
    const scheme = /^https?:\/\//u.exec(url)?.[0];
    demand(scheme !== undefined && isAuthority(url.slice(scheme.length)), "a directory URL is http(s)://host[:port]");
    return url;
  });
}
