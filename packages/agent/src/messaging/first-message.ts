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
  type AgentId,
  type FirstEnvelopeHeader,
  type HandshakeHeader,
  type IdentityLog,
  type KeyId,
  type PendingSession,
} from "@talos/core";
import type { AgentContext } from "../context.ts";
import { loadPrekey } from "../lifecycle/prekey-secrets.ts";
import type { InventoryEntry, OwnBatch, StoredKeyKind } from "../vault/index.ts";
import type { FailedStrangers } from "./failed-strangers.ts";
import type { KnownPeer, PeerFacts } from "./known-peer.ts";
import { directoriesOf, findPeer, lookUpPeer } from "./peer-lookup.ts";
import { requireHandshake, requireHead } from "./peer-standing.ts";
import { isTransient } from "./transient.ts";

export interface FirstMessage {
  /** Good only while the private parts are: inside `use`. */
  readonly pending: PendingSession;
  /** The sender; in no store yet where it was unknown. */
  readonly peer: PeerFacts;
  /** Ends with the first message. */
  readonly oneTimeKeyId: KeyId | undefined;
  /** What else it took: the signed prekey and the encryption key. */
  readonly used: readonly InventoryEntry[];
}

/** How the envelope came. */
export interface Arrival {
  readonly mailbox: string;
  readonly depositor: AgentId | undefined;
  readonly strangers: FailedStrangers;
}

/**
 * @param envelope that brings the handshake header
 * @param use synchronous; what it returns is returned
 * @throws TalosError HANDSHAKE_REFUSED for a batch that is not this agent's, and for a stranger whose messages failed lately; PREKEY_NOT_FOUND; PREKEY_REUSED for a one-time
 *   prekey that was used before; PEER_BLOCKED, PEER_UNVERIFIED, PEER_REVOKED, PEER_FORKED; CERTIFICATE_VOID, CERTIFICATE_RETIRED for a handshake of an
 *   identity that has moved on; HEAD_UNKNOWN; what the look-up of the sender, the backend, `acceptSession`
 *   and `use` throw
 */
export async function acceptFirstMessage<T>(
  context: AgentContext,
  envelope: FirstEnvelopeHeader,
  { mailbox, depositor, strangers }: Arrival,
  use: (first: FirstMessage) => T,
): Promise<T> {
  const { vault, peers, clock } = context;
  const header = decodeHandshakeHeader(envelope.handshakeHeader);
  const { initiator } = header;
  const own = findOwn(context, header);
  const isStranger = vault.read((tx) => peers.get(tx, initiator)) === undefined;
  if (isStranger) strangers.requireAttempt(initiator, depositor, clock.now());
  try {
    return await acceptWith(context, envelope, header, own, await findSender(context, header, mailbox), use);
  } catch (error) {
    if (isStranger && !isTransient(error)) strangers.failed(initiator, depositor, clock.now());
    throw error;
  }
}

/** What the header names on this side. */
interface OwnSide {
  readonly batch: OwnBatch;
  readonly signed: InventoryEntry;
  readonly oneTime: InventoryEntry | undefined;
}

function findOwn({ vault }: AgentContext, header: HandshakeHeader): OwnSide {
  return vault.read((tx) => {
    const batch = tx.batches.byRoot(header.batchRoot);
    if (batch === undefined) throw refused("another agent's batch, or one long ended");
    const find = (kind: StoredKeyKind, id: Uint8Array): InventoryEntry => prekeyOf(batch, kind, id, tx.inventory.get(prekeyKeyId(id)));
    const oneTime = header.oneTimePrekeyId && find("one-time-prekey", header.oneTimePrekeyId);
    return { batch, signed: find("signed-prekey", header.signedPrekeyId), oneTime };
  });
}

async function acceptWith<T>(
  context: AgentContext,
  envelope: FirstEnvelopeHeader,
  header: HandshakeHeader,
  own: OwnSide,
  peer: PeerFacts,
  use: (first: FirstMessage) => T,
): Promise<T> {
  const { vault, log, crypto, identity } = context;
  // Of the identity that made the batch: it may have rotated since, and its private part is kept for that.
  const encryptionKey = await identity.encryptionKeyAt(own.batch.head);
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
  const longTerm = vault
    .read((tx) => tx.inventory.list({ kind: "encryption" }))
    .filter(({ publicKey }) => equalBytes(publicKey, ownEncryptionKey.bytes));
  return use({ pending, peer, oneTimeKeyId: own.oneTime?.keyId, used: [own.signed, ...longTerm] });
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
  const { vault, peers, policy, clock } = context;
  const known = vault.read((tx) => peers.get(tx, header.initiator));
  requireHandshake(known, policy);
  if (known !== undefined && hasHead(known.log, header)) {
    requireHead(known.log, header.head, known, clock.now(), "new");
    return { log: known.log };
  }
  // What the log of a known peer says is taken over whatever becomes of the message; a stranger has to write first.
  const facts = known === undefined ? await findPeer(context, header.initiator, [mailbox]) : await lookUpSender(context, known, mailbox);
  requireHead(facts.log, header.head, known, clock.now(), "new");
  return facts;
}

async function lookUpSender(context: AgentContext, known: KnownPeer, mailbox: string): Promise<PeerFacts> {
  const urls = [...new Set([mailbox, ...directoriesOf(context, known, undefined)])];
  const found = await lookUpPeer(context, known.peer.agentId, urls);
  requireHandshake(found, context.policy);
  return { log: found.log };
}

function hasHead(log: IdentityLog, { head }: HandshakeHeader): boolean {
  const state = log.states[head.seq];
  return state !== undefined && equalBytes(state.head.hash, head.hash);
}

function refused(reason: string): Error {
  return talosError("HANDSHAKE_REFUSED", undefined, { details: { reason } });
}
