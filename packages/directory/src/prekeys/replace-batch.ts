/** Replaces an agent's prekey batch, verified as a peer would. Source: docs/protocol/directory.md ("Prekeys"), prekeys.md. */
import {
  batchHash,
  CLOCK_SLACK_MILLISECONDS,
  decodeBatch,
  decodeStatement,
  equalBytes,
  isTalosError,
  toHex,
  verifyBatchReplacement,
  type BatchReplacement,
  type IdentityLog,
  type PrekeyStatement,
  type VerifiedReplacement,
} from "@talos/core";
import type { DirectoryContext } from "../context.ts";
import { isVoid, readKnownLog } from "../log/known-log.ts";
import { refuse, underLog } from "../refusal.ts";
import type {
  BatchReplacement as BatchReplacementRecord,
  LiveBatch,
  PrekeyRecord,
  ReplaceOutcome,
  RequestMark,
  SeenPrekey,
} from "../storage/contract/index.ts";

export interface BatchStanding {
  /** Unclaimed ones. */
  readonly oneTimePrekeys: number;
  readonly root: Uint8Array;
}

/**
 * @throws TalosError PREKEY_ID_REUSED, PREKEY_UNKNOWN, BATCH_STALE, BATCH_INVALID (also: expired, and the live root under another batch
 *   hash); IDENTITY_MOVED where the log head of the batch is not known here; BATCH_VOID where a later event has made it void;
 *   SIGNATURE_INVALID, MALFORMED and others of core
 */
export async function replaceBatch(context: DirectoryContext, mark: RequestMark, given: BatchReplacement): Promise<BatchStanding> {
  const { store } = context;
  const { root, head } = decodeBatch(given.batch);
  const live = await store.readLiveBatch(mark.agentId);
  // After a rotation the same prekeys are signed anew: that is another batch.
  if (live !== undefined && equalBytes(live.root, root) && head.seq <= live.seq) {
    // The same upload again: answered, not judged, since its new ids are known by now.
    checkSame(context, live, given);
    const { oneTimePrekeys } = await store.readPrekeyStock(mark, context.now());
    return { oneTimePrekeys, root };
  }
  const outcome = await replaceVerified(context, mark, given, live);
  if (!("oneTimePrekeys" in outcome)) throw refuse(CODES[outcome.kind]);
  // Another request may have brought the root since the look above.
  const winner = outcome.kind === "unchanged" ? await store.readLiveBatch(mark.agentId) : undefined;
  if (winner !== undefined) checkSame(context, winner, given);
  return { oneTimePrekeys: outcome.oneTimePrekeys, root };
}

async function replaceVerified(
  context: DirectoryContext,
  mark: RequestMark,
  given: BatchReplacement,
  live: LiveBatch | undefined,
): Promise<Exclude<ReplaceOutcome, { readonly kind: "moved" }>> {
  // An event may come between verification and replacement: then the batch is judged again, under the log as it is by then.
  for (;;) {
    const now = context.now();
    const log = await readKnownLog(context, mark.agentId);
    const verified = await verify(context, log, given, live, now);
    const outcome = await context.store.replaceBatch(mark, { ...recordOf(verified), carried: given.carried }, log.head, now);
    if (outcome.kind !== "moved") return outcome;
  }
}

/** Who keeps the statements and changes their batch (validity, directories, options) would believe it published. */
function checkSame({ crypto }: DirectoryContext, live: LiveBatch, given: BatchReplacement): void {
  if (!equalBytes(batchHash(live.wire, crypto), batchHash(given.batch, crypto)))
    throw refuse("BATCH_INVALID", {}, "The live batch has this root and says something else.");
}

/** What a concurrent request can still bring about after the verification. */
const CODES = { stale: "BATCH_STALE", "id-reused": "PREKEY_ID_REUSED", "id-unknown": "PREKEY_UNKNOWN" } as const satisfies Readonly<
  Record<Exclude<ReplaceOutcome["kind"], "replaced" | "unchanged" | "moved">, string>
>;

async function verify(
  context: DirectoryContext,
  log: IdentityLog,
  given: BatchReplacement,
  live: LiveBatch | undefined,
  now: number,
): Promise<VerifiedReplacement> {
  const ids = [given.signedPrekey, ...given.added].map((wire) => decodeStatement(wire).id);
  const seen = await context.store.readSeenPrekeys(log.agentId, [...ids, ...given.carried]);
  const byId = new Map<string, SeenPrekey>(seen.map((prekey) => [toHex(prekey.id), prekey]));
  // A batch from the future went live by a clock that ran ahead: it must not stand in the way until then.
  const known = {
    ...(live && live.from <= now + CLOCK_SLACK_MILLISECONDS && { liveFrom: live.from }),
    find: (id: Uint8Array) => byId.get(toHex(id)),
  };
  try {
    const verified = underLog(log.head, () => verifyBatchReplacement(log, given, known, context.crypto, now));
    if (isVoid(log, verified.batch.head)) throw refuse("BATCH_VOID", { head: log.head });
    return verified;
  } catch (error) {
    if (isTalosError(error, "BATCH_EXPIRED")) throw refuse("BATCH_INVALID", {}, "The prekey batch is outside its validity.");
    throw error;
  }
}

function recordOf({ batch, signedPrekey, added, leaves }: VerifiedReplacement): Omit<BatchReplacementRecord, "carried"> {
  const hashes = new Map(leaves.map(({ id, leafHash }) => [toHex(id), leafHash]));
  const prekeyOf = ({ id, kind, to, wire }: PrekeyStatement): PrekeyRecord => ({
    id,
    kind,
    to,
    statement: wire,
    leafHash: hashes.get(toHex(id)) as Uint8Array,
  });
  const { root, wire, from, to, head } = batch;
  return { seq: head.seq, root, wire, from, to, leaves, signedPrekey: prekeyOf(signedPrekey), added: added.map(prekeyOf) };
}
