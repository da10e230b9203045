// The two ways in which a session begins. Must not know how a bundle was claimed or where prekeys are kept.
import { accept, initiate, type AcceptInput, type HandshakeResult, type InitiateInput, type Initiation } from "../handshake/index.ts";
import type { AgentId } from "../keys/agent-id.ts";
import type { Crypto } from "../primitives/crypto.ts";
import { decodeRatchetHeader, initiatorRatchet, RatchetKeyPair, responderRatchet } from "../ratchet/index.ts";
import { sessionWith, type PendingSession, type Session, type SessionFacts, type SessionId, type SessionRole } from "./session.ts";

/** As for the handshake; the first ratchet key is made here. */
export type InitiateSessionInput = Omit<InitiateInput, "firstRatchetKey">;

/** As for the handshake, with the ratchet header of the envelope that brought the handshake header, as it came. */
export interface AcceptSessionInput extends Omit<AcceptInput, "firstRatchetKey"> {
  readonly ratchetHeader: Uint8Array;
}

/**
 * A session with the owner of a verified bundle. It can seal at once, and says whether a one-time prekey took part.
 *
 * @throws TalosError as `initiate`
 */
export function initiateSession(input: InitiateSessionInput, crypto: Crypto): Session {
  const { own, bundle } = input;
  const ratchetKey = RatchetKeyPair.generate(crypto);
  const initiation = initiateWith(ratchetKey, input, crypto);
  return sessionWith({
    ...factsOf(initiation, "initiator", own.agentId, bundle.agentId),
    ratchet: initiatorRatchet(initiation.secret, ratchetKey, bundle.signedPrekey.agreementKey.bytes, crypto),
    handshakeHeader: initiation.header.bytes,
    carried: undefined,
    generations: [],
  });
}

function initiateWith(ratchetKey: RatchetKeyPair, input: InitiateSessionInput, crypto: Crypto): Initiation {
  try {
    return initiate({ ...input, firstRatchetKey: ratchetKey.publicKey }, crypto);
  } catch (error) {
    ratchetKey[Symbol.dispose]();
    throw error;
  }
}

/**
 * The responder's session, not yet authenticated: `openMessage` with the envelope that brought the header turns it into a Session. If
 * that fails, `wipeSession`.
 *
 * @throws TalosError as `accept`; MALFORMED for a ratchet header that does not parse
 */
export function acceptSession(input: AcceptSessionInput, crypto: Crypto): PendingSession {
  const acceptance = accept({ ...input, firstRatchetKey: firstKeyOf(input) }, crypto);
  return {
    ...factsOf(acceptance, "responder", input.own.agentId, acceptance.initiator),
    role: "responder",
    pending: true,
    ratchet: responderRatchet(acceptance.secret, input.own.signedPrekey.privateKey),
  };
}

/** The backend's secret is used up even when nothing comes of it, as in `accept`. */
function firstKeyOf({ ratchetHeader, dhLongTerm }: AcceptSessionInput): Uint8Array {
  try {
    return decodeRatchetHeader(ratchetHeader).ratchetKey;
  } catch (error) {
    dhLongTerm.dispose();
    throw error;
  }
}

function factsOf(result: HandshakeResult, role: SessionRole, ownAgentId: AgentId, peerAgentId: AgentId): SessionFacts {
  const { handshakeId, transcriptHash, options, prekeyUse } = result;
  return { id: result.sessionId as SessionId, handshakeId, transcriptHash, role, ownAgentId, peerAgentId, options, prekeyUse };
}
