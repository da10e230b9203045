/**
 * What a peer is told without a message of the application: acknowledgements that found no frame to ride in within two seconds, that the
 * newest event of its log has come here, that this agent has begun anew, and a turn of a ratchet that stood still too long. Says what is due,
 * and seals it; sends nothing.
 */
import { DAY_MILLISECONDS, equalBytes, messageId, type AgentId, type FrameType } from "@talos/core";
import type { AgentContext } from "../context.ts";
import type { Transaction } from "../vault/index.ts";
import { owesGreeting } from "./greeting.ts";
import { isExhausted, type LiveSession } from "./live-sessions.ts";
import type { Correspondence } from "./outbox-sealing.ts";
import type { KnownPeer } from "./known-peer.ts";
import { newSessionAt, trustObstacle } from "./peer-standing.ts";
import { sealBatch, type MessageToSeal } from "./sealing.ts";
import { frameTypeCode, needsTurn } from "./turns.ts";

/** How long an acknowledgement waits for a frame to ride in. */
const ACKNOWLEDGEMENT_DELAY_MILLISECONDS = 2_000;
const MAX_ACKNOWLEDGED = 64;
/** As long as its owner goes on asking. */
const TELL_MILLISECONDS: number = 90 * DAY_MILLISECONDS;

export type ControlDue =
  | {
      readonly type: FrameType;
      /** True if it may be the first message of a session. */
      readonly begins: boolean;
    }
  /** Milliseconds until then. */
  | { readonly pause: number };

/** @param hurry acknowledgements wait for no company */
export function controlDue({ vault, clock, sessions, peers, policy }: AgentContext, peer: AgentId, hurry: boolean): ControlDue | undefined {
  const now = clock.now();
  const { acks, live, known, owes } = vault.read((tx) => ({
    acks: tx.acks.peers().find((one) => equalBytes(one.peer, peer)),
    live: sessions.sendingFor(tx, peer),
    known: peers.get(tx, peer),
    owes: owesGreeting(tx, peer, now),
  }));
  const hasSession = live !== undefined && !isExhausted(live);
  if (known === undefined || trustObstacle(known, policy, !hasSession) !== undefined) return undefined;
  // Once more because of a notice, which waits for its hour also where there is a session; else no pause is left by then.
  const untilNewSession = newSessionAt(known, now) - now;
  const pause = owes ? untilNewSession : hasToTell(known, now) ? (hasSession ? 0 : untilNewSession) : undefined;
  if (pause !== undefined && pause <= 0) return { type: "acknowledgement", begins: true };
  // Without a session there is nobody to tell: the next one that either side begins brings it.
  const due = hasSession ? dueInSession(acks, live, now, hurry) : undefined;
  if (pause === undefined || (due !== undefined && !("pause" in due))) return due;
  return { pause: Math.min(pause, due?.pause ?? pause) };
}

function dueInSession(
  acks: { readonly since: number; readonly count: number } | undefined,
  live: LiveSession,
  now: number,
  hurry: boolean,
): ControlDue | undefined {
  if (acks === undefined) return needsTurn(live, now) ? { type: "empty-turn", begins: false } : undefined;
  const wait = acks.since + ACKNOWLEDGEMENT_DELAY_MILLISECONDS - now;
  if (wait > 0 && acks.count < MAX_ACKNOWLEDGED && !hurry) return { pause: Math.min(wait, ACKNOWLEDGEMENT_DELAY_MILLISECONDS) };
  return { type: "acknowledgement", begins: false };
}

/** The peer waits to hear that the newest event of its log is known here: of that, once, it is worth a session of its own. */
function hasToTell({ peer, log, seenAt }: KnownPeer, now: number): boolean {
  const { seq } = log.head;
  return (peer.toldSeq ?? 0) < seq && now - seenAt(seq) < TELL_MILLISECONDS;
}

/** Puts an empty frame into the outbox. @returns false if the session cannot take it; then nothing has changed */
export function sealControl(
  context: AgentContext,
  tx: Transaction,
  { live, known, isNew }: Correspondence & { readonly isNew: boolean },
  type: FrameType,
): boolean {
  const now = context.clock.now();
  const id = messageId(tx.outbox.newId(now));
  const body = new Uint8Array();
  const message: MessageToSeal = { type, messageId: id, contentType: "", body, resent: false, time: now };
  const batch = sealBatch(context, tx, live, known, [{ message, signing: "instance" }]);
  const [envelope] = batch.envelopes;
  if (envelope === undefined) return false;
  // Before it is staged past its first message.
  if (isNew) context.sessions.add(tx, live);
  batch.stage(tx);
  tx.outbox.insert({
    messageId: id,
    peer: known.peer.agentId,
    contentType: "",
    sign: "instance",
    frameType: frameTypeCode(type),
    createdAt: now,
    body,
    outcome: { ready: envelope },
  });
  return true;
}
