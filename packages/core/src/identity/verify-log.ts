// From events as they came to the trusted log. The one place that makes an IdentityLog.
// Must not know who sent the events. Source: docs/protocol/identity.md.
import { equalBytes } from "../bytes/bytes.ts";
import { talosError, type TalosError } from "../errors/talos-error.ts";
import { agentId, type AgentId } from "../keys/agent-id.ts";
import { MAX_LOG_EVENTS } from "../keys/heads.ts";
import type { Crypto } from "../primitives/crypto.ts";
import type { InceptionEvent } from "./event.ts";
import type { IdentityLog, LogState } from "./log.ts";
import { decodeEvent, verifyEventSignatures, type UnverifiedEvent } from "./signed-event.ts";

/** What a verifier concludes from a log. A log that forks or cuts off what was known gives kinds of its own once such events are accepted. */
export type LogVerdict =
  | { readonly kind: "accepted"; readonly log: IdentityLog }
  | { readonly kind: "unchanged"; readonly log: IdentityLog };

type LogCrypto = Pick<Crypto, "sha256" | "verifySignature">;

/**
 * Verifies a whole log, inception first, against what is known of it.
 *
 * Accepts inception events. A log with more is refused with LOG_NOT_SUPPORTED, after form and signatures of the next event were checked.
 *
 * @param known the log that this verifier has already; nobody goes back behind its head
 * @param events as they travel, all of them; of the known ones only the hash is compared
 * @param _now the verifier's clock, in milliseconds; no rule about inception events depends on it
 * @param expected the agent whose log this must be
 * @throws TalosError LOG_INVALID (`details.reason`: empty, too-long, other-agent, behind, not-an-inception, second-inception, forked), LOG_NOT_SUPPORTED,
 *   SIGNATURE_INVALID, MALFORMED (also for an event above 4,096 bytes), UNSUPPORTED_VERSION, UNSUPPORTED_SUITE,
 *   UNSUPPORTED_EXTENSION, WEAK_PUBLIC_KEY
 */
export function verifyLog(
  known: IdentityLog | undefined,
  events: readonly Uint8Array[],
  _now: number,
  crypto: LogCrypto,
  expected?: AgentId,
): LogVerdict {
  if (events.length > MAX_LOG_EVENTS) throw invalid("too-long");
  if (known !== undefined && events.length < known.events.length) throw invalid("behind");
  const first = events[0];
  if (first === undefined) throw invalid("empty");

  const log = known ?? startLog(first, crypto);
  if (expected !== undefined && !equalBytes(log.agentId, expected)) throw invalid("other-agent");
  if (known !== undefined) checkKnownPart(known, events, crypto);

  const successor = events[log.events.length];
  if (successor !== undefined) refuseSuccessor(log, successor, crypto);
  return { kind: known === undefined ? "accepted" : "unchanged", log };
}

function startLog(wire: Uint8Array, crypto: LogCrypto): IdentityLog {
  const unverified = decodeEvent(wire, crypto);
  if (unverified.event.kind !== "inception") throw invalid("not-an-inception");
  verifyEventSignatures(unverified, crypto);
  const state = firstState(unverified, unverified.event);
  const { head, time: _time, ...installed } = state;
  const log = { ...installed, agentId: agentId(head.hash), events: [new Uint8Array(wire)], states: [state], head };
  return Object.freeze(log) as object as IdentityLog;
}

function firstState({ hash }: UnverifiedEvent, event: InceptionEvent): LogState {
  const { identityKey, identityProtection, encryptionKey, encryptionProtection, next, time } = event;
  return Object.freeze({ head: { seq: 0, hash }, time, identityKey, identityProtection, encryptionKey, encryptionProtection, next });
}

/** The known events again, whatever valid or invalid signatures they carry this time: what was verified stays. */
function checkKnownPart(known: IdentityLog, events: readonly Uint8Array[], crypto: LogCrypto): void {
  for (const [seq, state] of known.states.entries()) {
    const wire = events[seq] as Uint8Array;
    if (equalBytes(wire, known.events[seq] as Uint8Array)) continue;
    if (!equalBytes(decodeEvent(wire, crypto).hash, state.head.hash)) throw invalid(seq === 0 ? "other-agent" : "forked");
  }
}

function refuseSuccessor(log: IdentityLog, wire: Uint8Array, crypto: LogCrypto): never {
  const unverified = decodeEvent(wire, crypto);
  if (unverified.event.kind === "inception") throw invalid("second-inception");
  verifyEventSignatures(unverified, crypto, log.identityKey);
  throw talosError("LOG_NOT_SUPPORTED");
}

function invalid(reason: string): TalosError {
  return talosError("LOG_INVALID", undefined, { details: { reason } });
}
