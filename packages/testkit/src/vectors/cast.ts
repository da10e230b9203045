// The agents that play in the vectors and in tests: everything about them follows from a name, so that every run makes the same bytes.
// Must not know the vectors.
import {
  ALGORITHM,
  batchTree,
  concatBytes,
  encodeStatement,
  keyCommitment,
  assembleBatch,
  assembleCertificate,
  assembleEvent,
  nodeCrypto,
  prepareBatch,
  prepareCertificate,
  prepareInception,
  SecretBytes,
  utf8,
  verifyLog,
  type AgreementKey,
  type BatchInput,
  type BatchTree,
  type Certificate,
  type CertificateInput,
  type IdentityLog,
  type InceptionInput,
  type KemKey,
  type Prepared,
  type PrekeyBatch,
  type PrekeyKind,
  type PublicKey,
  type Role,
  type SignatureEntry,
  type SigningAlgorithm,
  type SigningKey,
} from "@talos/core";

/** 2026-01-01T00:00:00Z, when the story begins. */
export const STORY_START = 1_767_225_600_000;
export const HOUR = 3_600_000;
export const DAY = 86_400_000;

/** 32 bytes that follow from a name: SHA-256("talos vectors: " || name). */
export function seedOf(name: string): Uint8Array {
  return nodeCrypto.sha256(utf8(`talos vectors: ${name}`));
}

/** The first `length` bytes that follow from a name, for ids and nonces. */
export function bytesOf(name: string, length: number): Uint8Array {
  return seedOf(name).slice(0, length);
}

export function signingKeyOf(name: string): SigningKey {
  return nodeCrypto.signingKeyFromSeed(SecretBytes.from(seedOf(name)));
}

export function agreementKeyOf(name: string): AgreementKey {
  return nodeCrypto.agreementKeyFromPrivate(SecretBytes.from(seedOf(name)));
}

/** d = the seed of "name d", z = that of "name z". */
export function kemKeyOf(name: string): KemKey {
  return nodeCrypto.kemKeyFromSeed(SecretBytes.from(concatBytes(seedOf(`${name} d`), seedOf(`${name} z`))));
}

/** Anything that signs. */
export interface Signer {
  readonly key: PublicKey<SigningAlgorithm>;
  sign(bytes: Uint8Array): Uint8Array;
}

export function signerOf(name: string): Signer {
  const key = signingKeyOf(name);
  return { key: { algorithm: ALGORITHM.ed25519, bytes: key.publicKey }, sign: (bytes) => key.sign(bytes) };
}

/** Signs what was prepared, each role by its signer. */
export function signAll(prepared: Prepared, signers: Partial<Record<Role, Signer>>): SignatureEntry[] {
  return prepared.toSign.map(({ role, bytes }) => {
    const signer = signers[role] as Signer;
    return { role, algorithm: signer.key.algorithm, signature: signer.sign(bytes) };
  });
}

export function encryptionKeyOf(name: string): PublicKey<2> {
  return { algorithm: ALGORITHM.x25519, bytes: agreementKeyOf(name).publicKey };
}

export interface CastMember {
  readonly name: string;
  readonly identity: Signer;
  readonly next: Signer;
  readonly recovery: Signer;
  readonly instance: Signer;
  readonly encryption: AgreementKey;
  readonly inception: InceptionInput;
  readonly log: IdentityLog;
}

/** An agent that has only its inception event. */
export function castMember(name: string, identity: Signer = signerOf(`${name} identity`)): CastMember {
  const next = signerOf(`${name} next`);
  const recovery = signerOf(`${name} recovery`);
  const inception: InceptionInput = {
    time: STORY_START,
    identityKey: identity.key,
    identityProtection: "software",
    encryptionKey: encryptionKeyOf(`${name} encryption`),
    encryptionProtection: "sealed",
    next: { online: keyCommitment(next.key, nodeCrypto), recovery: keyCommitment(recovery.key, nodeCrypto) },
  };
  const prepared = prepareInception(inception);
  const event = assembleEvent(prepared.body, signAll(prepared, { 1: identity }), nodeCrypto);
  const { log } = verifyLog(undefined, [event], STORY_START, nodeCrypto);
  const instance = signerOf(`${name} instance`);
  return { name, identity, next, recovery, instance, encryption: agreementKeyOf(`${name} encryption`), inception, log };
}

export function certificateInput(member: CastMember, changes: Partial<CertificateInput> = {}): CertificateInput {
  return {
    agentId: member.log.agentId,
    head: member.log.head,
    generation: 1,
    instanceKey: member.instance.key as PublicKey<1>,
    directories: ["http://127.0.0.1:8420"],
    auditHead: { size: 0, root: nodeCrypto.sha256(new Uint8Array(0)) },
    from: STORY_START,
    to: STORY_START + DAY,
    ...changes,
  };
}

export function certificateOf(member: CastMember, changes: Partial<CertificateInput> = {}): Certificate {
  const prepared = prepareCertificate(certificateInput(member, changes));
  return assembleCertificate(member.log, prepared.body, signAll(prepared, { 1: member.identity }), nodeCrypto);
}

export function statementOf(name: string, kind: PrekeyKind, from: number = STORY_START): Uint8Array {
  return encodeStatement({
    kind,
    id: bytesOf(`${name} id`, 8),
    agreementKey: encryptionKeyOf(`${name} agreement`),
    kemKey: { algorithm: ALGORITHM.mlKem768, bytes: kemKeyOf(`${name} kem`).publicKey },
    from,
    to: from + (kind === "signed-prekey" ? 44 : 90) * DAY,
  });
}

export interface CastBatch {
  readonly batch: PrekeyBatch;
  readonly tree: BatchTree;
  readonly input: BatchInput;
}

/** A batch of one signed prekey and that many one-time prekeys. */
export function batchOf(member: CastMember, oneTimePrekeys: number, changes: Partial<BatchInput> = {}): CastBatch {
  const oneTime = Array.from({ length: oneTimePrekeys }, (_, index) =>
    statementOf(`${member.name} one-time prekey ${index}`, "one-time-prekey"),
  );
  const tree = batchTree([statementOf(`${member.name} signed prekey`, "signed-prekey"), ...oneTime], nodeCrypto);
  const input: BatchInput = {
    agentId: member.log.agentId,
    head: member.log.head,
    options: 1,
    directories: ["http://127.0.0.1:8420"],
    from: STORY_START,
    to: STORY_START + 44 * DAY,
    size: tree.ordered.length,
    root: tree.root,
    ...changes,
  };
  const prepared = prepareBatch(input);
  const batch = assembleBatch(member.log, prepared.body, signAll(prepared, { 1: member.identity }), nodeCrypto);
  return { batch, tree, input };
}
