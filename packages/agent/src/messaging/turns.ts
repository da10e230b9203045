/**
 * When a receiver that only listens must turn the ratchet, so that the peer's keys heal: after 100 messages of one chain, or
 * a day, without a message of its own. Also the numbers of frame types. Pure.
 */
import { FRAME_TYPE_CODES, type FrameType } from "@talos/core";
import type { LiveSession } from "./live-sessions.ts";

const TURN_AFTER_MESSAGES = 100;
const TURN_AFTER_MILLISECONDS = 86_400_000;

/** Frame types by their number. */
export const FRAME_TYPES: Readonly<Record<number, FrameType>> = { 1: "content", 2: "acknowledgement", 3: "empty-turn" };

export function frameTypeCode(type: FrameType): number {
  return FRAME_TYPE_CODES[type];
}

/** True if this side has received in the newest chain, has not answered it, and should now. */
export function needsTurn({ session, lastUsedAt }: LiveSession, now: number): boolean {
  const { turn, receiving } = session.ratchet;
  if (turn.kind !== "listening" || receiving === undefined) return false;
  return receiving.counter >= TURN_AFTER_MESSAGES || now - lastUsedAt >= TURN_AFTER_MILLISECONDS;
}
