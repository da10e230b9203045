/**
 * When a receiver that only listens must turn the ratchet, so that the peer's keys heal: after 100 messages of one chain, or
 * a day, without a message of its own. Also the numbers of frame types. Pure.
 */
import { FRAME_TYPE_CODES, type FrameType, type Session } from "@talos/core";

const TURN_AFTER_MESSAGES = 100;
const TURN_AFTER_MILLISECONDS = 86_400_000;

interface UsedSession {
  readonly session: Session;
  readonly lastUsedAt: number;
}

/** Frame types by their number. */
export const FRAME_TYPES: Readonly<Record<number, FrameType>> = { 1: "content", 2: "acknowledgement", 3: "empty-turn" };

export function frameTypeCode(type: FrameType): number {
  return FRAME_TYPE_CODES[type];
}

/** When this side should turn: it has received in the newest chain and has not answered it. Undefined where nothing is to be answered. */
export function turnDueAt({ session, lastUsedAt }: UsedSession): number | undefined {
  const { turn, receiving } = session.ratchet;
  if (turn.kind !== "listening" || receiving === undefined) return undefined;
  return receiving.counter >= TURN_AFTER_MESSAGES ? 0 : lastUsedAt + TURN_AFTER_MILLISECONDS;
}

/** True if it should turn now. */
export function needsTurn(live: UsedSession, now: number): boolean {
  return now >= (turnDueAt(live) ?? Number.POSITIVE_INFINITY);
}
