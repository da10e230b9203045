// The verified identity log: an immutable value. Only `verifyLog` (verify-log.ts) makes one, and of
// events that it accepted before, `logFromOwnStore` (own-store.ts). Must not know where logs come from. Source: docs/protocol/identity.md.
import { equalBytes } from "../bytes/bytes.ts";
import { talosError } from "../errors/talos-error.ts";
import type { AgentId } from "../keys/agent-id.ts";
import type { AuditHead, LogHead } from "../keys/heads.ts";
import type { Authority, EventReason, InstalledKeys } from "./event.ts";

/** What was in force after one event of a log. After a revocation: what was in force before it, and nothing may be made under it. */
export interface LogState extends InstalledKeys {
  readonly head: LogHead;
  /** Of the event, by its owner's clock; informative. */
  readonly time: number;
  readonly event: "inception" | "rotation" | "revocation";
  /** Whose key was revealed; undefined of the inception. */
  readonly authority?: Authority;
  readonly reason?: EventReason;
  /** Of a rotation. */
  readonly migrationSeconds?: number;
  /** An index into the owner's audit tree: what stands from there on is in doubt. */
  readonly suspectFrom?: number;
  readonly auditHead?: AuditHead;
}

export interface Revocation {
  readonly authority: Authority;
  readonly reason: EventReason;
}

declare const verifiedBrand: unique symbol;
/** A log whose every event has been verified; its own fields are what is in force at its head. */
export interface IdentityLog extends InstalledKeys {
  readonly [verifiedBrand]: true;
  readonly agentId: AgentId;
  /** The events of the branch that stands, as they travel, inception first. */
  readonly events: readonly Uint8Array[];
  /** One per event. */
  readonly states: readonly LogState[];
  readonly head: LogHead;
  /** Set once the agent is revoked. */
  readonly revoked?: Revocation;
}

/** What was in force at that head. Throws HEAD_UNKNOWN when the log has no such event (also: it was cut off). */
export function logAt(log: IdentityLog, head: LogHead): LogState {
  const state = log.states[head.seq];
  if (state === undefined || !equalBytes(state.head.hash, head.hash)) throw talosError("HEAD_UNKNOWN");
  return state;
}

/**
 * The keys under which something could be made at that head. Throws HEAD_UNKNOWN as `logAt`; AGENT_REVOKED at a revocation: whoever has the
 * key of a revoked agent can make nothing more with it.
 */
export function keysAt(log: IdentityLog, head: LogHead): InstalledKeys {
  const state = logAt(log, head);
  if (state.event === "revocation") throw talosError("AGENT_REVOKED");
  return state;
}

/** What was in force after event `seq`. Throws HEAD_UNKNOWN when the log has no such event. */
export function stateAt(log: IdentityLog, seq: number): LogState {
  const state = log.states[seq];
  if (state === undefined) throw talosError("HEAD_UNKNOWN");
  return state;
}
