/**
 * Message ids: the millisecond in 6 bytes, then 10 random ones. Whoever stores by message id (this agent's outbox, the recipient's
 * memory of what came) adds at the end of an index instead of all over it, so a commit of many messages writes a page, not one for
 * each. The time tells the recipient nothing that the message does not say anyway.
 */
import type { DrawnBytes } from "../drawn-bytes.ts";

const TIME_BYTES = 6;
const RANDOM_BYTES = 10;

/** @param now in milliseconds; a clock that is wrong costs nothing but speed */
export function newMessageId(now: number, drawn: DrawnBytes): Uint8Array {
  const id = new Uint8Array(TIME_BYTES + RANDOM_BYTES);
  const view = new DataView(id.buffer);
  view.setUint16(0, Math.floor(now / 2 ** 32));
  view.setUint32(2, now % 2 ** 32);
  id.set(drawn.take(RANDOM_BYTES), TIME_BYTES);
  return id;
}
