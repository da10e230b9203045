// From an envelope to a message: derive on a copy, check the tag, the signature inside and the sender's generation, then return the next
// state. The session given is never changed, so whatever fails here has done nothing.
// Source: docs/protocol/envelope.md, handshake.md, ratchet.md.
import { equalBytes } from "../bytes/bytes.ts";
import { decodeFrame, messageAssociatedData, type Envelope, type Frame, type MessageProof } from "../envelope/index.ts";
import { talosError } from "../errors/talos-error.ts";
import { handshakeId } from "../handshake/index.ts";
import type { IdentityLog } from "../identity/index.ts";
import type { Certificate } from "../instance/index.ts";
import type { Crypto } from "../primitives/crypto.ts";
import { advance, decodeRatchetHeader, wipeAll, type RatchetHeader, type Receiving } from "../ratchet/index.ts";
import { certificateAnswered } from "./carried-certificate.ts";
import { checkGeneration, type GenerationPair } from "./generations.ts";
import { checkSender } from "./sender.ts";
import { nextSession, sessionWith, type PendingSession, type Session } from "./session.ts";

export interface OpenContext {
  /** Of the session's peer. */
  readonly peerLog: IdentityLog;
  /** A certificate of the peer that was verified before, by its hash (32 bytes). */
  findCertificate(hash: Uint8Array): Certificate | undefined;
  /** Milliseconds: for the age of skipped keys. */
  readonly now: number;
}

export interface OpenedMessage {
  readonly next: Session;
  /** Its byte fields are views of one plaintext, which is this caller's to wipe. */
  readonly frame: Frame;
  /** Number of the peer's sending chain, from 0. */
  readonly chain: number;
  /** Of that chain, 32 bytes. */
  readonly ratchetKey: Uint8Array;
  /** In that chain, from 0. */
  readonly counter: number;
  /** Which copy of the peer sealed it. */
  readonly sender: GenerationPair;
  /** The certificate that the message carries, verified under the peer's log. */
  readonly certificate: Certificate | undefined;
  /** For a third party, where the message is signed. */
  readonly proof: MessageProof | undefined;
  /** True if the peer has answered this side's newest chain with this message. */
  readonly answers: boolean;
  /** True if this message shows that messages accepted before came from a second copy of the peer. */
  readonly secondCopyHeard: boolean;
  /** Wipe once `next` is stored (wipeAll). */
  readonly used: readonly Disposable[];
  /** Wipe if `next` is thrown away (wipeAll): the rest of `next` belongs to the session before. */
  readonly fresh: readonly Disposable[];
}

/**
 * Opens one message of the peer.
 *
 * @throws TalosError DECRYPTION_FAILED, one and the same for a forged, damaged or repeated message, another session's, a missing or wrong
 *   signature; TOO_MANY_SKIPPED; GENERATION_REGRESSED for an authentic message of an older copy of the peer; HEAD_UNKNOWN if the peer's log
 *   has moved on (fetch it, then again); MALFORMED, UNSUPPORTED_VERSION, UNSUPPORTED_EXTENSION for a header or an authentic frame that
 *   does not parse; WEAK_PUBLIC_KEY; INVALID_ARGUMENT for the log of another agent
 */
export function openMessage(session: Session | PendingSession, envelope: Envelope, context: OpenContext, crypto: Crypto): OpenedMessage {
  if (!equalBytes(context.peerLog.agentId, session.peerAgentId)) throw talosError("INVALID_ARGUMENT", "The log is not the peer's.");
  checkSession(session, envelope, crypto);
  const header = decodeRatchetHeader(envelope.ratchetHeader);
  const receiving = advance(session.ratchet, header, crypto, context.now);
  let opened: OpenedMessage | undefined;
  try {
    opened = authenticate(session, envelope, header, receiving, context, crypto);
    return opened;
  } finally {
    receiving.messageKey.dispose();
    if (opened === undefined) wipeAll(receiving.fresh);
  }
}

/** The envelope must name this session, in the way that its sender names it. */
function checkSession(session: Session | PendingSession, envelope: Envelope, crypto: Crypto): void {
  const named =
    envelope.type === "message"
      ? equalBytes(envelope.sessionId, session.id)
      : session.role === "responder" && equalBytes(handshakeId(envelope.handshakeHeader, crypto), session.handshakeId);
  if (!named) throw talosError("DECRYPTION_FAILED");
}

function authenticate(
  session: Session | PendingSession,
  envelope: Envelope,
  header: RatchetHeader,
  receiving: Receiving,
  context: OpenContext,
  crypto: Crypto,
): OpenedMessage {
  const associatedData = messageAssociatedData(session.transcriptHash, envelope.clear);
  const plaintext = crypto.aeadOpen("chacha20-poly1305", receiving.messageKey, envelope.nonce, envelope.ciphertext, associatedData);
  let accepted = false;
  try {
    const frame = decodeFrame(plaintext);
    const sender: GenerationPair = { logSeq: header.logSeq, generation: header.generation };
    const { certificate, proof } = checkSender(session, frame, sender, receiving.chain === 0, context, crypto);
    const place = { chain: receiving.chain, counter: header.counter };
    const { points, secondCopyHeard } = checkGeneration(session.pending ? [] : session.generations, place, sender);
    // Only a signed certificate raises a generation: else whoever has the session's keys alone could lock the owner out of it.
    const isRise = session.pending || points !== session.generations;
    if (isRise && certificate === undefined && frame.signature?.kind !== "instance") throw talosError("DECRYPTION_FAILED");
    const next = session.pending
      ? sessionWith({ ...session, ratchet: receiving.next, handshakeHeader: undefined, carried: undefined, generations: points })
      : nextSession(session, receiving.next, receiving.stepped ? certificateAnswered(session.carried) : session.carried, points);
    accepted = true;
    return {
      next,
      frame,
      ...place,
      ratchetKey: header.ratchetKey,
      sender,
      certificate,
      proof,
      answers: receiving.stepped && !session.pending,
      secondCopyHeard,
      used: receiving.used,
      fresh: receiving.fresh,
    };
  } finally {
    if (!accepted) plaintext.fill(0);
  }
}
