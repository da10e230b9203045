// What a directory checks before a batch replaces the live one: the pure part. Must not know how a directory stores prekeys.
// Source: docs/protocol/directory.md, "Prekeys".
import { equalBytes, compareBytes } from "../bytes/bytes.ts";
import { talosError } from "../errors/talos-error.ts";
import type { IdentityLog } from "../identity/log.ts";
import { isOffered } from "../keys/time.ts";
import { treeRoot } from "../merkle/tree.ts";
import type { Crypto } from "../primitives/crypto.ts";
import { verifyBatch, type PrekeyBatch } from "./batch.ts";
import { orderedLeaves, type BatchLeaf } from "./batch-tree.ts";
import { decodeStatement, isPrekeyOf, statementLeaf, type PrekeyKind, type PrekeyStatement } from "./statement.ts";

/** The body of `PUT .../prekeys`, decoded. */
export interface BatchReplacement {
  readonly batch: Uint8Array;
  readonly signedPrekey: Uint8Array;
  /** Ids of one-time prekeys that earlier batches brought. */
  readonly carried: readonly Uint8Array[];
  readonly added: readonly Uint8Array[];
}

/** What the directory knows of this agent's prekeys. */
export interface KnownPrekeys {
  /** `from` of the live batch. */
  readonly liveFrom?: number;
  /** The leaf hash (32 bytes) of every prekey ever seen, claimed or not, and its kind; undefined for an id never seen. */
  find(id: Uint8Array): { readonly kind: PrekeyKind; readonly leafHash: Uint8Array } | undefined;
}

export interface VerifiedReplacement {
  readonly batch: PrekeyBatch;
  readonly signedPrekey: PrekeyStatement<"signed-prekey">;
  readonly added: readonly PrekeyStatement<"one-time-prekey">[];
  /** All leaves of the batch in the order of the tree, for the paths. */
  readonly leaves: readonly BatchLeaf[];
}

/**
 * Verifies that a batch may replace the live one.
 *
 * @param now the directory's clock in milliseconds
 * @throws TalosError those of `verifyBatch` and `decodeStatement`; BATCH_STALE when it starts before the live one; PREKEY_ID_REUSED for a new
 *   id that was seen before; PREKEY_UNKNOWN for a carried one that was not; BATCH_INVALID when the leaves do not give size and root, for an
 *   id twice, a wrong kind, or a batch that ends after its signed prekey; BATCH_EXPIRED
 */
export function verifyBatchReplacement(
  log: IdentityLog,
  replacement: BatchReplacement,
  known: KnownPrekeys,
  crypto: Pick<Crypto, "sha256" | "verifySignature">,
  now: number,
): VerifiedReplacement {
  const batch = verifyBatch(log, replacement.batch, crypto, now);
  if (known.liveFrom !== undefined && batch.from < known.liveFrom) throw talosError("BATCH_STALE");
  const signedPrekey = statementOf("signed-prekey", replacement.signedPrekey);
  if (batch.to > signedPrekey.to || !isOffered(signedPrekey, now))
    throw talosError("BATCH_INVALID", "The batch is valid where its signed prekey is not.");
  const added = replacement.added.map((wire) => statementOf("one-time-prekey", wire));

  const leaves = [
    signedPrekeyLeaf(signedPrekey, known, crypto),
    ...added.map((statement) => newLeaf(statement, known, crypto)),
    ...replacement.carried.map((id) => carriedLeaf(id, known)),
  ].sort((a, b) => compareBytes(a.id, b.id));
  const root = treeRoot(crypto, orderedLeaves(leaves));
  if (leaves.length !== batch.size || !equalBytes(root, batch.root))
    throw talosError("BATCH_INVALID", "The statements do not give the batch's root.");
  return { batch, signedPrekey, added, leaves };
}

function statementOf<K extends PrekeyKind>(kind: K, wire: Uint8Array): PrekeyStatement<K> {
  const statement = decodeStatement(wire);
  if (!isPrekeyOf(statement, kind)) throw talosError("BATCH_INVALID", "A prekey of another kind than it is published as.");
  return statement;
}

/** A refill brings the signed prekey again, unchanged. */
function signedPrekeyLeaf(statement: PrekeyStatement, known: KnownPrekeys, crypto: Pick<Crypto, "sha256">): BatchLeaf {
  const leaf = { id: statement.id, leafHash: statementLeaf(statement.wire, crypto) };
  const seen = known.find(statement.id);
  if (seen !== undefined && !equalBytes(seen.leafHash, leaf.leafHash)) throw talosError("PREKEY_ID_REUSED");
  return leaf;
}

function newLeaf(statement: PrekeyStatement, known: KnownPrekeys, crypto: Pick<Crypto, "sha256">): BatchLeaf {
  if (known.find(statement.id) !== undefined) throw talosError("PREKEY_ID_REUSED");
  return { id: statement.id, leafHash: statementLeaf(statement.wire, crypto) };
}

function carriedLeaf(id: Uint8Array, known: KnownPrekeys): BatchLeaf {
  const seen = known.find(id);
  if (seen?.kind !== "one-time-prekey") throw talosError("PREKEY_UNKNOWN");
  return { id, leafHash: seen.leafHash };
}
