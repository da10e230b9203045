/**
 * Splitting the seed of a kit into shares, any few of which give it back, and joining them. The arithmetic is a library's; what
 * it does not tell is told here: which shares are damaged, of another set, too few, given twice, and whether the seed that
 * comes out is the one that went in. Touches no file.
 */
import {
  type Crypto,
  encodeCbor,
  equalBytes,
  revealSecret,
  SecretBytes,
  secureCompare,
  settledBytes,
  settledCopy,
  talosError,
  toHex,
  utf8,
  zeroBytes,
} from "@talos/core";
import { armour, unarmour } from "./armour.ts";
import { SEED_BYTES, type KitFacts } from "./kit-record.ts";
import { SHARE_TITLE, sharePreamble } from "./kit-words.ts";
import {
  damagedShare,
  decodeShare,
  encodeShare,
  MAX_SHARES,
  MIN_THRESHOLD,
  SET_ID_BYTES,
  type Share,
  type ShareSet,
} from "./share-record.ts";

const COMMITMENT_LABEL: Uint8Array = utf8("talos/v1/recovery-share/commitment\u0000");
const TEXT_LABEL: Uint8Array = utf8("talos/v1/recovery-share/text\u0000");
const SET_NAME_BYTES = 4;

/** One share as text; disposing it wipes it. */
export interface ShareText extends Disposable {
  readonly index: number;
  /** Whoever has a threshold of them needs no password. */
  readonly text: SecretBytes;
}

/** Disposing it wipes the seed. */
export interface JoinedSeed extends KitFacts, Disposable {
  readonly setName: string;
  readonly seed: SecretBytes;
}

/** How people tell sets apart: the first bytes of its id. */
function setNameOf(setId: Uint8Array): string {
  return toHex(setId.subarray(0, SET_NAME_BYTES));
}

/**
 * The shares are joined again, in two ways, before anything is returned.
 *
 * @param count 2 to 255
 * @param threshold 2 to count
 * @throws TalosError INVALID_ARGUMENT
 */
export async function splitSeed(
  seed: SecretBytes,
  facts: KitFacts,
  { count, threshold }: { readonly count: number; readonly threshold: number },
  crypto: Crypto,
): Promise<{ readonly setName: string; readonly shares: readonly ShareText[] }> {
  checkNumbers(count, threshold);
  const setId = crypto.randomBytes(SET_ID_BYTES);
  const { agentName, agentId, createdAt } = facts;
  const unbound = { agentName, agentId, createdAt, setId, threshold, count };
  const set: ShareSet = { ...unbound, commitment: commitTo(seed, unbound, crypto) };
  const values = await splitBytes(seed, count, threshold);
  try {
    const shares = values.map((value, i): Omit<Share, "textHash"> => ({ ...set, index: i + 1, value }));
    for (const some of [shares.slice(0, threshold), shares.slice(-threshold)]) (await join(some, crypto)).dispose();
    const setName = setNameOf(setId);
    return { setName, shares: shares.map((share) => shareText(share, setName, crypto)) };
  } finally {
    for (const value of values) zeroBytes(value);
  }
}

/**
 * More than it takes may be given; then they check one another.
 *
 * @param texts the shares' texts, in any order
 * @throws TalosError RECOVERY_SHARE_DAMAGED with `details.share`, its place in `texts` from 1 on; RECOVERY_SHARES_MIXED, RECOVERY_SHARE_REPEATED,
 *   RECOVERY_SHARES_TOO_FEW, RECOVERY_SHARES_WRONG
 */
export async function joinShares(texts: readonly Uint8Array[], crypto: Crypto): Promise<JoinedSeed> {
  const shares: Share[] = [];
  try {
    for (const [i, text] of texts.entries()) shares.push(readShare(text, i + 1, crypto));
    const first = checkTogether(shares);
    const { agentName, agentId, createdAt, setId } = first;
    const seed = await join(shares, crypto);
    return { agentName, agentId, createdAt, setName: setNameOf(setId), seed, [Symbol.dispose]: () => seed.dispose() };
  } finally {
    for (const { value } of shares) zeroBytes(value);
  }
}

function readShare(text: Uint8Array, place: number, crypto: Crypto): Share {
  const damaged = damagedShare(place);
  const { preamble, content } = unarmour(SHARE_TITLE, text, crypto, damaged);
  try {
    const share = decodeShare(content, damaged, crypto);
    if (preamble.length === 0 || equalBytes(crypto.sha256(TEXT_LABEL, preamble), share.textHash)) return share;
    zeroBytes(share.value);
  } finally {
    zeroBytes(content);
  }
  throw damaged({ reason: "text" });
}

