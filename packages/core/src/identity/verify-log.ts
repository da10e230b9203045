// From events as they came to the trusted log: which branch stands. Here, and of a store's own events in own-store.ts, IdentityLogs are made.
// Must not know who sent the events. Source: docs/protocol/identity.md, "Which branch stands".
import { equalBytes } from "../bytes/bytes.ts";
import { agentId, type AgentId } from "../keys/agent-id.ts";
import { MAX_LOG_EVENTS } from "../keys/heads.ts";
import type { IdentityLog, LogState } from "./log.ts";
import { decodeEvent, verifyEventSignatures } from "./signed-event.ts";
import { firstState, logInvalid, seqOf, UsedKeys, verifySuccessor, type LogCrypto } from "./successor.ts";

/** What a verifier concludes from a log. `log` is the one that stands for it now. */
export type LogVerdict =
  | { readonly kind: "accepted"; readonly log: IdentityLog }
  | { readonly kind: "unchanged"; readonly log: IdentityLog }
  | { readonly kind: "extended"; readonly log: IdentityLog; readonly added: readonly Uint8Array[] }
  /** A recovery event cut off what was known from some event on. */
  | {
      readonly kind: "replaced";
      readonly log: IdentityLog;
      readonly added: readonly Uint8Array[];
      readonly cutOff: readonly Uint8Array[];
    }
  /** Two branches of one authority: the one seen first stands. `contender` and `standing` are the events that contend, evidence both. */
  | { readonly kind: "forked"; readonly log: IdentityLog; readonly contender: Uint8Array; readonly standing: Uint8Array }
  /** A branch that the recovery event `standing` has cut off, or that came too late for it, by a key in force before they parted. */
  | { readonly kind: "refused"; readonly log: IdentityLog; readonly contender: Uint8Array; readonly standing: Uint8Array };

/**
 * Verifies a whole log, inception first, against what is known of it. What was verified once is not verified again.
 *
 * @param known the log that this verifier has already; nobody goes back behind its head, except by a recovery event
 * @param events as they travel, all of them; of the known ones only the hash is compared
 * @param _now the verifier's clock, in milliseconds; no rule about events depends on it
 * @param expected the agent whose log this must be
 * @throws TalosError LOG_INVALID (`details.reason`: empty, too-long, other-agent, behind, not-an-inception, and those of `verifySuccessor`),
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
  if (events.length > MAX_LOG_EVENTS) throw logInvalid("too-long");
  const first = events[0];
  if (first === undefined) throw logInvalid("empty");
  const start = known ?? startLog(first, crypto);
  if (expected !== undefined && !equalBytes(start.agentId, expected)) throw logInvalid("other-agent");
  if (known === undefined) return { kind: "accepted", log: extendLog(start, events.slice(1), crypto) };
  const shared = sharedLength(known.states, known.events, events, crypto);
  const added = events.slice(shared);
  if (shared === 0) throw logInvalid("other-agent");
  if (shared === known.events.length) {
    if (added.length === 0) return { kind: "unchanged", log: known };
    const log = extendLog(known, added, crypto);
    return { kind: "extended", log, added: log.events.slice(shared) };
  }
  if (added.length === 0) throw logInvalid("behind");
  return judgeBranches(known, shared, added, crypto);
}

/**
 * Two branches from one event on. A recovery event decides between them where a recovery commitment was in force before they parted; once
 * one has decided, it is final. Where none has, the branch seen first stands. A commitment that a branch brought itself is no more than its
 * own word, on either side: a thief must not decide by a kit of his own, nor keep his fork from being an alarm.
 */
