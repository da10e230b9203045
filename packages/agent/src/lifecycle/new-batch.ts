/**
 * The one operation behind a rotated signed prekey, a refill, one-time prekeys that are replaced before they expire, a new home and
 * an identity that has changed: new keys, one batch over the signed prekey and all unclaimed one-time prekeys, one transaction, and the
 * plan that publishes it. Interrupted before the commit nothing has happened; after it the plan goes on at the next opening.
 *
 * Inside another plan (a rotation of the identity): `prepareBatch` with the keys that are about to come into force, then `stageBatch` in
 * the transaction of that plan, after the event was appended; the `publish` plan takes the event abroad first. It throws BATCH_STALE where
 * another batch was committed meanwhile: prepare again. Ring the publisher after the commit.
 */
import {
  isFromFuture,
  isTalosError,
  prekeyKeyId,
  replacementDueAt,
  talosError,
  toHex,
  type IdentityLog,
  type KeyId,
  type PrekeyStock,
  type RotationPolicy,
} from "@talos/core";
import type { BackendSigningKey } from "../backends/index.ts";
import type { AgentContext } from "../context.ts";
import type { InventoryEntry, OwnBatch, Plan, Transaction } from "../vault/index.ts";
import { batchSigned, keyEntries } from "./audit-entries.ts";
import { requireUnmoved } from "./foreign-events.ts";
import { createOneTimePrekeys, createSignedPrekey } from "./prekey-secrets.ts";
import { askStock } from "./prekey-stock.ts";
import { PUBLISH_PLAN, PUBLISHED_AT, replacementPlan, type PublishStep } from "./publish-record.ts";
import { signBatch } from "./sign-batch.ts";

/** The most one-time prekeys of a batch. */
export const MAX_ONE_TIME_PREKEYS = 1000;
const MAX_RACES = 5;

export interface BatchWish {
  readonly signedPrekey: "keep" | "replace";
  /** `carry`: unclaimed ones that do not expire soon go on; `replace`: none does. */
  readonly oneTimePrekeys: "carry" | "replace";
  /** Unclaimed one-time prekeys that the batch is to have, 0 to 1,000; 0 makes none. More that are carried stay. */
  readonly stock: number;
}

/** Whose log and key it is signed under. */
export interface BatchOwner {
  readonly log: IdentityLog;
  readonly identityKey: BackendSigningKey<"identity">;
}

/** Made and signed, and in no store yet. */
export interface PreparedBatch {
  readonly batch: OwnBatch;
  readonly fresh: readonly InventoryEntry[];
  /** Go on decrypting what was made for them. */
  readonly retiring: readonly InventoryEntry[];
  readonly publish: Plan;
  /** Root of the batch that it follows. */
  readonly after: Uint8Array | undefined;
  readonly now: number;
}

/** @throws TalosError of the backend, STORAGE_FAILED, GENERATION_FENCED and others of the vault; a directory that is away is no failure */
export async function prepareBatch(context: AgentContext, wish: BatchWish, owner: BatchOwner = context): Promise<PreparedBatch> {
  const { vault, clock, crypto, home, policy } = context;
  const stock = wish.oneTimePrekeys === "carry" ? await claimedAbroad(context) : undefined;
  const now = clock.now();
  const known = vault.read((tx) => ({
    newest: tx.batches.newest(),
    published: tx.batches.newestPublished(),
    abroad: stock?.root ? tx.batches.byRoot(stock.root) : undefined,
    signed: tx.inventory.live("signed-prekey"),
    oneTime: tx.inventory.list({ kind: "one-time-prekey", state: "live" }),
    isAtHome: home !== undefined && tx.settings.get(PUBLISHED_AT) === home,
    openStep: tx.plans.open("publish").find(({ id }) => id === PUBLISH_PLAN)?.step,
  }));
  const carriedOn = wish.oneTimePrekeys === "replace" ? [] : carriable(known, stock, policy.rotation, now);
  const signed =
    known.signed === undefined || wish.signedPrekey === "replace" || isOver(known.signed, now)
      ? createSignedPrekey(vault.files, now, crypto, policy.rotation)
      : known.signed;
  const missing = Math.max(0, Math.min(wish.stock, MAX_ONE_TIME_PREKEYS) - carriedOn.length);
  const made = createOneTimePrekeys(vault.files, missing, now, crypto, policy.rotation);
  const from = notBefore(known.published, now);
  const directories = home === undefined ? [] : [home];
  const batch = await signBatch([signed, ...carriedOn, ...made], owner.log, owner.identityKey, { crypto, now: from, directories });

  // What an earlier batch brought to this very directory; everything else is new there.
  const said = stock === undefined ? known.isAtHome && known.published?.ids : known.abroad?.ids;
  const brought = new Set(said || []);
  const carried = carriedOn.filter(({ keyId }) => brought.has(keyId));
  const added = [...made, ...carriedOn.filter(({ keyId }) => !brought.has(keyId))];
  const step = firstStep(known.isAtHome && owner.log === context.log, known.openStep);
  const staying = new Set([signed, ...carriedOn].map(({ keyId }) => keyId));
  return {
    batch,
    fresh: signed === known.signed ? made : [signed, ...made],
    retiring: [...(known.signed === undefined ? [] : [known.signed]), ...known.oneTime].filter(({ keyId }) => !staying.has(keyId)),
    publish: replacementPlan({ batch, signed, added, carried }, step, now),
    after: known.newest?.root,
    now,
  };
}

