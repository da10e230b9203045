/**
 * When a receiver that only listens must turn the ratchet, so that the peer's keys heal: after 100 messages of one chain, or
 * a day, without a message of its own. Also the numbers of frame types. Pure.
 */
import { FRAME_TYPE_CODES, type FrameType, type Session } from "@talos/core";

const TURN_AFTER_MESSAGES = 100;
const TURN_AFTER_MILLISECONDS = 86_400_000;

interface UsedSession {
  readonly session: Session;
  readonly turnBy: number | undefined;
}

/** `turnBy` after a frame of the peer: only content asks for a turn, or two idle agents would turn each other's ratchet for ever. */
export function turnByAfter(type: FrameType, before: number | undefined, now: number): number | undefined {
  return before ?? (type === "content" ? now + TURN_AFTER_MILLISECONDS : undefined);
}

/** Frame types by their number. */
export const FRAME_TYPES: Readonly<Record<number, FrameType>> = { 1: "content", 2: "acknowledgement", 3: "empty-turn" };

export function frameTypeCode(type: FrameType): number {
  return FRAME_TYPE_CODES[type];
}

/** When this side should turn: it has received in the newest chain and has not answered it. Undefined where nothing is to be answered. */
export function turnDueAt({ session, turnBy }: UsedSession): number | undefined {
  const { turn, receiving } = session.ratchet;
  if (turnBy === undefined || turn.kind !== "listening" || receiving === undefined) return undefined;
  return receiving.counter >= TURN_AFTER_MESSAGES ? 0 : turnBy;
}

/** True if it should turn now. */
export function needsTurn(live: UsedSession, now: number): boolean {
  return now >= (turnDueAt(live) ?? Number.POSITIVE_INFINITY);
}
