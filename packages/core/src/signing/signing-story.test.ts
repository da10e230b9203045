// An agent that keeps an audit, signs and rotates, for tests of signatures and exports. Holds no test.
import {
  castMember,
  encryptionKeyOf,
  signAll,
  signerOf,
  STORY_START,
  type CastMember,
  type Signer,
} from "../../../testkit/src/vectors/cast.ts";
import { auditLeaf, encodeAuditEntry, type NewAuditEntry } from "../audit/entry.ts";
import { toHex } from "../bytes/hex.ts";
import { utf8 } from "../bytes/utf8.ts";
import type { IdentityLog } from "../identity/log.ts";
import { assembleEvent, keyCommitment, prepareRevocation, prepareRotation } from "../identity/signed-event.ts";
import { verifyLog } from "../identity/verify-log.ts";
import { assembleCertificate, prepareCertificate, type Certificate } from "../instance/certificate.ts";
import type { AuditHead } from "../keys/heads.ts";
import type { PublicKey } from "../keys/public-key.ts";
import { treeRoot } from "../merkle/tree.ts";
import { nodeCrypto } from "../primitives/node-crypto.ts";
import { makeSignatureProof, signatureAuditEntry, type SignatureProof } from "./signature-proof.ts";
import { assembleUserSignature, prepareUserSignature, type UserSignature } from "./user-signature.ts";

export interface Turn {
  readonly reason: "planned" | "compromise" | "lost";
  /** Default: of all entries so far. `null`: the event carries none. */
  readonly auditHead?: AuditHead | null;
  readonly suspectFrom?: number;
  /** Default: the key that the event before committed to. */
  readonly authority?: "online" | "recovery";
  /** Which event it follows; default: the head. Only for a recovery event. */
  readonly after?: number;
}

/** The key that event `seq` puts in force, of that branch. */
function keyAt(name: string, seq: number): Signer {
  return signerOf(`${name} identity ${seq}`);
}

export class SigningStory {
  readonly member: CastMember;
  readonly entries: Uint8Array[] = [];
  log: IdentityLog;
  #identity: Signer;
  #next: Signer;
  #branch = "";

  constructor(name: string = "alice") {
    this.member = castMember(name);
    this.log = this.member.log;
    this.#identity = this.member.identity;
    this.#next = this.member.next;
  }

  /** Whoever has the identity key just now. */
  get key(): Signer {
    return this.#identity;
  }

  get head(): AuditHead {
    const leaves = this.entries.map((entry) => auditLeaf(entry, nodeCrypto));
    return { size: leaves.length, root: treeRoot(nodeCrypto, leaves) };
  }

  record(entry: NewAuditEntry): number {
    this.entries.push(encodeAuditEntry(entry, 1));
    return this.entries.length - 1;
  }

  /** As the owner does: on record. */
  sign(message: string, namespace: string = "test"): { readonly signature: UserSignature; readonly index: number } {
    const signature = signatureUnder(this.log, this.#identity, message, namespace);
    return { signature, index: this.record(signatureAuditEntry(signature, STORY_START + this.entries.length)) };
  }

  prove(index: number, size: number = this.entries.length): SignatureProof {
    return makeSignatureProof(this.entries.slice(0, size), index, nodeCrypto);
  }

  certify(): Certificate {
    const prepared = prepareCertificate({
      agentId: this.log.agentId,
      head: this.log.head,
      generation: 1,
      instanceKey: this.member.instance.key as PublicKey<1>,
      directories: [],
      auditHead: this.head,
      from: STORY_START,
      to: STORY_START + 1000,
    });
    return assembleCertificate(this.log, prepared.body, signAll(prepared, { 1: this.#identity }), nodeCrypto);
  }

  rotate({ reason, auditHead = this.head, suspectFrom, authority = "online", after = this.log.head.seq }: Turn): void {
    const seq = after + 1;
    const isRecovery = authority === "recovery";
    if (isRecovery) this.#branch += "r";
    const { name, recovery } = this.member;
    const previous = this.log.states[after];
    const revealed = isRecovery ? recovery : this.#next;
    const identity = isRecovery ? keyAt(`${name}${this.#branch}`, seq) : this.#next;
    const next = keyAt(`${name}${this.#branch} next`, seq);
    const recoveryNext = isRecovery ? signerOf(`${name} recovery 2`).key : recovery.key;
    const prepared = prepareRotation({
      seq,
      previous: previous?.head.hash ?? new Uint8Array(32),
      authority,
      revealedKey: revealed.key,
      time: STORY_START + seq * 1000,
      identityKey: identity.key,
      identityProtection: "software",
      encryptionKey: encryptionKeyOf(`${name}${this.#branch} encryption ${seq}`),
      encryptionProtection: "software",
      next: { online: keyCommitment(next.key, nodeCrypto), recovery: keyCommitment(recoveryNext, nodeCrypto) },
      reason,
      migrationSeconds: 0,
      ...(auditHead === null ? {} : { auditHead }),
      ...(suspectFrom === undefined ? {} : { suspectFrom }),
    });
    const outgoing = previous?.identityKey;
    const signers = { 1: identity, 2: revealed, 3: this.#identity };
    const wire = assembleEvent(prepared.body, signAll(prepared, signers), nodeCrypto, reason === "planned" ? outgoing : undefined);
    this.#append(after, wire);
    this.#identity = identity;
    this.#next = next;
  }

  revoke(): void {
    const prepared = prepareRevocation({
      seq: this.log.head.seq + 1,
      previous: this.log.head.hash,
      authority: "online",
      revealedKey: this.#next.key,
      time: STORY_START + 9000,
      reason: "decommissioned",
      auditHead: this.head,
    });
    this.#append(this.log.head.seq, assembleEvent(prepared.body, signAll(prepared, { 2: this.#next }), nodeCrypto));
  }

  #append(after: number, wire: Uint8Array): void {
    const events = [...this.log.events.slice(0, after + 1), wire];
    this.log = verifyLog(this.log, events, STORY_START, nodeCrypto).log;
  }
}

export function signatureUnder(log: IdentityLog, key: Signer, message: string, namespace: string = "test"): UserSignature {
  const input = { agentId: log.agentId, head: log.head, namespace, digest: nodeCrypto.sha256(utf8(message)) };
  const prepared = prepareUserSignature(input);
  return assembleUserSignature(log, prepared.body, signAll(prepared, { 1: key }), nodeCrypto);
}

export function unlocked(at: number): NewAuditEntry {
  return { kind: "unlocked", at, details: { slot: 1, unlock: "password", note: toHex(Uint8Array.of(at & 0xff)) } };
}
