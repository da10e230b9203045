// What an event must be to follow another: the rules for one step of a log. Knows two events and nothing of branches.
// Source: docs/protocol/identity.md, "What a verifier checks".
import { equalBytes } from "../bytes/bytes.ts";
import { toHex } from "../bytes/hex.ts";
import { talosError, type TalosError } from "../errors/talos-error.ts";
import type { Crypto } from "../primitives/crypto.ts";
import type { Authority, IdentityEvent, InstalledKeys, RevocationEvent, RotationEvent } from "./event.ts";
import type { LogState } from "./log.ts";
import { keyCommitment, verifyEventSignatures, type UnverifiedEvent } from "./signed-event.ts";

export type LogCrypto = Pick<Crypto, "sha256" | "verifySignature">;

/**
 * The keys that a branch has named so far. Signing keys are kept as commitments: those committed to, and those installed that were never
 * committed to.
 */
export class UsedKeys {
  readonly #signing: Set<string> = new Set();
  readonly #encryption: Set<string> = new Set();
  readonly #crypto: Pick<LogCrypto, "sha256">;
  #unread: readonly LogState[];

  constructor(states: readonly LogState[], crypto: Pick<LogCrypto, "sha256">) {
    this.#crypto = crypto;
    this.#unread = states;
  }

  /**
   * Takes the keys of an event. What was in use, or what a thief may have found waiting, is no new key.
   *
   * @param repeated the recovery commitment, where this event only repeats it
   * @throws TalosError LOG_INVALID (`details.reason`: spent-key); this is then of no use any more
   */
  take(keys: InstalledKeys, authority?: Authority, repeated?: Uint8Array): void {
    // Not before somebody revealed a key that was committed to: a log may be long, and anybody may send an event that says it follows it.
    for (const state of this.#unread) this.#add(state, state.authority);
    this.#unread = [];
    if (!this.#add(keys, authority, repeated)) throw logInvalid("spent-key");
  }

  /** Whether every one of them is new. */
  #add({ identityKey, encryptionKey, next }: InstalledKeys, authority?: Authority, repeated?: Uint8Array): boolean {
    const commitments = [next.online];
    // Online, the new identity key is the one that was committed to.
    if (authority !== "online") commitments.push(keyCommitment(identityKey, this.#crypto));
    if (next.recovery !== undefined && repeated === undefined) commitments.push(next.recovery);
    const added = commitments.map((commitment) => addNew(this.#signing, commitment));
    return addNew(this.#encryption, encryptionKey.bytes) && !added.includes(false);
  }
}

function addNew(set: Set<string>, bytes: Uint8Array): boolean {
  const entry = toHex(bytes);
  const isNew = !set.has(entry);
  set.add(entry);
  return isNew;
}

/**
 * What is in force after an inception. Its signature is not looked at.
 *
 * @throws TalosError LOG_INVALID (`details.reason`: not-an-inception, spent-key)
 */
export function firstState({ event, hash }: UnverifiedEvent, crypto: Pick<LogCrypto, "sha256">): LogState {
  if (event.kind !== "inception") throw logInvalid("not-an-inception");
  new UsedKeys([], crypto).take(event);
  const { identityKey, identityProtection, encryptionKey, encryptionProtection, next, time } = event;
  const installed = { identityKey, identityProtection, encryptionKey, encryptionProtection, next };
  return Object.freeze({ head: { seq: 0, hash }, time, event: "inception", ...installed });
}

/**
 * Verifies one event as the successor of another and returns what is then in force.
 *
 * @param used of the branch up to `before`; takes the keys of the event
 * @throws TalosError LOG_INVALID (`details.reason`: second-inception, after-revocation, out-of-order, another-predecessor, no-such-authority,
 *   another-commitment, recovery-commitment, spent-key); SIGNATURE_INVALID
 */
export function verifySuccessor(before: LogState, unverified: UnverifiedEvent, used: UsedKeys, crypto: LogCrypto): LogState {
  const state = followSuccessor(before, unverified, used, crypto);
  verifyEventSignatures(unverified, crypto, before.identityKey);
  return state;
}

/**
 * The same without the signatures: form, hashes and commitments of an event whose signatures were verified before.
 *
 * @throws TalosError as `verifySuccessor`, but not SIGNATURE_INVALID
 */
export function followSuccessor(
  before: LogState,
  { event, hash }: UnverifiedEvent,
  used: UsedKeys,
  crypto: Pick<LogCrypto, "sha256">,
): LogState {
  if (event.kind === "inception") throw logInvalid("second-inception");
  if (before.event === "revocation") throw logInvalid("after-revocation");
  if (event.seq !== before.head.seq + 1) throw logInvalid("out-of-order");
  if (!equalBytes(event.previous, before.head.hash)) throw logInvalid("another-predecessor");
  checkRevealed(before, event, crypto);
  if (event.kind === "rotation") checkInstalled(before, event, used);
  const { seq, authority, reason, suspectFrom, auditHead, time } = event;
  const installed = event.kind === "rotation" ? event : before;
  return Object.freeze({
    head: { seq, hash },
    time,
    event: event.kind,
    identityKey: installed.identityKey,
    identityProtection: installed.identityProtection,
    encryptionKey: installed.encryptionKey,
    encryptionProtection: installed.encryptionProtection,
    next: installed.next,
    authority,
    reason,
    ...(event.kind === "rotation" ? { migrationSeconds: event.migrationSeconds } : {}),
    ...(suspectFrom === undefined ? {} : { suspectFrom }),
    ...(auditHead === undefined ? {} : { auditHead }),
  });
}

export function seqOf(event: IdentityEvent): number {
  return event.kind === "inception" ? 0 : event.seq;
}

export function logInvalid(reason: string): TalosError {
  return talosError("LOG_INVALID", undefined, { details: { reason } });
}

/** Only the key that was committed to, under the authority that it was committed for. */
function checkRevealed(
  before: LogState,
  { authority, revealedKey }: RotationEvent | RevocationEvent,
  crypto: Pick<LogCrypto, "sha256">,
): void {
  const commitment = before.next[authority];
  if (commitment === undefined) throw logInvalid("no-such-authority");
  if (!equalBytes(commitment, keyCommitment(revealedKey, crypto))) throw logInvalid("another-commitment");
}

/** Online may add a recovery commitment where there was none; a recovery event brings the next one. No key comes twice. */
function checkInstalled({ next: before }: LogState, event: RotationEvent, used: UsedKeys): void {
  const { authority, next } = event;
  const repeated = authority === "online" ? before.recovery : undefined;
  if (repeated !== undefined && (next.recovery === undefined || !equalBytes(next.recovery, repeated)))
    throw logInvalid("recovery-commitment");
  if (authority === "recovery" && next.recovery === undefined) throw logInvalid("recovery-commitment");
  used.take(event, authority, repeated);
}
