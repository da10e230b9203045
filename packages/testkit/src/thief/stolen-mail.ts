/**
 * Opens mail that was recorded, or fetched, with private keys that were stolen. Knows what a directory sees of a message, and no inbox.
 */
import {
  acceptSession,
  decodeBatch,
  decodeEnvelope,
  decodeHandshakeHeader,
  decodeSession,
  decodeUtf8,
  equalBytes,
  nodeCrypto,
  openMessage,
  SecretBytes,
  stateAt,
  talosError,
  toHex,
  type Certificate,
  type IdentityLog,
  type OpenedMessage,
  type Session,
  type UnverifiedBundle,
} from "@talos/core";
import { claimedPrekey, inventedAgreementKey } from "./forgeries.ts";
import type { Loot } from "./loot.ts";

const crypto = nodeCrypto;

/** What somebody on the wire, or the directory, has seen of a first message: the bundle that was claimed for it, and the envelope. */
export interface RecordedMail {
  readonly bundle: UnverifiedBundle;
  readonly envelope: Uint8Array;
  /** Of the sender. */
  readonly log: IdentityLog;
}

/** The text of a first message. @throws TalosError DECRYPTION_FAILED */
export function readFirst(loot: Loot, { bundle, envelope: bytes, log: initiatorLog }: RecordedMail, log: IdentityLog, now: number): string {
  const envelope = decodeEnvelope(bytes);
  if (envelope.type !== "first") throw new Error("only a first message can be read without a session");
  const header = decodeHandshakeHeader(envelope.handshakeHeader);
  const { head, root, to, options } = decodeBatch(bundle.batch);
  const { identityKey, encryptionKey } = stateAt(log, head.seq);
  const signedPrekey = claimedPrekey(bundle.signedPrekey.statement, loot.signedPrekey);
  const oneTimeStolen = header.oneTimePrekeyId && loot.oneTimePrekeys?.get(toHex(header.oneTimePrekeyId));
  const oneTimePrekey = bundle.oneTimePrekey && claimedPrekey(bundle.oneTimePrekey.statement, oneTimeStolen);
  const own = {
    agentId: log.agentId,
    batch: { head, root, to, options },
    identityKey,
    encryptionKey,
    signedPrekey,
    oneTimePrekey,
    kemKey: (oneTimePrekey ?? signedPrekey).privateKemKey,
  };
  const dhLongTerm = (loot.encryptionKey ?? inventedAgreementKey()).agree(header.ephemeralKey);
  const pending = acceptSession({ own, initiatorLog, header, ratchetHeader: envelope.ratchetHeader, dhLongTerm }, crypto);
  return textOf(openMessage(pending, envelope, { peerLog: initiatorLog, findCertificate: () => undefined, now }, crypto));
}

/**
 * The text of a message in a session.
 *
 * @param peer log and newest certificate of the session's peer, as they are public
 * @throws TalosError SESSION_NOT_FOUND where no stolen session is its own; DECRYPTION_FAILED
 */
export function readInSession(
  sessions: readonly Session[],
  bytes: Uint8Array,
  peer: { readonly log: IdentityLog; readonly certificate: Certificate | undefined },
  now: number,
): string {
  const envelope = decodeEnvelope(bytes);
  const session = envelope.type === "message" ? sessions.find(({ id }) => equalBytes(id, envelope.sessionId)) : undefined;
  if (session === undefined) throw talosError("SESSION_NOT_FOUND");
  return textOf(openMessage(session, envelope, { peerLog: peer.log, findCertificate: () => peer.certificate, now }, crypto));
}

export function stolenSessions({ sessions = [] }: Loot): Session[] {
  return sessions.map((stored) => {
    using state = SecretBytes.copyOf(stored);
    return decodeSession(state);
  });
}

function textOf({ frame }: OpenedMessage): string {
  return decodeUtf8(frame.body);
}
