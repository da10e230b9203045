/**
 * Fills an open vault as years of work do: peers with logs of their own, a sealed session with each, and a stock of one-time
 * prekeys, all real. For tests and measurements of scale; knows nothing of what they look at.
 */
import { createOneTimePrekeys, type Vault } from "@talos/agent";
import {
  agentIdToDid,
  ALGORITHM,
  assembleEvent,
  decodeSession,
  encodeSession,
  keyCommitment,
  nodeCrypto,
  ownKey,
  prepareInception,
  ROLE,
  verifyLog,
  wipeSession,
  type AgentId,
  type Crypto,
  type IdentityLog,
  type Session,
} from "@talos/core";
import { Party } from "../protocol/party.ts";
import { ProtocolAgent } from "../protocol/protocol-agent.ts";

export interface VaultLoad {
  /** Each with a peer of its own. */
  readonly sessions: number;
  /** Beside those that are there. */
  readonly oneTimePrekeys: number;
  /** Milliseconds: when all of it was made. */
  readonly now: number;
  readonly crypto?: Crypto | undefined;
}

/** So many rows in one commit. */
const ROWS_AT_ONCE = 2_500;

/** 10,000 sessions and 1,000 prekeys take some five seconds. */
export function loadVault(vault: Vault, { sessions, oneTimePrekeys, now, crypto = nodeCrypto }: VaultLoad): void {
  loadPrekeys(vault, oneTimePrekeys, now, crypto);
  loadSessions(vault, sessions, now, crypto);
  vault.checkpoint();
}

function loadPrekeys(vault: Vault, count: number, now: number, crypto: Crypto): void {
  const entries = createOneTimePrekeys(vault.files, count, now, crypto);
  vault.transaction((tx) => {
    for (const entry of entries) tx.inventory.put(entry);
  });
}

function loadSessions(vault: Vault, count: number, now: number, crypto: Crypto): void {
  const peers = new PeerMaker(now, crypto);
  const model = modelSession(now, crypto);
  for (let done = 0; done < count; done += ROWS_AT_ONCE) {
    const logs = Array.from({ length: Math.min(ROWS_AT_ONCE, count - done) }, () => peers.log());
    vault.transaction((tx) => {
      for (const { agentId, head, events } of logs) {
        const did = agentIdToDid(agentId);
        tx.peers.put({ agentId, did, trust: "unverified", firstSeenAt: now, head });
        tx.peers.putEvents(agentId, 0, events, now);
        const session = likeModel(model, vault.agentId, agentId, crypto);
        const { id: sessionId, handshakeId, transcriptHash, answered } = session;
        using state = encodeSession(session);
        const times = { createdAt: now, lastUsedAt: now };
        tx.sessions.put({ sessionId, handshakeId, transcriptHash, peer: agentId, sending: true, answered, ...times, state });
        wipeSession(session);
      }
    });
  }
  wipeSession(model);
}

/** Peers that differ in their identity key; their other keys are never used. */
class PeerMaker {
  readonly #now: number;
  readonly #crypto: Crypto;
  readonly #encryptionKey: Uint8Array;
  readonly #commitment: Uint8Array;

  constructor(now: number, crypto: Crypto) {
    this.#now = now;
    this.#crypto = crypto;
    this.#encryptionKey = crypto.generateAgreementKey().publicKey;
    this.#commitment = keyCommitment(ownKey("next-identity", ALGORITHM.ed25519, crypto.generateSigningKey().publicKey), crypto);
  }

  log(): IdentityLog {
    const crypto = this.#crypto;
    using identity = crypto.generateSigningKey();
    const { body, toSign } = prepareInception({
      time: this.#now,
      identityKey: ownKey("identity", ALGORITHM.ed25519, identity.publicKey),
      identityProtection: "software",
      encryptionKey: ownKey("encryption", ALGORITHM.x25519, this.#encryptionKey),
      encryptionProtection: "software",
      next: { online: this.#commitment },
    });
    const signature = identity.sign(toSign[0]?.bytes ?? body);
    const wire = assembleEvent(body, [{ role: ROLE.holder, algorithm: ALGORITHM.ed25519, signature }], crypto);
    return verifyLog(undefined, [wire], this.#now, crypto).log;
  }
}

/** A session in which both sides have spoken, and of which one message is still on its way. */
function modelSession(now: number, crypto: Crypto): Session {
  const [here, there] = [new ProtocolAgent({ crypto, now }), new ProtocolAgent({ crypto, now })];
  const [own, peer] = [new Party(here, there), new Party(there, here)];
  own.begin();
  peer.open(own.seal("first").envelope);
  peer.seal("late");
  own.open(peer.seal("answer").envelope);
  own.seal("second");
  return own.live;
}

/** The same state in memory of its own, between other agents and under another id. */
function likeModel(model: Session, ownAgentId: AgentId, peerAgentId: AgentId, crypto: Crypto): Session {
  using state = encodeSession(model);
  const fresh = {
    id: crypto.randomBytes(model.id.length),
    handshakeId: crypto.randomBytes(model.handshakeId.length),
    transcriptHash: crypto.randomBytes(model.transcriptHash.length),
  };
  return { ...decodeSession(state), ...(fresh as Pick<Session, "id" | "handshakeId" | "transcriptHash">), ownAgentId, peerAgentId };
}
