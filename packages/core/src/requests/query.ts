// Query strings of the directory's interface, read strictly: known names, once each, whole numbers in bounds. Must not know HTTP.
// Source: docs/protocol/directory.md, "Endpoints".
import { fromBase64Url, toBase64Url } from "../bytes/base64url.ts";
import { talosError } from "../errors/talos-error.ts";
import { MAX_LOG_EVENTS, type LogHead } from "../keys/heads.ts";
import { DEFAULT_PAGE_ITEMS, MAX_PAGE_ITEMS, MAX_WAIT_SECONDS } from "./mailbox-bodies.ts";

const HASH_BYTES = 32;

/** `?after=N`: only events with a higher seq; absent: all. `?after=N&head=H`: all as well where event N is not the asker's. */
export interface AgentQuery {
  readonly after: number | undefined;
  /** Hash of event `after` as the asker has it, 32 bytes; only with `after`. */
  readonly head: Uint8Array | undefined;
}

/** Throws MALFORMED. */
export function parseAgentQuery(query: string): AgentQuery {
  const values = readQuery(query, ["after", "head"]);
  const after = number(values, "after", 0, MAX_LOG_EVENTS - 1);
  const text = values.get("head");
  const head = text === undefined ? undefined : fromBase64Url(text);
  if (head !== undefined && (after === undefined || head.length !== HASH_BYTES)) throw malformedQuery();
  return { after, head };
}

/** What is asked of who knows the log up to that head; undefined: of who knows nothing. */
export function agentQuery(known: LogHead | undefined): string {
  return known === undefined ? "" : `?after=${known.seq}&head=${toBase64Url(known.hash)}`;
}

/** `?wait=S&limit=N` */
export function parseMailboxQuery(query: string): { readonly waitSeconds: number; readonly limit: number } {
  const values = readQuery(query, ["wait", "limit"]);
  return {
    waitSeconds: number(values, "wait", 0, MAX_WAIT_SECONDS) ?? 0,
    limit: number(values, "limit", 1, MAX_PAGE_ITEMS) ?? DEFAULT_PAGE_ITEMS,
  };
}

/** For endpoints without parameters. Throws MALFORMED when there are any. */
export function parseNoQuery(query: string): void {
  readQuery(query, []);
}

function readQuery(query: string, names: readonly string[]): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  const text = query.startsWith("?") ? query.slice(1) : query;
  for (const pair of text === "" ? [] : text.split("&")) {
    const [name = "", value = "", ...rest] = pair.split("=");
    if (!names.includes(name) || values.has(name) || rest.length > 0) throw malformedQuery();
    values.set(name, value);
  }
  return values;
}

function number(values: ReadonlyMap<string, string>, name: string, min: number, max: number): number | undefined {
  const text = values.get(name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^(0|[1-9][0-9]{0,9})$/.test(text) || value < min || value > max) throw malformedQuery();
  return value;
}

function malformedQuery(): Error {
  return talosError("MALFORMED", "A parameter of the request is unknown, repeated or outside its bounds.");
}