/**
 * Inventory, batch, plan and audit entries, in the caller's transaction.
 *
 * @throws TalosError BATCH_STALE where another batch was committed since it was prepared; COMMIT_FAILED and others of the store
 */
export function stageBatch(tx: Transaction, { batch, fresh, retiring, publish, after, now }: PreparedBatch): void {
  const newest = tx.batches.newest()?.root;
  if ((newest && toHex(newest)) !== (after && toHex(after))) throw talosError("BATCH_STALE");
  // One that was used since has ended, and stays so.
  const retired = retiring.filter(({ keyId }) => tx.inventory.setState(keyId, "retired", now));
  for (const entry of fresh) tx.inventory.put(entry);
  tx.batches.put(batch);
  tx.plans.put(publish);
  for (const entry of [...keyEntries("key-retired", retired, now), ...keyEntries("key-created", fresh, now)]) tx.audit.append(entry);
  tx.audit.append(batchSigned(batch, now));
}

/**
 * A new batch, durable when this resolves; the publisher takes it from there. Where no key would be made nothing changes, and `also` does
 * not run: the batch that there is will do.
 *
 * @param also in the same transaction
 * @throws TalosError as `prepareBatch`, and of the commit; IDENTITY_MOVED; then nothing has changed
 */
export async function makeBatch(context: AgentContext, wish: BatchWish, also?: (tx: Transaction) => void): Promise<PreparedBatch> {
  requireUnmoved(context);
  for (let race = 1; ; race++) {
    const prepared = await prepareBatch(context, wish);
    if (prepared.fresh.length === 0) return prepared;
    try {
      context.commits.now((tx) => {
        stageBatch(tx, prepared);
        also?.(tx);
      });
      return prepared;
    } catch (error) {
      if (!isTalosError(error, "BATCH_STALE") || race === MAX_RACES) throw error;
    }
  }
}

/** Which are claimed, as far as somebody says it: one that is carried on though it was claimed is merely counted. */
async function claimedAbroad(context: AgentContext): Promise<PrekeyStock | undefined> {
  const { vault, home, standing } = context;
  if (home === undefined || vault.read((tx) => tx.settings.get(PUBLISHED_AT)) !== home) return undefined;
  try {
    return await askStock(context);
  } catch (error) {
    standing.requireActive();
    if (!isTalosError(error)) throw error;
    return undefined;
  }
}

/** Those of the batch before that were neither used nor claimed and need not be replaced yet: one that a batch left out has ended abroad. */
function carriable(
  { oneTime, newest }: { readonly oneTime: readonly InventoryEntry[]; readonly newest: OwnBatch | undefined },
  stock: PrekeyStock | undefined,
  policy: RotationPolicy,
  now: number,
): readonly InventoryEntry[] {
  const offered = new Set(newest?.ids);
  const claimed = new Set<KeyId>(stock?.claimed.map(prekeyKeyId));
  const isDue = ({ createdAt, dueAt }: InventoryEntry): boolean => replacementDueAt({ from: createdAt, dueAt }, policy, now) <= now;
  return oneTime.filter((key) => offered.has(key.keyId) && !claimed.has(key.keyId) && !isDue(key)).slice(0, MAX_ONE_TIME_PREKEYS);
}

/** A published validity that has ended, or lies in a time to come. */
function isOver({ createdAt, expiresAt }: InventoryEntry, now: number): boolean {
  return (expiresAt ?? 0) <= now || isFromFuture(createdAt, now);
}

/** A batch that begins before the live one is stale abroad, and clocks that were set back a little must not make it so. */
function notBefore(published: OwnBatch | undefined, now: number): number {
  return published !== undefined && published.createdAt > now && !isFromFuture(published.createdAt, now) ? published.createdAt : now;
}

/** A plan that had not yet brought everything before the batch begins where it stood. */
function firstStep(isKnownAbroad: boolean, openStep: string | undefined): PublishStep {
  if (!isKnownAbroad) return "events";
  return openStep === "events" || openStep === "certificate" ? openStep : "batch";
}
