/**
 * Searches bytes for secrets in every form that they take on their way out: raw, hexadecimal, base64. One pass over the
 * bytes whatever the number of secrets. Knows nothing of where secrets come from.
 */
import { toHex } from "@talos/core";

export interface RecordedSecret {
  /** What it was made as, for the failure message. */
  readonly kind: string;
  readonly bytes: Uint8Array;
}

export interface FoundSecret {
  readonly kind: string;
  readonly form: "raw" | "hex" | "base64" | "base64url";
  readonly offset: number;
}

interface Needle extends Omit<FoundSecret, "offset"> {
  readonly bytes: Uint8Array;
}

/** Needles are looked up by this many first bytes; every form of 8 bytes or more is longer. */
const PREFIX_BYTES = 4;

/** The first place of every form of every secret. Secrets are at least 8 bytes long. */
export function findSecrets(secrets: readonly RecordedSecret[], haystack: Uint8Array): FoundSecret[] {
  const byPrefix = new Map<number, Needle[]>();
  for (const needle of secrets.flatMap((secret) => needlesOf(secret))) {
    const prefix = Buffer.from(needle.bytes).readUInt32BE(0);
    const same = byPrefix.get(prefix);
    if (same === undefined) byPrefix.set(prefix, [needle]);
    else same.push(needle);
  }
  const buffer = Buffer.from(haystack.buffer, haystack.byteOffset, haystack.length);
  const found = new Map<Needle, FoundSecret>();
  let prefix = 0;
  for (let i = 0; i < buffer.length; i++) {
    prefix = ((prefix << 8) | (buffer[i] as number)) >>> 0;
    const offset = i + 1 - PREFIX_BYTES;
    const candidates = offset < 0 ? undefined : byPrefix.get(prefix);
    for (const needle of candidates ?? []) {
      const isThere = buffer.subarray(offset, offset + needle.bytes.length).equals(needle.bytes);
      if (isThere && !found.has(needle)) found.set(needle, { kind: needle.kind, form: needle.form, offset });
    }
  }
  return [...found.values()];
}

function needlesOf({ kind, bytes }: RecordedSecret): Needle[] {
  const hex = toHex(bytes);
  const base64 = base64Forms(bytes);
  const texts: (readonly [FoundSecret["form"], string])[] = [
    ["hex", hex],
    ["hex", hex.toUpperCase()],
    ...base64.map((text) => ["base64", text] as const),
    ...base64.map((text) => ["base64url", text.replaceAll("+", "-").replaceAll("/", "_")] as const),
  ];
  const unique = new Map(texts.map(([form, text]) => [text, form]));
  return [{ kind, form: "raw", bytes }, ...[...unique].map(([text, form]) => ({ kind, form, bytes: Buffer.from(text) }))];
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
