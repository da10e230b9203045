// What an event must be to follow another: the rules for one step of a log. Knows two events and nothing of branches.
// Source: docs/protocol/identity.md, "What a verifier checks".
import { equalBytes } from "../bytes/bytes.ts";
import { toHex } from "../bytes/hex.ts";
import { talosError, type TalosError } from "../errors/talos-error.ts";
import type { PublicKey } from "../keys/public-key.ts";
import type { Crypto } from "../primitives/crypto.ts";
import type { IdentityEvent, RevocationEvent, RotationEvent } from "./event.ts";
import type { LogState } from "./log.ts";
import { keyCommitment, verifyEventSignatures, type UnverifiedEvent } from "./signed-event.ts";

export type LogCrypto = Pick<Crypto, "sha256" | "verifySignature">;

/** The keys and commitments that a branch has used so far: none of them may come again. */
export class UsedKeys {
  readonly #keys: Set<string> = new Set();
  readonly #commitments: Set<string> = new Set();

  constructor(states: readonly LogState[]) {
    for (const state of states) if (state.event !== "revocation") this.add(state);
  }

  add({ identityKey, encryptionKey, next }: LogState): void {
    this.#keys.add(entryOf(identityKey)).add(entryOf(encryptionKey));
    this.#commitments.add(toHex(next.online));
    if (next.recovery !== undefined) this.#commitments.add(toHex(next.recovery));
  }

  hasKey(key: PublicKey): boolean {
    return this.#keys.has(entryOf(key));
  }

  hasCommitment(commitment: Uint8Array): boolean {
    return this.#commitments.has(toHex(commitment));
  }
}

/**
 * Verifies one event as the successor of another and returns what is then in force.
 *
 * @param used of the branch up to `before`
 * @throws TalosError LOG_INVALID (`details.reason`: second-inception, after-revocation, out-of-order, another-predecessor, no-such-authority,
 *   another-commitment, recovery-commitment, spent-key); SIGNATURE_INVALID
 */
export function verifySuccessor(before: LogState, unverified: UnverifiedEvent, used: UsedKeys, crypto: LogCrypto): LogState {
  const { event, hash } = unverified;
  if (event.kind === "inception") throw logInvalid("second-inception");
  if (before.event === "revocation") throw logInvalid("after-revocation");
  if (event.seq !== before.head.seq + 1) throw logInvalid("out-of-order");
  if (!equalBytes(event.previous, before.head.hash)) throw logInvalid("another-predecessor");
  checkRevealed(before, event, crypto);
  if (event.kind === "rotation") checkInstalled(before, event, used, crypto);
  verifyEventSignatures(unverified, crypto, before.identityKey);
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
function checkRevealed(before: LogState, { authority, revealedKey }: RotationEvent | RevocationEvent, crypto: LogCrypto): void {
  const commitment = before.next[authority];
  if (commitment === undefined) throw logInvalid("no-such-authority");
  if (!equalBytes(commitment, keyCommitment(revealedKey, crypto))) throw logInvalid("another-commitment");
}

function checkInstalled(before: LogState, event: RotationEvent, used: UsedKeys, crypto: LogCrypto): void {
  const { authority, identityKey, encryptionKey, next } = event;
  if (!keepsRecovery(before, event, used)) throw logInvalid("recovery-commitment");
  // A key that was in use, or that a thief may have found waiting, is no new key.
  const isSpent =
    used.hasKey(identityKey) ||
    used.hasKey(encryptionKey) ||
    used.hasCommitment(next.online) ||
    (authority === "recovery" && used.hasCommitment(keyCommitment(identityKey, crypto))) ||
    equalBytes(next.online, keyCommitment(identityKey, crypto));
  if (isSpent) throw logInvalid("spent-key");
}

/** Online may add a recovery commitment where there was none; a recovery event brings the next one. */
function keepsRecovery({ next: before }: LogState, { authority, next }: RotationEvent, used: UsedKeys): boolean {
  if (authority === "recovery") return next.recovery !== undefined && !used.hasCommitment(next.recovery);
  return before.recovery === undefined || (next.recovery !== undefined && equalBytes(next.recovery, before.recovery));
}

function entryOf(key: PublicKey): string {
  return `${key.algorithm}:${toHex(key.bytes)}`;
}
