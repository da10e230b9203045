// The receiving side of a session (ratchet.md, envelope.md): opens envelopes in the order of their arrival and keeps the rules that span messages.
import { unhex } from "./bytes.ts";
import { checkCertificateTime, decodeCertificate, type Certificate } from "./certificate.ts";
import { decodeEnvelope, openEnvelope } from "./envelope.ts";
import { checkFrameSignature, decodeFrame, type Frame } from "./frame.ts";
import { inForce, type IdentityLog } from "./identity.ts";
import type { PublicKey } from "./keys.ts";
import { decodeRatchetHeader, type Ratchet, type RatchetHeader } from "./ratchet.ts";
import { demand, Refusal, refuse } from "./refusal.ts";

const LONGEST_JUMP = 10_000;
const POST_QUANTUM_STEPS = 1;

export interface SessionFacts {
  readonly sessionId: string;
  readonly handshakeHeader: string;
  readonly transcriptHash: Uint8Array;
  readonly negotiatedOptions: number;
}

export interface Opened {
  readonly envelopeId: string;
  readonly chain: number;
  readonly counter: number;
  readonly messageKey: Uint8Array;
  readonly frame: Frame;
}

interface Chain {
  readonly index: number;
  nextCounter: number;
  readonly opened: Set<number>;
}

interface Rise {
  readonly chain: number;
  readonly counter: number;
  readonly seq: number;
  readonly generation: number;
}

export class SessionReceiver {
  readonly #facts: SessionFacts;
  readonly #ratchet: Ratchet;
  readonly #ownId: string;
  readonly #peer: IdentityLog;
  readonly #chains: Map<string, Chain> = new Map();
  readonly #rises: Rise[] = [];
  readonly #certificates: Map<string, Certificate> = new Map();

  constructor(facts: SessionFacts, ratchet: Ratchet, ownId: string, peer: IdentityLog) {
    this.#facts = facts;
    this.#ratchet = ratchet;
    this.#ownId = ownId;
    this.#peer = peer;
  }

  /** Derives, verifies, and only then keeps. */
  open(bytes: Uint8Array): Opened {
    const envelope = decodeEnvelope(bytes);
    const isOurs = envelope.sessionId === this.#facts.sessionId || envelope.handshakeHeader === this.#facts.handshakeHeader;
    if (!isOurs) refuse("decryption-failed", "of another session");
    const header = decodeRatchetHeader(unhex(envelope.ratchetHeader));
    const hasKemParts = header.encapsulationKey !== null || header.kemCiphertext !== null;
    demand(!hasKemParts || (this.#facts.negotiatedOptions & POST_QUANTUM_STEPS) !== 0, "KEM parts that were not negotiated");
    const chain = this.#chains.get(header.ratchetKey) ?? { index: this.#chains.size, nextCounter: 0, opened: new Set<number>() };
    if (header.counter - chain.nextCounter > LONGEST_JUMP) refuse("too-many-skipped", "too far ahead in the chain");
    if (chain.opened.has(header.counter)) refuse("decryption-failed", "opened before");
    const { messageKey, accept } = this.#ratchet.receive(header);
    const frame = decodeFrame(openEnvelope(bytes, messageKey, this.#facts.transcriptHash));
    this.#checkGeneration(chain.index, header);
    const certificate = this.#checkSender(chain.index, header, frame);
    accept();
    this.#keep(chain, header, certificate);
    return { envelopeId: envelope.envelopeId, chain: chain.index, counter: header.counter, messageKey, frame };
  }

  /** A lower pair is refused from the place on where a higher one was seen. */
  #checkGeneration(chain: number, header: RatchetHeader): void {
    const isRegressed = this.#rises.some((rise) => comesBefore(rise, { chain, counter: header.counter }) && isHigher(rise, header));
    if (isRegressed) refuse("generation-regressed", "an older instance after a newer one");
  }

  /** The certificate that came along, once it and the signature hold; every failure looks like a failing tag. */
  #checkSender(chain: number, header: RatchetHeader, frame: Frame): Certificate | undefined {
    try {
      const carried = frame.certificate === null ? undefined : decodeCertificate(unhex(frame.certificate), this.#peer);
      if (carried !== undefined) demand(isOfInstance(carried, header), "a certificate of another instance");
      if (frame.signed === null) demand(chain > 0, "a first chain is signed");
      else checkFrameSignature(frame, this.#ownId, this.#facts.transcriptHash, this.#signingKey(header, frame, carried));
      return carried;
    } catch (error) {
      if (error instanceof Refusal) refuse("decryption-failed", error.message);
      throw error;
    }
  }

  #signingKey(header: RatchetHeader, frame: Frame, carried: Certificate | undefined): PublicKey {
    const { certificateHash = null, head = null } = frame.signed ?? {};
    if (head !== null) return inForce(this.#peer, head).identityKey;
    const certificate = carried?.hash === certificateHash ? carried : this.#certificates.get(certificateHash ?? "");
    demand(certificate !== undefined && isOfInstance(certificate, header), "no certificate for the signature");
    checkCertificateTime(certificate, frame.time);
    return certificate.instanceKey;
  }

  #keep(chain: Chain, header: RatchetHeader, certificate: Certificate | undefined): void {
    this.#chains.set(header.ratchetKey, chain);
    chain.opened.add(header.counter);
    chain.nextCounter = Math.max(chain.nextCounter, header.counter + 1);
    this.#rises.push({ chain: chain.index, counter: header.counter, seq: header.seq, generation: header.generation });
    if (certificate !== undefined) this.#certificates.set(certificate.hash, certificate);
  }
}

function isOfInstance({ head, generation }: Certificate, header: RatchetHeader): boolean {
  return head.seq === header.seq && generation === header.generation;
}

function comesBefore(
  a: { readonly chain: number; readonly counter: number },
  b: { readonly chain: number; readonly counter: number },
): boolean {
  return a.chain < b.chain || (a.chain === b.chain && a.counter <= b.counter);
}

function isHigher(
  a: { readonly seq: number; readonly generation: number },
  b: { readonly seq: number; readonly generation: number },
): boolean {
  return a.seq > b.seq || (a.seq === b.seq && a.generation > b.generation);
}
