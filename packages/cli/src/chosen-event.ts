/** How a person names an event of a log: by its number, and to be sure by the beginning of its hash, as lists show it. */
import type { CutAfter, RecoveryOutlook } from "@talos/agent";
import { talosError } from "@talos/core";

export interface ChosenEvent {
  readonly seq: number;
  /** 8 to 64 hexadecimal digits, in small letters. */
  readonly hash?: string;
}

/** Undefined where it is none. */
export function parseChosenEvent(text: string): ChosenEvent | undefined {
  const [, seq, hash] = /^(\d{1,4})(?::([0-9a-fA-F]{8,64}))?$/.exec(text) ?? [];
  if (seq === undefined) return undefined;
  return { seq: Number(seq), ...(hash === undefined ? {} : { hash: hash.toLowerCase() }) };
}

export function eventName(seq: number, hash: string): string {
  return `${seq}:${hash.slice(0, 16)}`;
}

/**
 * The one that was shown, with its whole hash: the log is fetched once more, and may then be another. Errors: IDENTITY_MOVED where the
 * directory has another one in that place.
 */
export function eventIn({ events, contending = [] }: RecoveryOutlook, { seq, hash = "" }: ChosenEvent): CutAfter | number {
  const there = [...events, ...contending.flat()].filter((one) => one.seq === seq);
  const event = there.find((one) => one.hash.startsWith(hash)) ?? there[0];
  if (event === undefined) return seq;
  if (event.hash.startsWith(hash)) return { seq, hash: event.hash };
  throw talosError("IDENTITY_MOVED", "The directory has another event in that place than the one that was chosen.", {
    hint: "Look again (talos recover --list), at another directory too: one of the two branches may be a thief's.",
    details: { seq, hash: event.hash },
  });
}
