/**
 * Searches bytes for secrets in every form that they take on their way out: raw (which is latin1 and UTF-8 too), as UTF-16,
 * hexadecimal, base64, lists of decimal numbers. One pass over the bytes whatever the number of secrets. Knows nothing of
 * where secrets come from.
 */
import { toHex } from "@talos/core";

export interface RecordedSecret {
  /** What it was made as, for the failure message. */
  readonly kind: string;
  readonly bytes: Uint8Array;
}

export type SecretForm = "raw" | "utf-16" | "hex" | "base64" | "base64url" | "decimal";

export interface FoundSecret {
  readonly kind: string;
  readonly form: SecretForm;
  readonly offset: number;
}

interface Needle extends Omit<FoundSecret, "offset"> {
  readonly bytes: Uint8Array;
  readonly secret: RecordedSecret;
}

/** Needles are looked up by this many first bytes; every form of 8 bytes or more is longer. */
const PREFIX_BYTES = 4;
/** So many numbers of a printed list are enough: six fit into the first line that `inspect` prints. */
const DECIMAL_NUMBERS = 6;
/** Most places of a memory begin no needle: one bit for each possible hash of four bytes says so, in a table that a cache holds. */
const FILTER_BITS = 22;

/** The first place of every form of every secret. Secrets are at least 8 bytes long. */
export function findSecrets(secrets: readonly RecordedSecret[], haystack: Uint8Array): FoundSecret[] {
  const finder = new SecretFinder(secrets);
  const found = new Map<string, FoundSecret & { readonly secret: RecordedSecret }>();
  const names = new Map(secrets.map((secret, index) => [secret, index]));
  finder.search(haystack, (place) => {
    const name = `${names.get(place.secret) ?? ""} ${place.form}`;
    if (!found.has(name)) found.set(name, place);
  });
  return [...found.values()].map(({ kind, form, offset }) => ({ kind, form, offset }));
}

/** The same for many haystacks: the needles are made once. */
export class SecretFinder {
  /** Of the longest needle: haystacks that are searched in pieces must overlap by one byte less. */
  readonly longest: number;
  readonly #byPrefix = new Map<number, Needle[]>();
  readonly #filter = new Uint8Array(2 ** (FILTER_BITS - 3));

  constructor(secrets: readonly RecordedSecret[]) {
    const needles = secrets.flatMap((secret) => needlesOf(secret));
    this.longest = Math.max(0, ...needles.map(({ bytes }) => bytes.length));
    for (const needle of needles) {
      const prefix = Buffer.from(needle.bytes).readUInt32BE(0);
      const same = this.#byPrefix.get(prefix);
      if (same === undefined) this.#byPrefix.set(prefix, [needle]);
      else same.push(needle);
      const bit = hashOf(prefix);
      this.#filter[bit >>> 3] = (this.#filter[bit >>> 3] as number) | (1 << (bit & 7));
    }
  }

  /** Tells every place of every form. */
  search(haystack: Uint8Array, tell: (found: FoundSecret & { readonly secret: RecordedSecret }) => void): void {
    const buffer = Buffer.from(haystack.buffer, haystack.byteOffset, haystack.length);
    const filter = this.#filter;
    let prefix = 0;
    for (let i = 0; i < buffer.length; i++) {
      prefix = ((prefix << 8) | (buffer[i] as number)) >>> 0;
      const bit = hashOf(prefix);
      if (((filter[bit >>> 3] as number) & (1 << (bit & 7))) === 0) continue;
      const offset = i + 1 - PREFIX_BYTES;
      if (offset < 0) continue;
      for (const { bytes, kind, form, secret } of this.#byPrefix.get(prefix) ?? []) {
        if (buffer.subarray(offset, offset + bytes.length).equals(bytes)) tell({ kind, form, offset, secret });
      }
    }
  }
}

function hashOf(prefix: number): number {
  return Math.imul(prefix, 0x9e3779b1) >>> (32 - FILTER_BITS);
}

function needlesOf(secret: RecordedSecret): Needle[] {
  const { kind, bytes } = secret;
  const hex = toHex(bytes);
  const base64 = base64Forms(bytes);
  const numbers = [...bytes.subarray(0, DECIMAL_NUMBERS)];
  const texts: (readonly [SecretForm, string])[] = [
    ["hex", hex],
    ["hex", hex.toUpperCase()],
    ...base64.map((text) => ["base64", text] as const),
    ...base64.map((text) => ["base64url", text.replaceAll("+", "-").replaceAll("/", "_")] as const),
    // The separator behind the last number, so that no longer one is taken for it; long secrets only, or chance finds them.
    ...(bytes.length < 16 ? [] : [",", ", "].map((separator) => ["decimal", numbers.join(separator) + separator] as const)),
  ];
  const unique = new Map(texts.map(([form, text]) => [text, form]));
  return [
    { kind, form: "raw", bytes, secret },
    { kind, form: "utf-16", bytes: Buffer.from(Buffer.from(bytes).toString("latin1"), "utf16le"), secret },
    ...[...unique].map(([text, form]) => ({ kind, form, bytes: Buffer.from(text), secret })),
  ];
}

/**
 * The characters that a secret gives inside a longer base64 text: it may begin at any of three positions, and the
 * characters at its ends depend on its neighbours.
 */
function base64Forms(bytes: Uint8Array): string[] {
  return [0, 1, 2].map((position) => {
    const padded = Buffer.concat([Buffer.alloc(position), bytes]);
    const from = position === 0 ? 0 : 4;
    const wholeCharacters = Math.floor((padded.length * 8) / 6);
    return padded.toString("base64").slice(from, wholeCharacters);
  });
}
