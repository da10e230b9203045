/**
 * A new life for an agent whose keys are gone or count no more: fresh keys and a recovery event, to be put into an empty vault in its one commit.
 * The event leaves only then, and prekeys by which anybody could write to it are made once it is accepted. Knows neither where the log came
 * from nor what else is brought back.
 */
import {
  assembleEvent,
  equalBytes,
  keyCommitment,
  prepareRotation,
  ROLE,
  toHex,
  verifyLog,
  type AuditHead,
  type IdentityLog,
  type LogHead,
  type LogState,
} from "@talos/core";
import { openBackend, type BackendName } from "../backends/index.ts";
import type { Environment } from "../environment.ts";
import type { KeyFileStore, Transaction } from "../vault/index.ts";
import { eventSigned, keyEntries } from "./audit-entries.ts";
import { entryOf, IDENTITY_INTERVAL_MILLISECONDS } from "./first-keys.ts";
import type { RecoveryAuthority } from "./identity-plan/make-event.ts";

export interface NewKeysInput {
  readonly environment: Environment;
  /** What the recovery event follows. */
  readonly base: IdentityLog;
  /** Logs that end otherwise: what they have beyond the base is cut off, and kept as evidence. */
  readonly others: readonly IdentityLog[];
  readonly authority: RecoveryAuthority;
  readonly reason: "compromise" | "lost";
  /** Index into the audit tree of the life before. */
  readonly suspectFrom: number | undefined;
  /** Of the record of the life before, where it goes on here. */
  readonly auditHead?: AuditHead | undefined;
  readonly keyBackend: BackendName;
}

export interface NewKeys extends Disposable {
  /** With the recovery event. */
  readonly own: IdentityLog;
  readonly write: (tx: Transaction) => void;
}

/**
 * Stages keys and signs; stores and sends nothing.
 *
 * @throws TalosError of the backend; as `verifyLog` where the event would not stand
 */
export async function buildNewKeys(files: KeyFileStore, input: NewKeysInput): Promise<NewKeys> {
  const { environment, base, others, authority, reason, suspectFrom, auditHead, keyBackend } = input;
  const { crypto, clock } = environment;
  const now = clock.now();
  const backend = openBackend(keyBackend, { files, crypto });
  using cleanup = new DisposableStack();
  const identity = cleanup.use(await backend.create("identity"));
  using next = await backend.create("next-identity");
  using encryption = await backend.create("encryption");
  const { body, toSign } = prepareRotation({
    time: now,
    seq: base.head.seq + 1,
    previous: base.head.hash,
    authority: "recovery",
    revealedKey: { algorithm: 1, bytes: authority.key.publicKey },
    identityKey: identity.publicKey,
    identityProtection: identity.protection,
    encryptionKey: encryption.publicKey,
    encryptionProtection: encryption.protection,
    next: { online: keyCommitment(next.publicKey, crypto), recovery: authority.nextCommitment },
    reason,
    migrationSeconds: 0,
    ...(suspectFrom === undefined ? {} : { suspectFrom }),
    ...(auditHead === undefined ? {} : { auditHead }),
  });
  const signatures = await Promise.all(
    toSign.map(async ({ role, bytes }) => ({
      role,
      algorithm: 1 as const,
      signature: role === ROLE.revealed ? authority.key.sign(bytes) : await identity.sign(bytes),
    })),
  );
  const event = assembleEvent(body, signatures, crypto, base.identityKey);
  const own = verifyLog(base, [...base.events, event], now, crypto, base.agentId).log;
  const keys = [
    entryOf(identity, now, { kind: "identity", role: "current", dueAt: now + IDENTITY_INTERVAL_MILLISECONDS }),
    entryOf(next, now, { kind: "identity", role: "next" }),
    entryOf(encryption, now, { kind: "encryption", dueAt: now + IDENTITY_INTERVAL_MILLISECONDS }),
  ];
  const cutOff = beyondAll(others, base);
  const held = cleanup.move();
  return {
    own,
    write: (tx) => {
      putLog(tx, own);
      for (const entry of keys) tx.inventory.put(entry);
      for (const entry of keyEntries("key-created", keys, now)) tx.audit.append(entry);
      for (const { head, wire } of cutOff) tx.cutOff.add({ ...head, agentId: own.agentId, wire, seenAt: now });
      tx.audit.append({ kind: "identity-recovered", at: now, details: { seq: own.head.seq, reason, cutOff: cutOff.length } });
      tx.audit.append(eventSigned({ ...own.head, event: "rotation", reason }, now));
    },
    [Symbol.dispose]: () => held.dispose(),
  };
}

/** The own log into an empty vault. */
export function putLog(tx: Transaction, { states, events }: IdentityLog): void {
  for (const [seq, { head }] of states.entries()) tx.log.append({ seq, hash: head.hash, wire: events[seq] ?? new Uint8Array() });
}

export interface BeyondEvent {
  readonly head: LogHead;
  readonly state: LogState;
  readonly wire: Uint8Array;
}

/** Events of a log from where it parts from another one of the same agent. */
export function beyond(log: IdentityLog, other: IdentityLog): BeyondEvent[] {
  const shared = sharedEvents(log, other);
  return log.states
    .slice(shared)
    .map((state, index) => ({ head: state.head, state, wire: log.events[shared + index] ?? new Uint8Array() }));
}

/** Of several logs, each event once. */
export function beyondAll(logs: readonly IdentityLog[], other: IdentityLog): BeyondEvent[] {
  return [...new Map(logs.flatMap((log) => beyond(log, other)).map((event) => [toHex(event.head.hash), event])).values()];
}

/** How many events both begin with. */
export function sharedEvents({ states }: IdentityLog, other: IdentityLog): number {
  const parted = states.findIndex(({ head }) => {
    const there = other.states[head.seq];
    return there === undefined || !equalBytes(there.head.hash, head.hash);
  });
  return parted < 0 ? states.length : parted;
}
