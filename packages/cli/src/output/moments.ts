/** Times for people: UTC, to the minute. Machines get milliseconds in JSON. A record can hold a number that is no date. */
import { talosError } from "@talos/core";

export function formatTime(milliseconds: number | undefined): string {
  return format(milliseconds, (iso) => `${iso.slice(0, 16).replace("T", " ")}Z`);
}

export function formatDate(milliseconds: number | undefined): string {
  return format(milliseconds, (iso) => iso.slice(0, 10));
}

function format(milliseconds: number | undefined, shorten: (iso: string) => string): string {
  if (milliseconds === undefined) return "-";
  const date = new Date(milliseconds);
  return Number.isNaN(date.getTime()) ? "no date" : shorten(date.toISOString());
}

const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/**
 * A moment that a person names: a date (2026-11-24, from midnight UTC), a time with its zone (2026-11-24T15:37Z), or how long ago (90m, 12h,
 * 7d, 2w). @throws TalosError INVALID_ARGUMENT
 */
export function parseMoment(text: string, now: number): number {
  const ago = /^(\d{1,6})([mhdw])$/.exec(text);
  const milliseconds = ago === null ? parseDate(text) : Math.max(0, now - Number(ago[1]) * (UNITS[ago[2] ?? ""] ?? 0));
  if (Number.isNaN(milliseconds) || milliseconds < 0) {
    throw talosError("INVALID_ARGUMENT", "A time is a date, a time with its zone, or how long ago.", {
      hint: "For example 2026-11-24, 2026-11-24T15:37Z, 90m, 12h or 7d.",
    });
  }
  return milliseconds;
}

/** Local time would mean another moment on another machine. */
function parseDate(text: string): number {
  return /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2}))?$/.test(text) ? Date.parse(text) : Number.NaN;
}
