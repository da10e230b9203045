/**
 * The first message of a session that a peer begins: finds this agent's own side (batch by its root, private parts of the
 * prekeys, the Diffie-Hellman of the backend) and the sender's log, and derives the pending session. Stores nothing: a
 * one-time prekey ends in the transaction that stores the opened message, and only then.
 */
import {
  acceptSession,
  decodeHandshakeHeader,
  equalBytes,
  logAt,
  prekeyKeyId,
  talosError,
  type FirstEnvelopeHeader,
  type HandshakeHeader,
  type IdentityLog,
  type KeyId,
  type PendingSession,
} from "@talos/core";
import type { AgentContext } from "../context.ts";
import { loadPrekey } from "../lifecycle/prekey-secrets.ts";
import type { InventoryEntry, OwnBatch, StoredKeyKind } from "../vault/index.ts";
import type { PeerFacts } from "./peer-book.ts";
import { findPeer } from "./peer-lookup.ts";

export interface FirstMessage {
  /** Good only while the private parts are: inside `use`. */
  readonly pending: PendingSession;
  /** The sender; in no store yet where it was unknown. */
  readonly peer: PeerFacts;
  /** Ends with the first message. */
  readonly oneTimeKeyId: KeyId | undefined;
}

/**
 * @param envelope that brings the handshake header
 * @param use synchronous; what it returns is returned
 * @throws TalosError HANDSHAKE_REFUSED for a batch that is not this agent's; PREKEY_NOT_FOUND; PREKEY_REUSED for a one-time
 *   prekey that was used before; PEER_BLOCKED; HEAD_UNKNOWN; what the look-up of the sender, the backend, `acceptSession`
 *   and `use` throw
 */
export async function acceptFirstMessage<T>(
  context: AgentContext,
  envelope: FirstEnvelopeHeader,
  mailbox: string,
  use: (first: FirstMessage) => T,
): Promise<T> {
  const { vault, log, crypto, encryptionKey } = context;
  const header = decodeHandshakeHeader(envelope.handshakeHeader);
  const own = vault.read((tx) => {
    const batch = tx.batches.byRoot(header.batchRoot);
    if (batch === undefined) throw refused("another agent's batch, or one long ended");
    const find = (kind: StoredKeyKind, id: Uint8Array): InventoryEntry => prekeyOf(batch, kind, id, tx.inventory.get(prekeyKeyId(id)));
    const oneTime = header.oneTimePrekeyId && find("one-time-prekey", header.oneTimePrekeyId);
    return { batch, signed: find("signed-prekey", header.signedPrekeyId), oneTime };
  });
  const peer = await findSender(context, header, mailbox);
  const dhLongTerm = await encryptionKey.deriveSharedSecret(header.ephemeralKey);
  // Synchronous from here, so that the private parts live for a moment only.
  using signed = loadPrekey(vault.files, own.signed, crypto);
  using oneTime = own.oneTime && loadPrekey(vault.files, own.oneTime, crypto);
  const { identityKey, encryptionKey: ownEncryptionKey } = logAt(log, own.batch.head);
  const pending = acceptSession(
    {
      own: {
        agentId: log.agentId,
        batch: own.batch,
        identityKey,
        encryptionKey: ownEncryptionKey,
        signedPrekey: signed.prekey,
        oneTimePrekey: oneTime?.prekey,
        kemKey: (oneTime ?? signed).kemKey,
      },
      initiatorLog: peer.log,
      header,
      ratchetHeader: envelope.ratchetHeader,
      dhLongTerm,
    },
    crypto,
  );
  return use({ pending, peer, oneTimeKeyId: own.oneTime?.keyId });
}

function prekeyOf(batch: OwnBatch, kind: StoredKeyKind, id: Uint8Array, entry: InventoryEntry | undefined): InventoryEntry {
  const keyId = prekeyKeyId(id);
  if (!batch.ids.includes(keyId) || (entry !== undefined && entry.kind !== kind)) {
    throw refused("a prekey of another batch");
  }
  if (entry?.state === "ended" && kind === "one-time-prekey") throw talosError("PREKEY_REUSED", undefined, { details: { keyId } });
  if (entry === undefined || entry.state === "ended") throw talosError("PREKEY_NOT_FOUND", undefined, { details: { keyId } });
  return entry;
}

/** The sender registers its log at the recipient's directory before it deposits; a sender that is known needs no look-up. */
async function findSender(context: AgentContext, header: HandshakeHeader, mailbox: string): Promise<PeerFacts> {
  const known = context.vault.read((tx) => context.peers.get(tx, header.initiator));
  if (known?.peer.trust === "blocked") throw talosError("PEER_BLOCKED");
  if (known !== undefined && hasHead(known.log, header)) return { log: known.log };
  return await findPeer(context, header.initiator, [mailbox]);
}

function hasHead(log: IdentityLog, { head }: HandshakeHeader): boolean {
  const state = log.states[head.seq];
  return state !== undefined && equalBytes(state.head.hash, head.hash);
}

function refused(reason: string): Error {
  return talosError("HANDSHAKE_REFUSED", undefined, { details: { reason } });
}
