// Branches of identity logs with the keys behind them, for vectors and tests. A branch is a value: two that grow from one are a fork.
// Makes what a verifier must refuse as readily as what it takes.
import {
  encodeSigned,
  eventHash,
  keyCommitment,
  nodeCrypto,
  prepareInception,
  prepareRevocation,
  prepareRotation,
  verifyLog,
  type Authority,
  type IdentityLog,
  type InceptionInput,
  type LogHead,
  type NextCommitments,
  type Prepared,
  type RevocationInput,
  type Role,
  type RotationInput,
} from "@talos/core";
import { encryptionKeyOf, signAll, signerOf, STORY_START, type Signer } from "./cast.ts";

export interface Branch {
  readonly wires: readonly Uint8Array[];
  readonly head: LogHead;
  readonly identity: Signer;
  /** The key that the head commits to, for online events. */
  readonly next: Signer;
  /** The same for recovery events; undefined without a kit. */
  readonly recovery: Signer | undefined;
  readonly commitments: NextCommitments;
}

type Signers = Partial<Record<Role, Signer>>;

export function commitmentTo(signer: Signer): Uint8Array {
  return keyCommitment(signer.key, nodeCrypto);
}

/** A branch of an inception alone. Every key follows from the name. */
export function inceptionOf(name: string, { kit = true, ...changes }: Partial<InceptionInput> & { kit?: boolean } = {}): Branch {
  const identity = signerOf(`${name} identity`);
  const next = signerOf(`${name} next`);
  const recovery = kit ? signerOf(`${name} recovery`) : undefined;
  const input: InceptionInput = {
    time: STORY_START,
    identityKey: identity.key,
    identityProtection: "software",
    encryptionKey: encryptionKeyOf(`${name} encryption`),
    encryptionProtection: "sealed",
    next: commitmentsTo(next, recovery),
    ...changes,
  };
  const prepared = prepareInception(input);
  const wire = encodeSigned(prepared.body, signAll(prepared, { 1: identity }));
  const head = { seq: 0, hash: eventHash(prepared.body, nodeCrypto) };
  return { wires: [wire], head, identity, next, recovery, commitments: input.next };
}

function commitmentsTo(online: Signer, recovery: Signer | undefined): NextCommitments {
  return { online: commitmentTo(online), ...(recovery && { recovery: commitmentTo(recovery) }) };
}

/** What a test may want otherwise than right. */
export type RotationChanges = Partial<RotationInput> & { readonly signers?: Signers; readonly kit?: Signer };

/** A rotation by the committed online key, planned unless changed; `kit` adds a recovery commitment. */
export function rotated(branch: Branch, name: string, { signers, kit, ...changes }: RotationChanges = {}): Branch {
  const next = signerOf(`${name} next`);
  const recovery = branch.recovery ?? kit;
  const input = rotationInput(branch, name, "online", branch.next, branch.next, commitmentsTo(next, recovery), changes);
  return grown(branch, prepareRotation(input), { 1: branch.next, 2: branch.next, 3: branch.identity, ...signers }, input.next, {
    identity: branch.next,
    next,
    recovery,
  });
}

/** A rotation by the recovery key after the head of that branch, for compromise unless changed. */
export function recovered(branch: Branch, name: string, { signers, kit, ...changes }: RotationChanges = {}): Branch {
  const identity = signerOf(`${name} identity`);
  const next = signerOf(`${name} next`);
  const revealed = branch.recovery ?? kit ?? signerOf(`${name} nothing`);
  const recovery = signerOf(`${name} recovery`);
  const defaults = { reason: "compromise", migrationSeconds: 0, ...changes } as const;
  const input = rotationInput(branch, name, "recovery", revealed, identity, commitmentsTo(next, recovery), defaults);
  return grown(branch, prepareRotation(input), { 1: identity, 2: revealed, 3: branch.identity, ...signers }, input.next, {
    identity,
    next,
    recovery,
  });
}

/** A revocation; the branch that ends with it has the keys of before. */
export function revoked(
  branch: Branch,
  authority: Authority,
  { signers, ...changes }: Partial<RevocationInput> & { signers?: Signers } = {},
): Branch {
  const revealed = authority === "online" ? branch.next : (branch.recovery ?? branch.next);
  const input: RevocationInput = {
    seq: branch.head.seq + 1,
    previous: branch.head.hash,
    authority,
    revealedKey: revealed.key,
    time: STORY_START + branch.head.seq + 1,
    reason: "decommissioned",
    ...changes,
  };
  return grown(branch, prepareRevocation(input), { 2: revealed, ...signers }, branch.commitments, branch);
}

/** The log of a verifier that knew nothing before. Throws as `verifyLog`. */
export function logOfBranch({ wires }: Branch): IdentityLog {
  return verifyLog(undefined, wires, STORY_START, nodeCrypto).log;
}

/** The last event of a branch. */
export function lastOf({ wires }: Branch): Uint8Array {
  return wires.at(-1) as Uint8Array;
}

function rotationInput(
  { head }: Branch,
  name: string,
  authority: Authority,
  revealed: Signer,
  identity: Signer,
  next: NextCommitments,
  changes: Partial<RotationInput>,
): RotationInput {
  return {
    seq: head.seq + 1,
    previous: head.hash,
    authority,
    revealedKey: revealed.key,
    time: STORY_START + head.seq + 1,
    identityKey: identity.key,
    identityProtection: "software",
    encryptionKey: encryptionKeyOf(`${name} encryption`),
    encryptionProtection: "sealed",
    next,
    reason: "planned",
    migrationSeconds: 604_800,
    ...changes,
  };
}

function grown(
  { wires, head }: Branch,
  prepared: Prepared,
  signers: Signers,
  commitments: NextCommitments,
  keys: Pick<Branch, "identity" | "next" | "recovery">,
): Branch {
  const wire = encodeSigned(prepared.body, signAll(prepared, signers));
  const { identity, next, recovery } = keys;
  return {
    wires: [...wires, wire],
    head: { seq: head.seq + 1, hash: eventHash(prepared.body, nodeCrypto) },
    identity,
    next,
    recovery,
    commitments,
  };
}
