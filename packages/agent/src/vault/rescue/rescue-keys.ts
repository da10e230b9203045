/**
 * Which private keys the key files still hold, whatever names they lie under. A file counts when it opens under the vault key; what its
 * key is, the agent's log says: the identity key, the next one by its commitment, the encryption key, or one that was it before.
 * Changes nothing.
 */
import { join } from "node:path";
import {
  ALGORITHM,
  type Crypto,
  equalBytes,
  type IdentityLog,
  isTalosError,
  keyCommitment,
  keyId as idOfKey,
  type KeyId,
  ownKey,
  revealSecret,
  SecretBytes,
} from "@talos/core";
import { listFolder, readFile, statPath } from "../files.ts";
import { type KeyFileHeader, openKeyFile, readKeyFileHeader } from "../keys/key-file.ts";
import { parseName, type ParsedName, PREKEYS_FOLDER } from "../keys/layout.ts";
import { notPossible } from "./rescue-source.ts";
import type { Sealer } from "../sealer.ts";
import type { StoredKeyKind } from "../store/inventory.ts";

/** Far above any key file of ours. */
const MAX_KEY_FILE_BYTES = 65_536;
/** A prekey's private part begins with its X25519 key. */
const AGREEMENT_BYTES = 32;

export interface FoundKey {
  readonly kind: StoredKeyKind;
  readonly keyId: KeyId;
  /** Of prekeys the X25519 part. */
  readonly publicKey: Uint8Array;
  /** Relative to the data directory; final or staged. */
  readonly file: string;
  readonly vaultKeyNumber: number;
}

export interface FoundKeys {
  /** Everything below is sealed under this one. */
  readonly vaultKeyNumber: number;
  readonly identity: FoundKey;
  /** Absent where its file is lost: the agent works, and cannot rotate. */
  readonly next: FoundKey | undefined;
  readonly encryption: FoundKey;
  /** Encryption keys that were in force before. */
  readonly retired: readonly FoundKey[];
  /** Whichever vault key they are sealed under. */
  readonly prekeys: readonly FoundKey[];
  /**
   * To be removed once the above are in force: a second copy of one of them under another name, or, by its header, under an earlier vault
   * key that may be in other hands; and prekeys under such a one, which end.
   */
  readonly duplicates: readonly string[];
  /** What does not open, or opens and is no key that the log knows. */
  readonly strangers: readonly string[];
}

interface Reading {
  readonly file: string;
  readonly isFinal: boolean;
  readonly key: FoundKey | undefined;
  /** Of what does not open, where it fits its name; nothing of it is proved. */
  readonly header: KeyFileHeader | undefined;
}

/**
 * @param sealers one for each vault key that could be had
 * @throws TalosError RESCUE_NOT_POSSIBLE naming the keys that are missing; STORAGE_FAILED
 */
export function findKeys(dataDir: string, sealers: readonly Sealer[], log: IdentityLog, crypto: Crypto): FoundKeys {
  const readings = keyFileNames(dataDir).map((file) => readOne(dataDir, file, sealers, crypto));
  const isNext = ({ publicKey, kind }: FoundKey): boolean =>
    kind === "identity" && equalBytes(keyCommitment(ownKey("next-identity", ALGORITHM.ed25519, publicKey), crypto), log.next.online);
  const isIdentity = ({ publicKey, kind }: FoundKey): boolean => kind === "identity" && equalBytes(publicKey, log.identityKey.bytes);
  const isEncryption = ({ publicKey, kind }: FoundKey): boolean => kind === "encryption" && equalBytes(publicKey, log.encryptionKey.bytes);
  const wasEncryption = ({ publicKey, kind }: FoundKey): boolean =>
    kind === "encryption" && log.states.some(({ encryptionKey }) => equalBytes(publicKey, encryptionKey.bytes));

  const numbers = sealers.map(({ vaultKeyNumber }) => vaultKeyNumber).sort((a, b) => b - a);
  const best = (is: (key: FoundKey) => boolean, vaultKeyNumber: number): FoundKey | undefined => {
    const fitting = readings.filter(({ key }) => key !== undefined && key.vaultKeyNumber === vaultKeyNumber && is(key));
    return (fitting.find(({ isFinal }) => isFinal) ?? fitting[0])?.key;
  };
  // A change of the vault key leaves a whole set under one of the two at every moment; the newer one where both are whole.
  const vaultKeyNumber = numbers.find((number) => best(isIdentity, number) !== undefined && best(isEncryption, number) !== undefined);
  const identity = vaultKeyNumber === undefined ? undefined : best(isIdentity, vaultKeyNumber);
  const encryption = vaultKeyNumber === undefined ? undefined : best(isEncryption, vaultKeyNumber);
  if (vaultKeyNumber === undefined || identity === undefined || encryption === undefined) {
    throw missing(
      numbers.some((number) => best(isIdentity, number) !== undefined),
      numbers.some((number) => best(isEncryption, number) !== undefined),
    );
  }

  const next = best(isNext, vaultKeyNumber);
  const formerIds = new Set(
    readings.flatMap(({ key }) => (key !== undefined && wasEncryption(key) && !isEncryption(key) ? [key.keyId] : [])),
  );
  const retired = [...formerIds].flatMap((keyId) => best((key) => key.keyId === keyId && wasEncryption(key), vaultKeyNumber) ?? []);
  const kept = [identity, encryption, ...(next === undefined ? [] : [next]), ...retired];
  const keptFiles = new Set(kept.map(({ file }) => file));
  const others = readings.filter(({ file }) => !keptFiles.has(file));
  const keptKinds = new Map(kept.map(({ keyId, kind }) => [keyId, kind]));
  const isSuperseded = ({ header }: Reading): boolean =>
    header !== undefined && header.vaultKeyNumber < vaultKeyNumber && (isPrekey(header) || keptKinds.get(header.keyId) === header.kind);
  const isDuplicate = (one: Reading): boolean => (one.key === undefined ? isSuperseded(one) : keptKinds.has(one.key.keyId));
  return {
    vaultKeyNumber,
    identity,
    next,
    encryption,
    retired,
    prekeys: others.flatMap(({ key }) => (key !== undefined && isPrekey(key) ? [key] : [])),
    duplicates: others.filter(isDuplicate).map(({ file }) => file),
    strangers: others.filter((one) => !isDuplicate(one) && (one.key === undefined || !isPrekey(one.key))).map(({ file }) => file),
  };
}

