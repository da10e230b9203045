/**
 * How a process tells another what its secrets are without keeping a copy: each goes from the live bytes into a file by one
 * system call, and nothing of it stays behind. Records: u16 length of the kind, u16 length of the secret, both.
 */
import { closeSync, openSync, readFileSync, writevSync } from "node:fs";
import { toHex, utf8 } from "@talos/core";
import type { RecordedSecret } from "../crypto/find-secrets.ts";

const HEADER_BYTES = 4;
const PART_BYTES = 16;

export class SecretJournal implements Disposable {
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, "a", 0o600);
  }

  tell(kind: string, bytes: Uint8Array): void {
    const name = utf8(kind);
    const header = new Uint8Array(HEADER_BYTES);
    new DataView(header.buffer).setUint16(0, name.length);
    new DataView(header.buffer).setUint16(2, bytes.length);
    writevSync(this.#file, [header, name, bytes]);
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }
}

/** What was told, in its order; a secret that was told before under another kind comes again. */
export function readSecretJournal(path: string): RecordedSecret[] {
  const secrets: RecordedSecret[] = [];
  const bytes = new Uint8Array(readFileSync(path));
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < bytes.length;) {
    const kindAt = at + HEADER_BYTES;
    const secretAt = kindAt + view.getUint16(at);
    const end = secretAt + view.getUint16(at + 2);
    secrets.push({ kind: Buffer.from(bytes.subarray(kindAt, secretAt)).toString(), bytes: bytes.slice(secretAt, end) });
    at = end;
  }
  return secrets;
}

/** Each secret once, under the kind that it was told as first. Shorter ones than 8 bytes would be found by chance. */
export function distinct(secrets: readonly RecordedSecret[]): RecordedSecret[] {
  const byBytes = new Map<string, RecordedSecret>();
  for (const secret of secrets) {
    const name = toHex(secret.bytes);
    if (secret.bytes.length >= 8 && !byBytes.has(name)) byBytes.set(name, secret);
  }
  return [...byBytes.values()];
}

/** In parts of 16 bytes: an allocator writes its pointers over the beginning of what is freed, and half a secret is too much. */
export function inParts({ kind, bytes }: RecordedSecret): RecordedSecret[] {
  const count = Math.max(1, Math.floor(bytes.length / PART_BYTES));
  return Array.from({ length: count }, (_, at) => ({
    kind,
    bytes: bytes.subarray(at * PART_BYTES, at === count - 1 ? bytes.length : (at + 1) * PART_BYTES),
  }));
}
