/**
 * Private keys as a thief has them: exactly those that were stolen, and nothing else of their owner. Takes them out of a data directory or a
 * backup by the readers that were written from the specification. Knows nothing of what can be done with them.
 */
import { readFileSync } from "node:fs";
import { fromHex, nodeCrypto, SecretBytes, type AgreementKey, type KemKey, type SigningKey } from "@talos/core";
import { readBackup } from "../independent/backup.ts";
import { VaultReader } from "../independent/vault.ts";

export interface StolenPrekey {
  readonly privateKey: AgreementKey;
  readonly kemKey: KemKey;
}

export interface Loot {
  readonly identityKey?: SigningKey;
  /** The online key that is committed to. */
  readonly nextKey?: SigningKey;
  readonly instanceKey?: SigningKey;
  readonly encryptionKey?: AgreementKey;
  readonly signedPrekey?: StolenPrekey;
  /** By their ids in hexadecimal. */
  readonly oneTimePrekeys?: ReadonlyMap<string, StolenPrekey>;
  /** In their stored form. */
  readonly sessions?: readonly Uint8Array[];
}

/** What private keys are made of: 32 bytes, or 96 of a prekey (X25519, then the seed of ML-KEM). */
export interface StolenBytes {
  readonly identityKey: Uint8Array;
  readonly nextKey: Uint8Array;
  readonly encryptionKey: Uint8Array;
  readonly signedPrekey: Uint8Array;
  readonly oneTimePrekeys: ReadonlyMap<string, Uint8Array>;
  readonly sessions: readonly Uint8Array[];
}

const ONE_TIME = /^prekeys\/otpk_([0-9a-f]{16})\.enc$/u;
const AGREEMENT_BYTES = 32;

/** @param folder a copy: of a running agent's own folder it would end the lock */
export function readStolenBytes(folder: string, password: string): StolenBytes {
  using vault = new VaultReader(folder, new TextEncoder().encode(password));
  const files = vault.keyFiles();
  const secretOf = (name: string): Uint8Array => {
    const file = files.get(name);
    if (file === undefined) throw new Error(`the stolen folder has no ${name}`);
    return file.secret;
  };
  const oneTime = [...files].flatMap(([name, { secret }]) => {
    const id = ONE_TIME.exec(name)?.[1];
    return id === undefined ? [] : [[id, secret] as const];
  });
  return {
    identityKey: secretOf("identity.key.enc"),
    nextKey: secretOf("identity.next.key.enc"),
    encryptionKey: secretOf("encryption.key.enc"),
    signedPrekey: secretOf("prekeys/signed_prekey.enc"),
    oneTimePrekeys: new Map(oneTime),
    sessions: vault
      .rows("SELECT session_id, state FROM sessions ORDER BY last_used_at")
      .map((row) => vault.unseal("sessions", "state", row["session_id"] as Uint8Array, row["state"] as Uint8Array)),
  };
}

/** The keys that a backup holds: there are no others in it. */
export function readBackupBytes(path: string, password: string): Pick<StolenBytes, "identityKey" | "nextKey" | "encryptionKey"> {
  const { keys } = readBackup(readFileSync(path), new TextEncoder().encode(password));
  const secretOf = (kind: string): Uint8Array => {
    const secret = keys.find((key) => key.kind === kind)?.secret;
    if (typeof secret !== "string") throw new Error(`the stolen backup has no ${kind}`);
    return fromHex(secret);
  };
  return { identityKey: secretOf("identity"), nextKey: secretOf("next-identity"), encryptionKey: secretOf("encryption") };
}

export function signingKeyOf(seed: Uint8Array): SigningKey {
  using secret = SecretBytes.copyOf(seed);
  return nodeCrypto.signingKeyFromSeed(secret);
}

export function agreementKeyOf(privateKey: Uint8Array): AgreementKey {
  using secret = SecretBytes.copyOf(privateKey);
  return nodeCrypto.agreementKeyFromPrivate(secret);
}

export function prekeyOf(bytes: Uint8Array): StolenPrekey {
  using seed = SecretBytes.copyOf(bytes.subarray(AGREEMENT_BYTES));
  return { privateKey: agreementKeyOf(bytes.subarray(0, AGREEMENT_BYTES)), kemKey: nodeCrypto.kemKeyFromSeed(seed) };
}
