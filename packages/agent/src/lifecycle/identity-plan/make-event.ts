/**
 * An identity event of this agent, signed and verified, with the keys that it needs made and read back. Stores and sends nothing: whoever
 * calls this commits event and keys together, before the event leaves.
 */
import {
  assembleEvent,
  keyCommitment,
  prepareRevocation,
  prepareRotation,
  ROLE,
  verifyLog,
  type Authority,
  type IdentityLog,
  type LogHead,
  type NextCommitments,
  type RevocationReason,
  type Role,
  type RotationReason,
  type SignatureEntry,
  type SigningKey,
  type ToSign,
} from "@talos/core";
import type { AgentContext } from "../../context.ts";
import type { InventoryEntry } from "../../vault/index.ts";
import type { StagedIds } from "./plan-record.ts";
import { backendOf, keyIdOf, openNextKey, stagedEntry, stageKey } from "./stage-keys.ts";

/** The recovery key that signs, and the commitment to the one after it. */
export interface RecoveryAuthority {
  readonly key: SigningKey;
  /** 32 bytes */
  readonly nextCommitment: Uint8Array;
}

export interface RotationFacts {
  readonly reason: RotationReason;
  readonly migrationSeconds: number;
  /** Index into the audit tree. */
  readonly suspectFrom?: number | undefined;
  readonly recovery?: RecoveryAuthority | undefined;
  /** Online only: a commitment to a recovery key where there was none. */
  readonly recoveryCommitment?: Uint8Array | undefined;
}

export interface MadeEvent {
  readonly event: Uint8Array;
  readonly head: LogHead;
  readonly authority: Authority;
  /** In force after it. */
  readonly identityKey: Uint8Array;
  readonly staged: StagedIds | undefined;
  /** To be put into the inventory with the plan. */
  readonly entries: readonly InventoryEntry[];
}

/** @throws TalosError of the backend, of the next key's file; MALFORMED, LOG_INVALID where the event would not stand after the log */
export async function makeRotation(context: AgentContext, facts: RotationFacts): Promise<MadeEvent> {
  const { log, identityKey: outgoing, crypto, clock } = context;
  const now = clock.now();
  const { recovery } = facts;
  using keys = new DisposableStack();
  const backend = backendOf(context, "identity");
  const next = keys.use(await stageKey(context, backend, "next-identity"));
  const encryption = keys.use(await stageKey(context, backendOf(context, "encryption"), "encryption"));
  const fresh = recovery && keys.use(await stageKey(context, backend, "identity"));
  const revealed = recovery === undefined ? keys.use(await openNextKey(context, log)) : undefined;
  const identity = fresh ?? revealed ?? outgoing;
  const revealedKey = recovery === undefined ? identity.publicKey : { algorithm: 1 as const, bytes: recovery.key.publicKey };
  const { body, toSign } = prepareRotation({
    time: now,
    seq: log.head.seq + 1,
    previous: log.head.hash,
    authority: recovery === undefined ? "online" : "recovery",
    revealedKey,
    identityKey: identity.publicKey,
    identityProtection: identity.protection,
    encryptionKey: encryption.publicKey,
    encryptionProtection: encryption.protection,
    next: commitments(log, keyCommitment(next.publicKey, crypto), facts),
    reason: facts.reason,
    migrationSeconds: facts.migrationSeconds,
    ...(facts.suspectFrom === undefined ? {} : { suspectFrom: facts.suspectFrom }),
    auditHead: auditHeadOf(context),
  });
  const signatures = await signedBy(toSign, {
    [ROLE.holder]: (bytes) => identity.sign(bytes),
    [ROLE.revealed]: async (bytes) => recovery?.key.sign(bytes) ?? (await identity.sign(bytes)),
    [ROLE.outgoing]: (bytes) => outgoing.sign(bytes),
  });
  const event = assembleEvent(body, signatures, crypto, log.identityKey);
  const entries = [
    stagedEntry(next, "next-identity", now),
    stagedEntry(encryption, "encryption", now),
    ...(fresh === undefined ? [] : [stagedEntry(fresh, "identity", now)]),
  ];
  const staged = { identity: fresh && keyIdOf(fresh), next: keyIdOf(next), encryption: keyIdOf(encryption) };
  return { ...checked(context, event), staged, entries };
}

export interface RevocationFacts {
  readonly reason: RevocationReason;
  readonly suspectFrom?: number | undefined;
  readonly recovery?: Pick<RecoveryAuthority, "key"> | undefined;
}

/** @throws as `makeRotation` */
export async function makeRevocation(context: AgentContext, { reason, suspectFrom, recovery }: RevocationFacts): Promise<MadeEvent> {
  const { log, crypto, clock } = context;
  using revealed = recovery === undefined ? await openNextKey(context, log) : undefined;
  const { body, toSign } = prepareRevocation({
    time: clock.now(),
    seq: log.head.seq + 1,
    previous: log.head.hash,
    authority: recovery === undefined ? "online" : "recovery",
    revealedKey: revealed?.publicKey ?? { algorithm: 1, bytes: recovery?.key.publicKey ?? new Uint8Array() },
    reason,
    ...(suspectFrom === undefined ? {} : { suspectFrom }),
    auditHead: auditHeadOf(context),
  });
  const sign = async (bytes: Uint8Array): Promise<Uint8Array> => recovery?.key.sign(bytes) ?? (await revealed?.sign(bytes)) ?? bytes;
  const signatures = await signedBy(toSign, { [ROLE.revealed]: sign });
  const event = assembleEvent(body, signatures, crypto);
  return { ...checked(context, event), staged: undefined, entries: [] };
}

/** The event once more, as everybody else will judge it. */
function checked({ log, crypto, clock }: AgentContext, event: Uint8Array): Pick<MadeEvent, "event" | "head" | "authority" | "identityKey"> {
  const verdict = verifyLog(log, [...log.events, event], clock.now(), crypto, log.agentId);
  const { authority = "online" } = verdict.log.states.at(-1) ?? {};
  return { event, head: verdict.log.head, authority, identityKey: verdict.log.identityKey.bytes };
}

function commitments({ next }: IdentityLog, online: Uint8Array, { recovery, recoveryCommitment }: RotationFacts): NextCommitments {
  const recoveryNext = recovery?.nextCommitment ?? next.recovery ?? recoveryCommitment;
  return recoveryNext === undefined ? { online } : { online, recovery: recoveryNext };
}

type Signer = (bytes: Uint8Array) => Promise<Uint8Array>;

async function signedBy(toSign: readonly ToSign[], signers: Partial<Record<Role, Signer>>): Promise<SignatureEntry[]> {
  const signatures: SignatureEntry[] = [];
  for (const { role, bytes } of toSign) {
    const sign = signers[role];
    if (sign !== undefined) signatures.push({ role, algorithm: 1, signature: await sign(bytes) });
  }
  return signatures;
}

function auditHeadOf({ vault, crypto }: AgentContext): { readonly size: number; readonly root: Uint8Array } {
  return vault.read((tx) => tx.audit.head(crypto));
}