/** @returns the first @throws TalosError RECOVERY_SHARES_MIXED, RECOVERY_SHARE_REPEATED, RECOVERY_SHARES_TOO_FEW */
function checkTogether(shares: readonly Share[]): Share {
  const [first] = shares;
  if (first === undefined) throw talosError("RECOVERY_SHARES_TOO_FEW", undefined, { details: { given: 0 } });
  const foreign = shares.findIndex(({ setId }) => !equalBytes(setId, first.setId));
  if (foreign > 0) {
    const details = { share: foreign + 1, set: setNameOf(shares[foreign]?.setId ?? first.setId), firstSet: setNameOf(first.setId) };
    throw talosError("RECOVERY_SHARES_MIXED", undefined, { details });
  }
  const repeated = shares.findIndex(({ index }, i) => shares.findIndex((other) => other.index === index) < i);
  if (repeated > 0) {
    throw talosError("RECOVERY_SHARE_REPEATED", undefined, { details: { share: repeated + 1, index: shares[repeated]?.index ?? 0 } });
  }
  const { threshold } = first;
  if (shares.length < threshold) {
    throw talosError("RECOVERY_SHARES_TOO_FEW", `There are ${shares.length} shares, and it takes ${threshold}.`, {
      details: { given: shares.length, threshold },
    });
  }
  return first;
}

/** @throws TalosError RECOVERY_SHARES_WRONG where what comes out is not what went in */
async function join(shares: readonly Omit<Share, "textHash">[], crypto: Crypto): Promise<SecretBytes> {
  using cleanup = new DisposableStack();
  const seed = cleanup.use(await combineValues(shares));
  for (const share of shares) {
    if (!secureCompare(commitTo(seed, share, crypto), share.commitment)) throw talosError("RECOVERY_SHARES_WRONG");
  }
  cleanup.move();
  return seed;
}

async function splitBytes(seed: SecretBytes, count: number, threshold: number): Promise<Uint8Array[]> {
  // Loaded where it is used: an agent that only runs never needs it.
  const { split } = await import("shamir-secret-sharing");
  const values = await split(revealSecret(seed), count, threshold);
  const settled = values.map(settledCopy);
  for (const value of values) zeroBytes(value);
  return settled;
}

async function combineValues(shares: readonly Pick<Share, "value">[]): Promise<SecretBytes> {
  const { combine } = await import("shamir-secret-sharing");
  try {
    return SecretBytes.from(await combine(shares.map(({ value }) => value)));
  } catch (cause) {
    // Two shares of different numbers that were taken at one place: none that was split like that.
    throw talosError("RECOVERY_SHARES_WRONG", undefined, { cause });
  }
}

function shareText(share: Omit<Share, "textHash">, setName: string, crypto: Crypto): ShareText {
  const preamble = sharePreamble({ ...share, setName });
  const record = encodeShare({ ...share, textHash: crypto.sha256(TEXT_LABEL, preamble) }, crypto);
  const block = armour(SHARE_TITLE, record, crypto);
  const bytes = settledBytes(preamble.length + block.length);
  bytes.set(preamble);
  bytes.set(block, preamble.length);
  zeroBytes(record);
  zeroBytes(block);
  const text = SecretBytes.take(bytes);
  return { index: share.index, text, [Symbol.dispose]: () => text.dispose() };
}

/** Over a key of its own, and over everything that the shares of a set have in common. Tells nothing of the seed. */
function commitTo(seed: SecretBytes, set: Omit<ShareSet, "commitment">, crypto: Crypto): Uint8Array {
  const { agentName, agentId, createdAt, setId, threshold, count } = set;
  using key = crypto.deriveKey(seed, COMMITMENT_LABEL, SEED_BYTES);
  const bound = encodeCbor([agentName, agentId, createdAt, setId, threshold, count]);
  return crypto.sha256(COMMITMENT_LABEL, bound, revealSecret(key));
}

function checkNumbers(count: number, threshold: number): void {
  const isFine = [count, threshold].every((value) => Number.isSafeInteger(value) && value >= MIN_THRESHOLD) && count <= MAX_SHARES;
  if (isFine && threshold <= count) return;
  throw talosError("INVALID_ARGUMENT", "A kit is split into 2 to 255 shares, of which it takes at least 2 and at most all.", {
    details: { option: isFine ? "threshold" : "shares" },
  });
}