/** Final and staged. */
export function keyFileNames(dataDir: string): string[] {
  const inPrekeys = listFolder(join(dataDir, PREKEYS_FOLDER)).map((name) => `${PREKEYS_FOLDER}/${name}`);
  return [...listFolder(dataDir), ...inPrekeys].filter((name) => parseName(name) !== undefined);
}

function readOne(dataDir: string, file: string, sealers: readonly Sealer[], crypto: Crypto): Reading {
  const parsed = parseName(file);
  const stats = statPath(join(dataDir, file));
  const isFinal = parsed?.type === "final";
  if (parsed === undefined || stats?.isFile() !== true || stats.size > MAX_KEY_FILE_BYTES)
    return { file, isFinal, key: undefined, header: undefined };
  const bytes = readFile(join(dataDir, file)) ?? new Uint8Array();
  const header = headerOf(bytes, parsed);
  return { file, isFinal, header, key: header && openOne(bytes, file, header, sealers, crypto) };
}

/** Undefined for what is no key file, or not what its name says. */
function headerOf(bytes: Uint8Array, parsed: ParsedName): KeyFileHeader | undefined {
  try {
    const header = readKeyFileHeader(bytes);
    const fits = header.kind === parsed.kind && (parsed.keyId === undefined || parsed.keyId === header.keyId);
    return fits ? header : undefined;
  } catch (error) {
    if (!isTalosError(error)) throw error;
    return undefined;
  }
}

/** Undefined for what does not open. */
function openOne(bytes: Uint8Array, file: string, header: KeyFileHeader, sealers: readonly Sealer[], crypto: Crypto): FoundKey | undefined {
  try {
    const { kind, keyId, vaultKeyNumber } = header;
    const sealer = sealers.find((candidate) => candidate.vaultKeyNumber === vaultKeyNumber);
    if (sealer === undefined) return undefined;
    using secret = openKeyFile(bytes, kind, keyId, sealer);
    const publicKey = publicKeyOf(kind, secret, crypto);
    if (kind === "identity" && idOfKey(ownKey("identity", ALGORITHM.ed25519, publicKey), crypto) !== keyId) return undefined;
    if (kind === "encryption" && idOfKey(ownKey("encryption", ALGORITHM.x25519, publicKey), crypto) !== keyId) return undefined;
    return { kind, keyId, publicKey, file, vaultKeyNumber };
  } catch (error) {
    if (!isTalosError(error)) throw error;
    return undefined;
  }
}

function publicKeyOf(kind: StoredKeyKind, secret: SecretBytes, crypto: Crypto): Uint8Array {
  if (kind === "identity") {
    using key = crypto.signingKeyFromSeed(secret);
    return key.publicKey;
  }
  using part = SecretBytes.copyOf(revealSecret(secret).subarray(0, AGREEMENT_BYTES));
  using key = crypto.agreementKeyFromPrivate(part);
  return key.publicKey;
}

function isPrekey({ kind }: Pick<FoundKey, "kind">): boolean {
  return kind === "signed-prekey" || kind === "one-time-prekey";
}

function missing(hasIdentity: boolean, hasEncryption: boolean): Error {
  const files = [...(hasIdentity ? [] : ["identity.key.enc"]), ...(hasEncryption ? [] : ["encryption.key.enc"])];
  const message =
    files.length === 0
      ? "The identity key and the encryption key are sealed under two different vault keys, and each opens with another password."
      : `${files.join(" and ")}: missing, damaged, or another agent's.`;
  return notPossible(message, "key files", { files: files.join(", ") });
}
