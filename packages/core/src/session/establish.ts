// The two ways in which a session begins. Must not know how a bundle was claimed or where prekeys are kept.
import { accept, initiate, type AcceptInput, type HandshakeResult, type InitiateInput } from "../handshake/index.ts";
import type { AgentId } from "../keys/agent-id.ts";
import type { Crypto } from "../primitives/crypto.ts";
import { initiatorRatchet, responderRatchet } from "../ratchet/index.ts";
import { sessionWith, type PendingSession, type Session, type SessionFacts, type SessionId, type SessionRole } from "./session.ts";

/**
 * A session with the owner of a verified bundle. It can seal at once, and says whether a one-time prekey took part.
 *
 * @throws TalosError as `initiate`
 */
export function initiateSession(input: InitiateInput, crypto: Crypto): Session {
  const initiation = initiate(input, crypto);
  return sessionWith({
    ...factsOf(initiation, "initiator", input.own.agentId, input.bundle.agentId),
    ratchet: initiatorRatchet(initiation.secret, input.bundle.signedPrekey.agreementKey.bytes, crypto),
    handshakeHeader: initiation.header.bytes,
    carried: undefined,
    generations: [],
  });
}

/**
 * The responder's session, not yet authenticated: `openMessage` with the envelope that brought the header turns it into a Session. If
 * that fails, `wipeSession`.
 *
 * @throws TalosError as `accept`
 */
export function acceptSession(input: AcceptInput, crypto: Crypto): PendingSession {
  const acceptance = accept(input, crypto);
  return {
    ...factsOf(acceptance, "responder", input.own.agentId, acceptance.initiator),
    role: "responder",
    pending: true,
    ratchet: responderRatchet(acceptance.secret, input.own.signedPrekey.privateKey),
  };
}

function factsOf(result: HandshakeResult, role: SessionRole, ownAgentId: AgentId, peerAgentId: AgentId): SessionFacts {
  const { handshakeId, transcriptHash, options, prekeyUse } = result;
  return { id: result.sessionId as SessionId, handshakeId, transcriptHash, role, ownAgentId, peerAgentId, options, prekeyUse };
}
