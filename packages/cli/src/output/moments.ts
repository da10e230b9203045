/** Times for people: UTC, to the minute. Machines get milliseconds in JSON. A record can hold a number that is no date. */

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
