/** Times for people: UTC, to the minute. Machines get milliseconds in JSON. */

export function formatTime(milliseconds: number | undefined): string {
  if (milliseconds === undefined) return "-";
  return `${new Date(milliseconds).toISOString().slice(0, 16).replace("T", " ")}Z`;
}

export function formatDate(milliseconds: number | undefined): string {
  return milliseconds === undefined ? "-" : new Date(milliseconds).toISOString().slice(0, 10);
}
