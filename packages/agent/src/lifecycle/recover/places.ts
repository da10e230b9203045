/**
 * Which directories may know of more than a backup has: the home that it names, those before, and those of its peers, where the agent has
 * registered its log to write to them. For an agent that is held they stand beside its mark, and none of them runs out. Asks nobody.
 */
import { toHex } from "@talos/core";
import type { BackupContent } from "../../backup/backup-content.ts";
import { parseDirectoryUrl } from "../../directory/directory-url.ts";
import { HELD_PLACES, HOME_DIRECTORY, type Peer, type ReadTransaction, type Transaction } from "../../vault/index.ts";
import { everyFormerHome, FORMER_HOMES } from "../former-homes.ts";
import { readRecord, writeRecord } from "../stored-json.ts";

/** Of peers. Enough that one of them answers, and few enough that not everybody is asked. */
const MAX_PEER_DIRECTORIES = 8;

/** URLs of directories, each one once. */
export interface Places {
  /** Where the agent lives from now on; absent: nowhere. */
  readonly home: string | undefined;
  /** The home that the backup names. */
  readonly named: string | undefined;
  /** Homes before that one. */
  readonly former: readonly string[];
  /** Of peers, in the order in which they are asked. */
  readonly peers: readonly string[];
  /** A person has said that no directory is left that had the log. */
  readonly isFormerGone: boolean;
}

/** @param given URL of the home directory from now on; default: the one in the backup @throws TalosError INVALID_ARGUMENT where that is none */
export function placesOf({ settings, peers }: BackupContent, given: string | undefined, isFormerGone: boolean): Places {
  const before = settings.get(HOME_DIRECTORY);
  const named = before === undefined ? undefined : parseDirectoryUrl(before);
  const all = peers.map(({ peer }) => peer);
  return placesWith({ named, former: everyFormerHome(settings.get(FORMER_HOMES)), isFormerGone }, given ?? named, all);
}

/** Home first. */
export function everyPlace({ home, named, former, peers }: Places): readonly string[] {
  return unique([home, named, ...former, ...peers]);
}

export function keepPlaces(tx: Transaction, { named, former, peers, isFormerGone }: KeptPlaces): void {
  writeRecord(tx, HELD_PLACES, { ...(named === undefined ? {} : { named }), former, peers, isFormerGone });
}

/** The agent is held, and lives elsewhere from now on. */
export function keepFormerHome(tx: Transaction, url: string): void {
  const kept = readRecord(tx, HELD_PLACES, isKept) ?? unread(url);
  keepPlaces(tx, { ...kept, former: unique([url, ...kept.former]) });
}

/** As they were in the public projection. @param home as that has it */
export function putBackPlaces(tx: Transaction, stored: string | undefined, home: string | undefined): void {
  tx.settings.set(HELD_PLACES, stored);
  const now = tx.settings.get(HOME_DIRECTORY);
  if (home !== undefined && home !== now) keepFormerHome(tx, home);
}

/** Of an agent that is held. @param home as it is now */
export function keptPlaces(tx: ReadTransaction, home: string | undefined): Places {
  const homes = everyFormerHome(tx.settings.get(FORMER_HOMES));
  const kept = readRecord(tx, HELD_PLACES, isKept) ?? unread(home);
  return placesWith({ ...kept, former: [...kept.former, ...homes] }, home, tx.peers.list());
}

export function forgetPlaces(tx: Transaction): void {
  tx.settings.set(HELD_PLACES, undefined);
}

interface KeptPlaces {
  readonly named?: string | undefined;
  readonly former: readonly string[];
  /** Of peers that a rescue could not bring back. */
  readonly peers?: readonly string[];
  readonly isFormerGone: boolean;
}

function unread(home: string | undefined): KeptPlaces {
  return { named: home, former: [], peers: [], isFormerGone: false };
}

function placesWith(
  { named, former: homes, peers: lost = [], isFormerGone }: KeptPlaces,
  home: string | undefined,
  all: readonly Peer[],
): Places {
  const former = unique(homes.flatMap(asUrl)).filter((url) => url !== home && url !== named);
  const known = new Set([home, named, ...former]);
  const ofPeers = [...inOrder(all).map(({ directory }) => directory), ...lost];
  const peers = unique(ofPeers.flatMap(asUrl)).filter((url) => !known.has(url));
  return { home, named, former, peers: peers.slice(0, MAX_PEER_DIRECTORIES), isFormerGone };
}

/** Whoever wrote in last must not crowd out those who were there before. */
function inOrder(peers: readonly Peer[]): readonly Peer[] {
  const isLate = ({ trust }: Peer): number => (trust === "verified" ? 0 : 1);
  const known = peers.filter(({ trust }) => trust !== "blocked");
  return known.sort((a, b) => isLate(a) - isLate(b) || a.firstSeenAt - b.firstSeenAt || (toHex(a.agentId) < toHex(b.agentId) ? -1 : 1));
}

/** In a backup it may be anything. */
function asUrl(text: string | undefined): readonly string[] {
  try {
    return text === undefined ? [] : [parseDirectoryUrl(text)];
  } catch {
    return [];
  }
}

function unique(urls: readonly (string | undefined)[]): string[] {
  return [...new Set(urls)].filter((url) => url !== undefined);
}

function isKept(value: object): value is KeptPlaces {
  const { named, former, peers, isFormerGone } = value as Record<string, unknown>;
  const isNamed = named === undefined || typeof named === "string";
  return isNamed && isTexts(former) && (peers === undefined || isTexts(peers)) && typeof isFormerGone === "boolean";
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}
