// The initiator's side of the handshake: from a verified bundle to a header and a secret. Must not know the ratchet or an envelope.
// Source: docs/protocol/handshake.md; Signal's X3DH (3.3) and PQXDH (3.3).
import { equalBytes } from "../bytes/bytes.ts";
import { talosError } from "../errors/talos-error.ts";
import type { AgentId } from "../keys/agent-id.ts";
import type { LogHead } from "../keys/heads.ts";
import type { PublicKey } from "../keys/public-key.ts";
import type { VerifiedBundle } from "../prekeys/index.ts";
import type { Crypto } from "../primitives/crypto.ts";
import type { SecretBytes } from "../secret/secret-bytes.ts";
import { encodeHandshakeHeader, handshakeId, type HandshakeHeader, type HandshakeId } from "./header.ts";
import { deriveSessionId, deriveSessionSecret } from "./secrets.ts";
import { negotiatedOptions, transcriptHash, type Transcript } from "./transcript.ts";

/** Whether a one-time prekey took part: without one the first message has no forward secrecy until the signed prekey ends. */
export type PrekeyUse = "full" | "no-one-time-prekey";

/** This agent's side, as its own log has it. */
export interface InitiatorFacts {
  readonly agentId: AgentId;
  readonly head: LogHead;
  /** In force at `head`. */
  readonly identityKey: PublicKey;
  /** In force at `head`. */
  readonly encryptionKey: PublicKey;
  /** Of the instance certificate that its first messages carry. */
  readonly certificateHash: Uint8Array;
  /** What this agent offers, a set of 32 bits; this release offers 0. */
  readonly options: number;
}

export interface InitiateInput {
  readonly own: InitiatorFacts;
  readonly bundle: VerifiedBundle;
  /** DH1 = X25519(own encryption key, `bundle.signedPrekey.agreementKey`), 32 bytes, from the backend; wiped here. */
  readonly dhLongTerm: SecretBytes;
  /** Public part of the ratchet key under which the first message goes, 32 bytes: made before the handshake, so that it is bound by it. */
  readonly firstRatchetKey: Uint8Array;
  /** Milliseconds: the bundle's keys must not have expired since it was verified. */
  readonly now: number;
}

/** What both sides know after a handshake. */
export interface HandshakeResult {
  readonly handshakeId: HandshakeId;
  /** 32 bytes */
  readonly transcriptHash: Uint8Array;
  /** 16 bytes */
  readonly sessionId: Uint8Array;
  /** The session secret, 32 bytes: the ratchet's first root key. */
  readonly secret: SecretBytes;
  /** Negotiated, a set of 32 bits. */
  readonly options: number;
  readonly prekeyUse: PrekeyUse;
}

export interface Initiation extends HandshakeResult {
  readonly header: HandshakeHeader;
}

/**
 * Makes the header and the session secret. Fresh: an ephemeral key and a KEM encapsulation, both gone when this returns.
 *
 * @throws TalosError BATCH_EXPIRED; WEAK_PUBLIC_KEY; MALFORMED for a KEM key that is not valid; INVALID_ARGUMENT for a handshake with
 *   oneself or a secret of another length
 */
export function initiate(input: InitiateInput, crypto: Crypto): Initiation {
  using dh1 = input.dhLongTerm;
  const { own, bundle, firstRatchetKey, now } = input;
  const { signedPrekey, oneTimePrekey } = bundle;
  if (equalBytes(own.agentId, bundle.agentId)) throw talosError("INVALID_ARGUMENT", "An agent has no session with itself.");
  // Written so that NaN is refused too.
  if (!(now < Math.min(bundle.to, signedPrekey.to, oneTimePrekey?.to ?? Infinity))) throw talosError("BATCH_EXPIRED");

  using ephemeral = crypto.generateAgreementKey();
  using dh2 = ephemeral.agree(bundle.encryptionKey.bytes);
  using dh3 = ephemeral.agree(signedPrekey.agreementKey.bytes);
  using dh4 = oneTimePrekey === undefined ? undefined : ephemeral.agree(oneTimePrekey.agreementKey.bytes);
  const { ciphertext, sharedSecret } = crypto.encapsulate((oneTimePrekey ?? signedPrekey).kemKey.bytes);
  using kem = sharedSecret;

  const transcript: Transcript = {
    initiator: own,
    responder: bundle,
    batchRoot: bundle.root,
    batchTo: bundle.to,
    signedPrekey,
    oneTimePrekey,
    ephemeralKey: ephemeral.publicKey,
    kemCiphertext: ciphertext,
    certificateHash: own.certificateHash,
    firstRatchetKey,
  };
  const header = encodeHandshakeHeader({
    options: own.options,
    initiator: own.agentId,
    head: own.head,
    batchRoot: bundle.root,
    signedPrekeyId: signedPrekey.id,
    oneTimePrekeyId: oneTimePrekey?.id,
    ephemeralKey: ephemeral.publicKey,
    kemCiphertext: ciphertext,
    certificateHash: own.certificateHash,
  });
  const hash = transcriptHash(transcript, crypto);
  const secret = deriveSessionSecret({ dh1, dh2, dh3, dh4, kem }, hash, crypto);
  return {
    header,
    handshakeId: handshakeId(header.bytes, crypto),
    transcriptHash: hash,
    sessionId: deriveSessionId(secret, crypto),
    secret,
    options: negotiatedOptions(transcript),
    prekeyUse: oneTimePrekey === undefined ? "no-one-time-prekey" : "full",
  };
}
