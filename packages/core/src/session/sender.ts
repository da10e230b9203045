// Who sealed a message: the certificate that it carries and the signature inside, under the peer's log.
// The tag says only that somebody has the message key; a stolen prekey or encryption key is enough for that. In the first chain of each
// side the signature is what authenticates, so there it cannot be left out.
// Source: docs/protocol/envelope.md, "Message signature".
import { equalBytes } from "../bytes/bytes.ts";
import { messageFacts, verifyMessageSignature, type Frame, type MessageProof, type ResolvedSigner } from "../envelope/index.ts";
import { isTalosError, talosError } from "../errors/talos-error.ts";
import type { IdentityLog } from "../identity/index.ts";
import { verifyCertificate, type Certificate } from "../instance/index.ts";
import type { Crypto } from "../primitives/crypto.ts";
import type { GenerationPair } from "./generations.ts";
import type { SessionFacts } from "./session.ts";

export interface SenderContext {
  readonly peerLog: IdentityLog;
  findCertificate(hash: Uint8Array): Certificate | undefined;
}

export interface CheckedSender {
  /** Carried in the message, verified. */
  readonly certificate: Certificate | undefined;
  readonly proof: MessageProof | undefined;
}

/**
 * Checks certificate and signature of an opened frame.
 *
 * @param pair of the ratchet header
 * @param firstChain true if the message belongs to the peer's first sending chain
 * @throws TalosError DECRYPTION_FAILED for anything that does not verify; HEAD_UNKNOWN if the log given lacks the head that it names
 */
export function checkSender(
  session: SessionFacts,
  frame: Frame,
  pair: GenerationPair,
  firstChain: boolean,
  context: SenderContext,
  crypto: Crypto,
): CheckedSender {
  const certificate = verifyCarried(frame, context, crypto);
  if (certificate !== undefined && !isOfSender(certificate, session, pair)) throw refused();
  const { signature } = frame;
  if (signature === undefined) {
    if (firstChain) throw refused();
    return { certificate, proof: undefined };
  }
  const signer = signature.kind === "instance" ? instanceSigner(session, signature.certificateHash, pair, certificate, context) : signature;
  const facts = messageFacts(frame, session.ownAgentId, session.transcriptHash, crypto);
  alike(() => verifyMessageSignature(context.peerLog, signer, facts, signature.signature, crypto));
  const proof: MessageProof = {
    ...facts,
    signer:
      signer.kind === "instance" ? { kind: "instance", certificate: signer.certificate.wire } : { kind: "identity", head: signer.head },
    sender: session.peerAgentId,
    signature: new Uint8Array(signature.signature),
    extensions: [],
  };
  return { certificate, proof };
}

/** The one that signed, if it was verified before, costs no second verification: every message carries it until it is answered. */
function verifyCarried({ certificate: wire, signature }: Frame, context: SenderContext, crypto: Crypto): Certificate | undefined {
  if (wire === undefined) return undefined;
  const known = signature?.kind === "instance" ? context.findCertificate(signature.certificateHash) : undefined;
  if (known !== undefined && equalBytes(known.wire, wire)) return known;
  return alike(() => verifyCertificate(context.peerLog, wire, crypto));
}

function instanceSigner(
  session: SessionFacts,
  certificateHash: Uint8Array,
  pair: GenerationPair,
  carried: Certificate | undefined,
  context: SenderContext,
): ResolvedSigner {
  const isCarried = carried !== undefined && equalBytes(carried.hash, certificateHash);
  const certificate = isCarried ? carried : context.findCertificate(certificateHash);
  if (certificate === undefined || !equalBytes(certificate.hash, certificateHash) || !isOfSender(certificate, session, pair))
    throw refused();
  return { kind: "instance", certificate };
}

function isOfSender(certificate: Certificate, session: SessionFacts, pair: GenerationPair): boolean {
  return (
    equalBytes(certificate.agentId, session.peerAgentId) &&
    certificate.head.seq === pair.logSeq &&
    certificate.generation === pair.generation
  );
}

/** Every reason to refuse looks alike, but for a log that is not new enough: that one the caller can mend. */
function alike<T>(verify: () => T): T {
  try {
    return verify();
  } catch (error) {
    if (!isTalosError(error) || error.code === "HEAD_UNKNOWN") throw error;
    throw refused();
  }
}

function refused(): Error {
  return talosError("DECRYPTION_FAILED");
}
