/**
 * Home directories that this agent has left. Peers that have not yet seen a newer certificate go on leaving mail there, so for as
 * long as mail may be on its way these are read too. Knows no mailbox.
 */
import { DAY_MILLISECONDS, RATCHET_BOUNDS } from "@talos/core";
import type { ReadTransaction, Transaction } from "../vault/index.ts";
import { isTime } from "./stored-json.ts";

export const FORMER_HOMES = "former-homes";
/** A delivery takes at most so long; the same bound as for the keys of late messages. */
const READ_FOR_MILLISECONDS: number = RATCHET_BOUNDS.skippedKeyMaxAgeMs;
/** More than a move a week is none. */
const MAX_FORMER_HOMES = 6;

interface FormerHome {
  readonly url: string;
  readonly until: number;
}

/** URLs to read mail at besides the present home, newest first. */
export function formerHomes(tx: ReadTransaction, home: string, now: number): readonly string[] {
  // A clock that was ahead when the agent moved must not keep one for longer.
  const isDue = ({ url, until }: FormerHome): boolean =>
    url !== home && until > now && until <= now + READ_FOR_MILLISECONDS + DAY_MILLISECONDS;
  return parse(tx.settings.get(FORMER_HOMES))
    .filter(isDue)
    .map(({ url }) => url);
}

/** Whatever their time: who looks for what they know of the agent reads no mail. @param stored as the setting has it */
export function everyFormerHome(stored: string | undefined): readonly string[] {
  return parse(stored).map(({ url }) => url);
}

/** The agent moves away from `url`. */
export function rememberFormerHome(tx: Transaction, url: string, now: number): void {
  const others = parse(tx.settings.get(FORMER_HOMES)).filter((one) => one.url !== url && one.until > now);
  const all: FormerHome[] = [{ url, until: now + READ_FOR_MILLISECONDS }, ...others].slice(0, MAX_FORMER_HOMES);
  tx.settings.set(FORMER_HOMES, JSON.stringify(all));
}

/** From a backup it may be anything. */
function parse(stored: string | undefined): readonly FormerHome[] {
  try {
    const value: unknown = stored === undefined ? [] : JSON.parse(stored);
    return Array.isArray(value) ? value.filter(isFormerHome).slice(0, MAX_FORMER_HOMES) : [];
  } catch {
    return [];
  }
}

function isFormerHome(value: unknown): value is FormerHome {
  if (typeof value !== "object" || value === null) return false;
  const { url, until } = value as Record<string, unknown>;
  return typeof url === "string" && isTime(until);
}
