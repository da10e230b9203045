// From a message to an envelope. Must not know the outbox: the caller stores `next` and the envelope together, then wipes `used`.
// Source: docs/protocol/envelope.md.
import { concatBytes, equalBytes, zeroBytes } from "../bytes/bytes.ts";
import {
  encodeEnvelopeHeader,
  encodeFrame,
  envelopeId,
  messageAssociatedData,
  messageFacts,
  messageSignatureBytes,
  shortHead,
  type EnvelopeId,
  type Frame,
  type FrameSignature,
  type MessageSigner,
} from "../envelope/index.ts";
import { talosError } from "../errors/talos-error.ts";
import type { Certificate } from "../instance/index.ts";
import type { LogHead } from "../keys/heads.ts";
import { isWithinSlack } from "../keys/time.ts";
import type { Crypto } from "../primitives/crypto.ts";
import { encodeRatchetHeader, nextSending, nextSendingCounter, wipeAll } from "../ratchet/index.ts";
import { carryCertificate, type CarriedCertificate } from "./carried-certificate.ts";
import { mustSign, nextSession, type Session } from "./session.ts";

const NONCE_BYTES = 12;

/** A message as the application and the outbox know it. */
export interface OutgoingMessage extends Pick<Frame, "type" | "resent" | "messageId" | "time" | "contentType" | "acknowledged" | "body"> {
  /** The recipient's log head as this agent knows it. */
  readonly recipientHead: LogHead;
}

/** The instance that seals. Log seq and generation of the ratchet header are its certificate's. */
export interface SealingInstance {
  readonly certificate: Certificate;
  /** Signs with the instance key of that certificate; 64 bytes. */
  sign(bytes: Uint8Array): Uint8Array;
}

/** A signature that the backend made over `identitySignatureBytes` with the same head. */
export interface IdentitySignature {
  readonly head: LogHead;
  /** 64 bytes */
  readonly signature: Uint8Array;
}

/** What the application asked for. `none` becomes `instance` in this side's first chain, where an unsigned message is refused. */
export type MessageSigning = "none" | "instance" | IdentitySignature;

export interface SealedMessage {
  readonly next: Session;
  /** The whole envelope, as it travels. */
  readonly envelope: Uint8Array;
  readonly envelopeId: EnvelopeId;
  /** Number of the sending chain, from 0. */
  readonly chain: number;
  /** Of that chain, 32 bytes. */
  readonly ratchetKey: Uint8Array;
  /** In that chain, from 0. */
  readonly counter: number;
  /** Wipe once `next` is stored (wipeAll). */
  readonly used: readonly Disposable[];
  /** Wipe if `next` is thrown away (wipeAll): the rest of `next` belongs to the session before. */
  readonly fresh: readonly Disposable[];
}

/** The bytes that the identity key signs for this message; nothing in them depends on the ratchet, so the backend has time. */
export function identitySignatureBytes(session: Session, message: OutgoingMessage, head: LogHead, crypto: Crypto): Uint8Array {
  return signatureBytes(session, message, { kind: "identity", head }, crypto);
}

/**
 * Seals one message. The session given is not changed, and stays good if `next` is thrown away before anything left; sealing two
 * different messages from it and letting both leave would use one key twice.
 *
 * @throws TalosError INVALID_ARGUMENT, before anything is derived, for a certificate of another agent, and for a time that the receiver
 *   would refuse under the certificate (outside its window by more than 10 minutes); SESSION_EXHAUSTED; what `encodeFrame` throws for a message that does not fit; what `sign` throws
 */
export function sealMessage(
  session: Session,
  message: OutgoingMessage,
  instance: SealingInstance,
  signing: MessageSigning,
  crypto: Crypto,
): SealedMessage {
  const { certificate } = instance;
  checkCertificate(session, certificate, message.time);
  const signature = signMessage(session, message, instance, signing, crypto);
  const carried = carryCertificate(session.carried, certificate.hash, nextSendingCounter(session.ratchet));
  const { recipientHead, ...fields } = message;
  const plaintext = encodeFrame({
    ...fields,
    recipientHead: shortHead(recipientHead),
    extensions: [],
    ...(carried.state === "arrived" ? {} : { certificate: certificate.wire }),
    ...(signature === undefined ? {} : { signature }),
  });
  try {
    return sealFrame(session, plaintext, carried, certificate, crypto);
  } finally {
    zeroBytes(plaintext);
  }
}

/** What the receiver is going to check, so that no message is lost for it. */
function checkCertificate({ ownAgentId }: Session, certificate: Certificate, time: number): void {
  if (!equalBytes(certificate.agentId, ownAgentId)) throw talosError("INVALID_ARGUMENT", "The certificate is another agent's.");
  if (!isWithinSlack(certificate, time)) throw talosError("INVALID_ARGUMENT", "The time is outside the certificate's window.");
}

function sealFrame(
  session: Session,
  plaintext: Uint8Array,
  carried: CarriedCertificate,
  certificate: Certificate,
  crypto: Crypto,
): SealedMessage {
  const sending = nextSending(session.ratchet, crypto);
  try {
    using messageKey = sending.messageKey;
    const pair = { logSeq: certificate.head.seq, generation: certificate.generation };
    const nonce = crypto.randomBytes(NONCE_BYTES);
    const clear = clearPart(session, encodeRatchetHeader({ ...sending.header, ...pair }), nonce);
    const associatedData = messageAssociatedData(session.transcriptHash, clear);
    const ciphertext = crypto.aeadSeal("chacha20-poly1305", messageKey, nonce, plaintext, associatedData);
    const envelope = concatBytes(clear, ciphertext);
    return {
      next: nextSession(session, sending.next, carried, session.generations),
      envelope,
      envelopeId: envelopeId(envelope, crypto),
      chain: sending.chain,
      ratchetKey: sending.header.ratchetKey,
      counter: sending.header.counter,
      used: sending.used,
      fresh: sending.fresh,
    };
  } catch (error) {
    wipeAll(sending.fresh);
    throw error;
  }
}

function clearPart(session: Session, ratchetHeader: Uint8Array, nonce: Uint8Array): Uint8Array {
  const { handshakeHeader, id } = session;
  const common = { ratchetHeader, extensions: [], nonce };
  return encodeEnvelopeHeader(
    handshakeHeader === undefined ? { ...common, type: "message", sessionId: id } : { ...common, type: "first", handshakeHeader },
  );
}

function signMessage(
  session: Session,
  message: OutgoingMessage,
  instance: SealingInstance,
  signing: MessageSigning,
  crypto: Crypto,
): FrameSignature | undefined {
  if (typeof signing === "object") return { kind: "identity", head: signing.head, signature: signing.signature };
  if (signing === "none" && !mustSign(session)) return undefined;
  const signer = { kind: "instance", certificateHash: instance.certificate.hash } as const;
  return { ...signer, signature: instance.sign(signatureBytes(session, message, signer, crypto)) };
}

function signatureBytes(session: Session, message: OutgoingMessage, signer: MessageSigner, crypto: Crypto): Uint8Array {
  return messageSignatureBytes(signer, messageFacts(message, session.peerAgentId, session.transcriptHash, crypto));
}
