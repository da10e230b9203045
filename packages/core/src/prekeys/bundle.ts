// The bundle that a claim hands out. Only `verifyBundle` makes the type from which a handshake starts.
// Must not know the handshake. Source: docs/protocol/prekeys.md, "Bundle".
import { talosError } from "../errors/talos-error.ts";
import { logAt, type IdentityLog } from "../identity/log.ts";
import type { AgentId } from "../keys/agent-id.ts";
import type { LogHead } from "../keys/heads.ts";
import type { RemoteKey } from "../keys/public-key.ts";
import { isOffered } from "../keys/time.ts";
import { verifyInclusion } from "../merkle/verify.ts";
import type { Crypto } from "../primitives/crypto.ts";
import { verifyBatch, type PrekeyBatch } from "./batch.ts";
import type { PlacedStatement } from "./batch-tree.ts";
import { decodeStatement, isPrekeyOf, statementLeaf, type PrekeyKind, type PrekeyStatement } from "./statement.ts";

/** As it came; nothing is verified. Its log and certificate are verified apart (`verifyLog`, `verifyCertificate`). */
export interface UnverifiedBundle {
  readonly log: readonly Uint8Array[];
  readonly certificate: Uint8Array;
  readonly batch: Uint8Array;
  readonly signedPrekey: PlacedStatement;
  readonly oneTimePrekey?: PlacedStatement;
}

declare const verifiedBrand: unique symbol;
/** The only thing that a handshake starts from. */
export interface VerifiedBundle {
  readonly [verifiedBrand]: true;
  readonly agentId: AgentId;
  /** The head that the batch names. */
  readonly head: LogHead;
  /** Offered options, a set of bits. */
  readonly options: number;
  readonly root: Uint8Array;
  /** End of the batch. */
  readonly to: number;
  readonly directories: readonly string[];
  /** In force at `head`. */
  readonly identityKey: RemoteKey<"identity">;
  /** In force at `head`. */
  readonly encryptionKey: RemoteKey<"encryption">;
  readonly signedPrekey: PrekeyStatement<"signed-prekey">;
  readonly oneTimePrekey?: PrekeyStatement<"one-time-prekey">;
}

/**
 * Verifies batch, statements and paths under the verified log of the responder.
 *
 * @param now the verifier's clock in milliseconds; a batch or prekey that has ended is refused, so a directory cannot serve a stale one
 * @throws TalosError those of `verifyBatch` and `decodeStatement`; BATCH_EXPIRED for a prekey outside its validity; BUNDLE_INVALID for a
 *   wrong kind, a path that does not lead to the root, or a batch that ends after its signed prekey
 */
export function verifyBundle(
  log: IdentityLog,
  bundle: UnverifiedBundle,
  crypto: Pick<Crypto, "sha256" | "verifySignature">,
  now: number,
): VerifiedBundle {
  const batch = verifyBatch(log, bundle.batch, crypto, now);
  const signedPrekey = verifyPlaced("signed-prekey", bundle.signedPrekey, batch, crypto, now);
  const oneTimePrekey = bundle.oneTimePrekey && verifyPlaced("one-time-prekey", bundle.oneTimePrekey, batch, crypto, now);
  if (batch.to > signedPrekey.to) throw talosError("BUNDLE_INVALID", "The batch ends after its signed prekey.");
  const { identityKey, encryptionKey } = logAt(log, batch.head);
  const { agentId, head, options, root, to, directories } = batch;
  const verified = {
    agentId,
    head,
    options,
    root,
    to,
    directories,
    identityKey,
    encryptionKey,
    signedPrekey,
    ...(oneTimePrekey && { oneTimePrekey }),
  };
  return Object.freeze(verified) as object as VerifiedBundle;
}

function verifyPlaced<K extends PrekeyKind>(
  kind: K,
  placed: PlacedStatement,
  batch: PrekeyBatch,
  crypto: Pick<Crypto, "sha256">,
  now: number,
): PrekeyStatement<K> {
  const statement = decodeStatement(placed.statement);
  if (!isPrekeyOf(statement, kind)) throw talosError("BUNDLE_INVALID", "A prekey of another kind than it is offered as.");
  if (!isOffered(statement, now)) throw talosError("BATCH_EXPIRED", "A prekey is outside its validity.");
  const { index, path } = placed;
  const claim = { leafHash: statementLeaf(placed.statement, crypto), index, size: batch.size, path, root: batch.root };
  if (!verifyInclusion(crypto, claim)) throw talosError("BUNDLE_INVALID");
  return statement;
}
