// The responder's side of the handshake: from a header and its own prekeys to the same secret. What it returns is not authenticated:
// only the first message, opened with it and signed inside, says who is there. Must not know the ratchet or an envelope.
// Source: docs/protocol/handshake.md; Signal's X3DH (3.4) and PQXDH (3.4).
import { equalBytes } from "../bytes/bytes.ts";
import { talosError } from "../errors/talos-error.ts";
import { keysAt, type IdentityLog } from "../identity/index.ts";
import type { AgentId } from "../keys/agent-id.ts";
import type { LogHead } from "../keys/heads.ts";
import type { PublicKey } from "../keys/public-key.ts";
import type { AgreementKey, Crypto, KemKey } from "../primitives/crypto.ts";
import type { SecretBytes } from "../secret/secret-bytes.ts";
import { handshakeId, type HandshakeHeader } from "./header.ts";
import type { HandshakeResult } from "./initiate.ts";
import { deriveSessionId, deriveSessionSecret } from "./secrets.ts";
import { negotiatedOptions, transcriptHash, type Transcript, type TranscriptPrekey } from "./transcript.ts";

/** The batch that the header names, as its owner remembers it. */
export interface OwnBatchFacts {
  readonly head: LogHead;
  /** 32 bytes */
  readonly root: Uint8Array;
  /** Milliseconds. */
  readonly to: number;
  readonly options: number;
}

/** A prekey of that batch: its statement's public part, and the agreement key. */
export interface OwnPrekey extends TranscriptPrekey {
  readonly privateKey: AgreementKey;
}

export interface ResponderFacts {
  readonly agentId: AgentId;
  readonly batch: OwnBatchFacts;
  /** In force at the batch's head. */
  readonly identityKey: PublicKey;
  /** In force at the batch's head. */
  readonly encryptionKey: PublicKey;
  readonly signedPrekey: OwnPrekey;
  /** Where the header names one. */
  readonly oneTimePrekey?: OwnPrekey | undefined;
  /** The one-time prekey's where the header names one, else the signed prekey's. */
  readonly kemKey: KemKey;
}

export interface AcceptInput {
  readonly own: ResponderFacts;
  /** Of the agent that the header names. */
  readonly initiatorLog: IdentityLog;
  readonly header: HandshakeHeader;
  /** The initiator's, from the ratchet header of the envelope that brought the handshake header; 32 bytes. */
  readonly firstRatchetKey: Uint8Array;
  /** DH2 = X25519(own encryption key, `header.ephemeralKey`), 32 bytes, from the backend; wiped here. */
  readonly dhLongTerm: SecretBytes;
}

export interface Acceptance extends HandshakeResult {
  readonly initiator: AgentId;
}

/**
 * Derives the session secret. Private keys are only used, never kept or wiped: whether a one-time prekey ends is decided by the first
 * message.
 *
 * @throws TalosError HANDSHAKE_REFUSED if the header and the keys given do not belong together; HEAD_UNKNOWN; AGENT_REVOKED; WEAK_PUBLIC_KEY;
 *   INVALID_ARGUMENT for a secret of another length
 */
export function accept(input: AcceptInput, crypto: Crypto): Acceptance {
  using dh2 = input.dhLongTerm;
  const { own, initiatorLog, header, firstRatchetKey } = input;
  checkInitiator(input);
  const { identityKey, encryptionKey } = keysAt(initiatorLog, header.head);
  checkPrekeys(own, header);

  const { signedPrekey, oneTimePrekey } = own;
  const transcript: Transcript = {
    initiator: { agentId: header.initiator, head: header.head, identityKey, encryptionKey, options: header.options },
    responder: { ...own, head: own.batch.head, options: own.batch.options },
    batchRoot: own.batch.root,
    batchTo: own.batch.to,
    signedPrekey,
    oneTimePrekey,
    ephemeralKey: header.ephemeralKey,
    kemCiphertext: header.kemCiphertext,
    certificateHash: header.certificateHash,
    firstRatchetKey,
  };
  using dh1 = signedPrekey.privateKey.agree(encryptionKey.bytes);
  using dh3 = signedPrekey.privateKey.agree(header.ephemeralKey);
  using dh4 = oneTimePrekey?.privateKey.agree(header.ephemeralKey);
  // A forged ciphertext gives a secret that nobody knows; the first tag then fails like any other.
  using kem = own.kemKey.decapsulate(header.kemCiphertext);

  const hash = transcriptHash(transcript, crypto);
  const secret = deriveSessionSecret({ dh1, dh2, dh3, dh4, kem }, hash, crypto);
  return {
    initiator: header.initiator,
    handshakeId: handshakeId(header.bytes, crypto),
    transcriptHash: hash,
    sessionId: deriveSessionId(secret, crypto),
    secret,
    options: negotiatedOptions(transcript),
    prekeyUse: oneTimePrekey === undefined ? "no-one-time-prekey" : "full",
  };
}

function checkInitiator({ own, initiatorLog, header }: AcceptInput): void {
  if (equalBytes(header.initiator, own.agentId)) throw refused("an agent has no session with itself");
  if (!equalBytes(initiatorLog.agentId, header.initiator)) throw refused("the log is another agent's");
}

function checkPrekeys(own: ResponderFacts, header: HandshakeHeader): void {
  const { batch, signedPrekey, oneTimePrekey, kemKey } = own;
  if (!equalBytes(batch.root, header.batchRoot)) throw refused("another batch");
  if (!equalBytes(signedPrekey.id, header.signedPrekeyId)) throw refused("another signed prekey");
  if ((oneTimePrekey === undefined) !== (header.oneTimePrekeyId === undefined)) throw refused("a one-time prekey on one side only");
  if (oneTimePrekey !== undefined && !equalBytes(oneTimePrekey.id, header.oneTimePrekeyId ?? batch.root))
    throw refused("another one-time prekey");
  for (const prekey of oneTimePrekey === undefined ? [signedPrekey] : [signedPrekey, oneTimePrekey]) {
    if (!equalBytes(prekey.privateKey.publicKey, prekey.agreementKey.bytes)) throw refused("a private key of another prekey");
  }
  if (!equalBytes(kemKey.publicKey, (oneTimePrekey ?? signedPrekey).kemKey.bytes)) throw refused("the KEM key of another prekey");
}

function refused(reason: string): Error {
  return talosError("HANDSHAKE_REFUSED", undefined, { details: { reason } });
}
