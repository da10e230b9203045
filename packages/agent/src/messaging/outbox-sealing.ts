/**
 * From rows of the outbox to their envelopes: what the identity key signs before the transaction, and what happens inside it.
 * Chooses neither rows nor session.
 */
import { identitySignatureBytes, messageId, revealSecret, talosError, type MessageSigning, type SecretBytes } from "@talos/core";
import type { AgentContext } from "../context.ts";
import type { OutboxRow, ReadTransaction, Transaction } from "../vault/index.ts";
import type { LiveSession } from "./live-sessions.ts";
import type { KnownPeer } from "./known-peer.ts";
import { messageTime, outgoingMessage, sealBatch, type MessageToSeal } from "./sealing.ts";
import { FRAME_TYPES } from "./turns.ts";

/** Bytes of bodies after which one transaction has enough. */
const BATCH_BYTES = 1_000_000;

/** Whom to, and in which session. */
export interface Correspondence {
  readonly known: KnownPeer;
  readonly live: LiveSession;
}

export interface SignedRow {
  readonly row: OutboxRow;
  readonly time: number;
  readonly signing: MessageSigning;
}

/**
 * The identity key signs over the transcript, so the session must be known; the backend takes its time.
 *
 * @throws TalosError what the backend throws
 */
export async function signRows(context: AgentContext, rows: readonly OutboxRow[], { live, known }: Correspondence): Promise<SignedRow[]> {
  const { vault, crypto, log, identityKey } = context;
  const signed: SignedRow[] = [];
  for (const row of rows) {
    const time = messageTime(context, row.createdAt);
    if (row.sign === "identity") {
      using body = vault.read((tx) => tx.outbox.body(row.order));
      // Delivered meanwhile, or thrown away.
      if (body === undefined) continue;
      const bytes = identitySignatureBytes(live.session, outgoingMessage(toSeal(row, body, time), known), log.head, crypto);
      signed.push({ row, time, signing: { head: log.head, signature: await identityKey.sign(bytes) } });
    } else {
      signed.push({ row, time, signing: row.sign });
    }
  }
  return signed;
}

export interface SealedRows {
  /** Stores the envelopes, and the session past them. */
  stage(tx: Transaction): void;
}

/**
 * As many of the rows as one transaction should hold. Reads, but changes nothing yet: what it throws leaves no trace.
 *
 * @throws TalosError VAULT_CORRUPT; as `sealBatch`
 */
export function sealRows(
  context: AgentContext,
  tx: ReadTransaction,
  { live, known }: Correspondence,
  rows: readonly SignedRow[],
): SealedRows {
  using bodies = new DisposableStack();
  const messages: { readonly message: MessageToSeal; readonly signing: MessageSigning }[] = [];
  let bytes = 0;
  for (const { row, time, signing } of rows) {
    if (bytes > BATCH_BYTES) break;
    const body = bodies.use(readBody(tx, row));
    bytes += body.length;
    messages.push({ message: toSeal(row, body, time), signing });
  }
  const batch = sealBatch(context, tx, live, known, messages);
  return {
    stage: (writing) => {
      batch.stage(writing);
      rows.slice(0, batch.envelopes.length).forEach(({ row }, index) => {
        const envelope = batch.envelopes[index];
        if (envelope !== undefined) writing.outbox.toReady(row.order, envelope);
      });
    },
  };
}

function readBody(tx: ReadTransaction, { order }: OutboxRow): SecretBytes {
  const body = tx.outbox.body(order);
  if (body === undefined) throw talosError("VAULT_CORRUPT", undefined, { details: { table: "outbox" } });
  return body;
}

function toSeal({ frameType, messageId: id, contentType, resent }: OutboxRow, body: SecretBytes, time: number): MessageToSeal {
  return { type: FRAME_TYPES[frameType] ?? "content", messageId: messageId(id), contentType, body: revealSecret(body), resent, time };
}
