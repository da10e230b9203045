// Message keys of messages that have not come yet. An immutable value: what changes shares the rest with what was before, so a
// session with 2,000 of them costs no more per message than one with none. Knows chains only by number and ratchet key.
import { equalBytes } from "../bytes/bytes.ts";
import { revealSecret, SecretBytes } from "../secret/secret-bytes.ts";
import { RATCHET_BOUNDS } from "./bounds.ts";
import { RATCHET_SECRET_BYTES } from "./kdf.ts";

/** Keys in one run: taking one out copies at most so many. */
export const MAX_RUN_KEYS = 64;

/** A receiving chain: its number from 0, and its ratchet key (32 bytes). */
export interface ChainName {
  readonly index: number;
  readonly ratchetKey: Uint8Array;
}

/** The keys of consecutive counters of one chain. */
export interface SkippedRun {
  readonly chain: ChainName;
  /** Counter of the first key. */
  readonly first: number;
  /** 1 to MAX_RUN_KEYS */
  readonly count: number;
  /** Milliseconds; by the receiver's clock. */
  readonly storedAt: number;
  /** 32 bytes for each key */
  readonly keys: SecretBytes;
}

export interface SkippedKeys {
  /** Oldest first. */
  readonly runs: readonly SkippedRun[];
  /** Keys in all runs together. */
  readonly count: number;
  /** The smallest `storedAt`, so that a message need not look at every run; Infinity where there is none. */
  readonly earliestStoredAt: number;
}

/** The value after a change; `used` are the secrets that only the value before has, `fresh` those that only this one has. */
export interface SkippedChange {
  readonly skipped: SkippedKeys;
  readonly used: readonly SecretBytes[];
  readonly fresh: readonly SecretBytes[];
}

export interface SkippedTake extends SkippedChange {
  readonly messageKey: SecretBytes;
}

export const NO_SKIPPED_KEYS: SkippedKeys = { runs: [], count: 0, earliestStoredAt: Infinity };

export function skippedKeys(runs: readonly SkippedRun[]): SkippedKeys {
  let count = 0;
  let earliestStoredAt = Infinity;
  for (const run of runs) {
    count += run.count;
    if (run.storedAt < earliestStoredAt) earliestStoredAt = run.storedAt;
  }
  return { runs, count, earliestStoredAt };
}

/** The chain with that ratchet key, if something of it is outstanding. */
export function skippedChain(skipped: SkippedKeys, ratchetKey: Uint8Array): ChainName | undefined {
  return chainsOf(skipped).find((chain) => equalBytes(chain.ratchetKey, ratchetKey));
}

/** The chains of which something is outstanding, each once. */
export function chainsOf(skipped: SkippedKeys): readonly ChainName[] {
  const chains: ChainName[] = [];
  let last: number | undefined;
  for (const { chain } of skipped.runs) {
    if (chain.index === last) continue;
    last = chain.index;
    if (!chains.some((known) => known.index === chain.index)) chains.push(chain);
  }
  return chains;
}

/** Takes one key out; undefined where it is not (any more). */
export function takeSkippedKey(skipped: SkippedKeys, chainIndex: number, counter: number): SkippedTake | undefined {
  const at = skipped.runs.findIndex((run) => run.chain.index === chainIndex && run.first <= counter && counter < run.first + run.count);
  const run = skipped.runs[at];
  if (run === undefined) return undefined;
  const offset = counter - run.first;
  const parts = [partOfRun(run, 0, offset), partOfRun(run, offset + 1, run.count)].filter((part) => part !== undefined);
  return {
    messageKey: copyOfKeys(run, offset, offset + 1),
    skipped: skippedKeys([...skipped.runs.slice(0, at), ...parts, ...skipped.runs.slice(at + 1)]),
    used: [run.keys],
    fresh: parts.map((part) => part.keys),
  };
}

/** Adds runs, newest last, and drops the oldest keys above the bound. */
export function addSkippedRuns(skipped: SkippedKeys, added: readonly SkippedRun[]): SkippedChange {
  const all = [...skipped.runs, ...added];
  let excess = skippedKeys(all).count - RATCHET_BOUNDS.maxSkippedKeys;
  const used: SecretBytes[] = [];
  let from = 0;
  for (let run = all[from]; run !== undefined && excess > 0 && run.count <= excess; run = all[from]) {
    excess -= run.count;
    used.push(run.keys);
    from += 1;
  }
  const kept = all.slice(from);
  const fresh = added.map((run) => run.keys);
  const first = kept[0];
  if (first !== undefined && excess > 0) {
    const rest = partOfRun(first, excess, first.count);
    used.push(first.keys);
    kept.splice(0, 1, ...(rest === undefined ? [] : [rest]));
    if (rest !== undefined) fresh.push(rest.keys);
  }
  return { skipped: skippedKeys(kept), used, fresh };
}

/** Drops what is older than the bound at `now` (milliseconds). */
export function expireSkippedKeys(skipped: SkippedKeys, now: number): SkippedChange {
  const oldest = now - RATCHET_BOUNDS.skippedKeyMaxAgeMs;
  if (skipped.earliestStoredAt >= oldest) return { skipped, used: [], fresh: [] };
  return dropRuns(skipped, (run) => run.storedAt < oldest);
}

/** Drops the oldest chains above the bound; the chain with the number `current` is not an old one. */
export function forgetOldChains(skipped: SkippedKeys, current: number): SkippedChange {
  const old = chainsOf(skipped)
    .map((chain) => chain.index)
    .filter((index) => index !== current)
    .sort((a, b) => b - a);
  const oldestKept = old[RATCHET_BOUNDS.oldReceivingChains - 1] ?? 0;
  if (old.length <= RATCHET_BOUNDS.oldReceivingChains) return { skipped, used: [], fresh: [] };
  return dropRuns(skipped, (run) => run.chain.index < oldestKept);
}

function dropRuns(skipped: SkippedKeys, dropped: (run: SkippedRun) => boolean): SkippedChange {
  const used = skipped.runs.filter(dropped).map((run) => run.keys);
  return { skipped: skippedKeys(skipped.runs.filter((run) => !dropped(run))), used, fresh: [] };
}

function partOfRun(run: SkippedRun, from: number, to: number): SkippedRun | undefined {
  if (from >= to) return undefined;
  return { ...run, first: run.first + from, count: to - from, keys: copyOfKeys(run, from, to) };
}

function copyOfKeys(run: SkippedRun, from: number, to: number): SecretBytes {
  return SecretBytes.copyOf(revealSecret(run.keys).subarray(from * RATCHET_SECRET_BYTES, to * RATCHET_SECRET_BYTES));
}