function judgeBranches(known: IdentityLog, shared: number, added: readonly Uint8Array[], crypto: LogCrypto): LogVerdict {
  const common = logOf(known.agentId, known.events.slice(0, shared), known.states.slice(0, shared));
  const contending = extendLog(common, added, crypto);
  const hasKit = common.next.recovery !== undefined;
  const decided = hasKit ? recoveryIn(known, shared) : undefined;
  const decides = hasKit ? recoveryIn(contending, shared) : undefined;
  if (decides !== undefined && decided === undefined) {
    return { kind: "replaced", log: contending, added: contending.events.slice(shared), cutOff: known.events.slice(shared) };
  }
  return {
    kind: decided !== undefined && decides === undefined ? "refused" : "forked",
    log: known,
    contender: decides ?? (contending.events[shared] as Uint8Array),
    standing: decided ?? (known.events[shared] as Uint8Array),
  };
}

/** The first recovery event from that place on. */
function recoveryIn(log: IdentityLog, from: number): Uint8Array | undefined {
  const seq = log.states.findIndex((state, index) => index >= from && state.authority === "recovery");
  return log.events[seq];
}

function startLog(wire: Uint8Array, crypto: LogCrypto): IdentityLog {
  const unverified = decodeEvent(wire, crypto);
  const state = firstState(unverified, crypto);
  verifyEventSignatures(unverified, crypto);
  return logOf(agentId(state.head.hash), [new Uint8Array(wire)], [state]);
}

/** The log with these events after its head. */
function extendLog(log: IdentityLog, added: readonly Uint8Array[], crypto: LogCrypto): IdentityLog {
  const events = [...log.events];
  const states = [...log.states];
  const used = new UsedKeys(states, crypto);
  for (const wire of added) {
    const state = verifySuccessor(states.at(-1) as LogState, decodeEvent(wire, crypto), used, crypto);
    events.push(new Uint8Array(wire));
    states.push(state);
  }
  return logOf(log.agentId, events, states);
}

export function logOf(id: AgentId, events: readonly Uint8Array[], states: readonly LogState[]): IdentityLog {
  const last = states.at(-1) as LogState;
  const { head, event, authority, reason, identityKey, identityProtection, encryptionKey, encryptionProtection, next } = last;
  const installed = { identityKey, identityProtection, encryptionKey, encryptionProtection, next };
  const log = { ...installed, agentId: id, events, states, head, ...(event === "revocation" ? { revoked: { authority, reason } } : {}) };
  return Object.freeze(log) as object as IdentityLog;
}

/** How many events are those that are known, whatever valid or invalid signatures they carry this time: what was verified stays. */
function sharedLength(
  states: readonly LogState[],
  events: readonly Uint8Array[],
  given: readonly Uint8Array[],
  crypto: Pick<LogCrypto, "sha256">,
): number {
  const most = Math.min(events.length, given.length);
  for (let index = 0; index < most; index++) {
    const wire = given[index] as Uint8Array;
    if (equalBytes(wire, events[index] as Uint8Array)) continue;
    if (!equalBytes(decodeEvent(wire, crypto).hash, (states[index] as LogState).head.hash)) return index;
  }
  return most;
}

/**
 * The whole chain that a source has, from a log that is known and the events that it sent: its later ones, a contending one, or all of them.
 * Events that are all known give the known chain, so that one delivered twice is no step back.
 *
 * @param later in order; the first one says by its own number where it belongs
 * @throws TalosError LOG_INVALID (`details.reason`: gap) where events between are missing; MALFORMED and others of the form of an event
 */
export function chainWith(known: IdentityLog | undefined, later: readonly Uint8Array[], crypto: Pick<LogCrypto, "sha256">): Uint8Array[] {
  const { events, states }: Pick<IdentityLog, "events" | "states"> = known ?? { events: [], states: [] };
  const [first] = later;
  if (first === undefined) return [...events];
  const from = seqOf(decodeEvent(first, crypto).event);
  if (from > events.length) throw logInvalid("gap");
  const isKnown = sharedLength(states.slice(from), events.slice(from), later, crypto) === later.length;
  return isKnown ? [...events] : [...events.slice(0, from), ...later];
}
