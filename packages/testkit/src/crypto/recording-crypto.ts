/**
 * A `Crypto` that remembers a copy of every secret it made, so that a test can search files, databases and output for
 * them afterwards. Works like the one it wraps in every other way.
 */
import { toHex, type Crypto } from "@talos/core";
import { findSecrets, type FoundSecret, type RecordedSecret } from "./find-secrets.ts";
import { observingCrypto, type ObservingCryptoOptions } from "./observing-crypto.ts";

export interface RecordingCrypto extends Crypto {
  /** Each secret once, in the order of making. */
  readonly secrets: readonly RecordedSecret[];
  /** Remembers a secret that was not made here: a password, a planted canary. */
  remember(kind: string, bytes: Uint8Array): void;
  /** Where any remembered secret stands in these bytes, in any form. */
  findSecretsIn(haystack: Uint8Array): FoundSecret[];
}

export type RecordingCryptoOptions = ObservingCryptoOptions;

/** Shorter ones would be found by chance. */
const MIN_SECRET_BYTES = 8;

export function recordingCrypto(options: RecordingCryptoOptions = {}): RecordingCrypto {
  const secrets: RecordedSecret[] = [];
  const known = new Set<string>();
  const remember = (kind: string, bytes: Uint8Array): void => {
    const name = toHex(bytes);
    if (bytes.length < MIN_SECRET_BYTES || known.has(name)) return;
    known.add(name);
    secrets.push({ kind, bytes: new Uint8Array(bytes) });
  };
  return { ...observingCrypto(remember, options), secrets, remember, findSecretsIn: (haystack) => findSecrets(secrets, haystack) };
}
