/** Times as they are kept: whole milliseconds since 1970. What is written can be read again, and what was read can be shown. */
import { talosError } from "@talos/core";

/** Before anything is changed. @throws TalosError INVALID_ARGUMENT for a time that no record can hold */
export function checkTime(milliseconds: number): void {
  if (Number.isSafeInteger(milliseconds) && milliseconds >= 0) return;
  throw talosError("INVALID_ARGUMENT", "The time is before 1970, or no whole number of milliseconds.", {
    hint: "Set this machine's clock; nothing was changed.",
    details: { option: "now" },
  });
}

/** For people. A record can hold a number that is no date. */
export function showTime(milliseconds: number): string {
  const date = new Date(milliseconds);
  return Number.isNaN(date.getTime()) ? "a time that is no date" : date.toISOString();
}
