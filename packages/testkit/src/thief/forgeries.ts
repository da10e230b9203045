/**
 * What a thief makes: keys in the place of those that it has not, and structures signed by whatever there is and verified by nobody, as no
 * honest maker would. Knows no agent and no directory.
 */
import {
  ALGORITHM,
  decodeCertificate,
  decodeSigned,
  decodeStatement,
  encodeSigned,
  encodeStatement,
  equalBytes,
  keyCommitment,
  LABELS,
  labelledHash,
  nodeCrypto,
  ownKey,
  type AgreementKey,
  type Certificate,
  type KemKey,
  type OwnPrekey,
  type Prepared,
  type PrekeyKind,
  type Role,
  type SigningKey,
} from "@talos/core";
import type { StolenPrekey } from "./loot.ts";

const crypto = nodeCrypto;
const DAY_MS = 86_400_000;
const MAX_STRUCTURE_BYTES = 4096;

export function inventedKey(): SigningKey {
  return crypto.generateSigningKey();
}

export function inventedAgreementKey(): AgreementKey {
  return crypto.generateAgreementKey();
}

export function commitmentOf({ publicKey }: SigningKey): Uint8Array {
  return keyCommitment({ algorithm: ALGORITHM.ed25519, bytes: publicKey }, crypto);
}

/** Signed, and not verified. */
export function signedBy({ body, toSign }: Prepared, signers: Partial<Record<Role, SigningKey>>): Uint8Array {
  const entries = toSign.map(({ role, bytes }) => {
    const signer = signers[role];
    if (signer === undefined) throw new Error("nobody signs in this role");
    return { role, algorithm: ALGORITHM.ed25519, signature: signer.sign(bytes) };
  });
  return encodeSigned(body, entries);
}

/** The type says that it verified; of this one nobody has said so. */
export function asCertificate(wire: Uint8Array): Certificate {
  const { body } = decodeSigned(wire, "instance certificate", MAX_STRUCTURE_BYTES);
  const hash = labelledHash(LABELS.hashInstanceCertificate, body, crypto);
  return { ...decodeCertificate(wire), wire, hash } as object as Certificate;
}

/** Of a prekey whose private part the thief has made. */
export function freshStatement(kind: PrekeyKind, from: number): Uint8Array {
  const [agreement, kem] = [crypto.generateAgreementKey(), crypto.generateKemKey()];
  const keys = {
    agreementKey: ownKey(kind, ALGORITHM.x25519, agreement.publicKey),
    kemKey: ownKey(kind, ALGORITHM.mlKem768, kem.publicKey),
  };
  return encodeStatement({ kind, id: crypto.randomBytes(8), ...keys, from, to: from + 40 * DAY_MS });
}

/** A published prekey with private parts: the stolen ones, or made up ones that say they are these. */
export function claimedPrekey(statement: Uint8Array, stolen: StolenPrekey | undefined): OwnPrekey & { readonly privateKemKey: KemKey } {
  const { id, agreementKey, kemKey } = decodeStatement(statement);
  const fits = stolen !== undefined && equalBytes(stolen.privateKey.publicKey, agreementKey.bytes);
  const privateKey = fits ? stolen.privateKey : sayingItIs(crypto.generateAgreementKey(), agreementKey.bytes);
  const privateKemKey = fits ? stolen.kemKey : sayingItIs(crypto.generateKemKey(), kemKey.bytes);
  return { id, agreementKey, kemKey, privateKey, privateKemKey };
}

function sayingItIs<K extends AgreementKey | KemKey>(key: K, publicKey: Uint8Array): K {
  return new Proxy(key, {
    get: (target, name) => {
      if (name === "publicKey") return publicKey;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}
