/**
 * One end of a conversation, doing with core what the agent's messaging does: keep the next state, then wipe what was used up; find a
 * session by its handshake before making one; remember certificates. Knows no store: what it keeps is gone with it.
 */
import {
  decodeEnvelope,
  decodeSession,
  encodeSession,
  equalBytes,
  handshakeId,
  messageId,
  openMessage,
  revealSecret,
  sealMessage,
  toHex,
  utf8,
  wipeAll,
  wipeSession,
  type Certificate,
  type MessageSigning,
  type OpenedMessage,
  type OutgoingMessage,
  type SealedMessage,
  type SealingInstance,
  type Session,
} from "@talos/core";
import { answerSession, beginSession, type ProtocolAgent } from "./protocol-agent.ts";

export interface SealOptions {
  readonly signing?: MessageSigning | undefined;
  readonly fields?: Partial<OutgoingMessage> | undefined;
}

export class Party {
  readonly agent: ProtocolAgent;
  readonly peer: ProtocolAgent;
  instance: SealingInstance;
  session: Session | undefined;
  /** Verified before: what arrived in messages, and what a test puts here. */
  readonly certificates: Certificate[] = [];

  constructor(agent: ProtocolAgent, peer: ProtocolAgent, generation: number = 1) {
    this.agent = agent;
    this.peer = peer;
    this.instance = agent.open(generation);
  }

  /** The session; a test that calls this knows that there is one. */
  get live(): Session {
    if (this.session === undefined) throw new Error("no session yet");
    return this.session;
  }

  begin(): Session {
    this.session = beginSession(this.agent, this.instance, this.peer);
    return this.session;
  }

  /** A message with that body, not sealed yet. */
  message(body: string | Uint8Array, fields: Partial<OutgoingMessage> = {}): OutgoingMessage {
    return {
      type: "content",
      resent: false,
      messageId: messageId(this.agent.crypto.randomBytes(16)),
      time: this.agent.now,
      contentType: "text/plain",
      acknowledged: [],
      body: typeof body === "string" ? utf8(body) : body,
      recipientHead: this.peer.log.head,
      ...fields,
    };
  }

  seal(body: string | Uint8Array, { signing = "instance", fields }: SealOptions = {}): SealedMessage {
    const sealed = sealMessage(this.live, this.message(body, fields), this.instance, signing, this.agent.crypto);
    this.session = sealed.next;
    wipeAll(sealed.used);
    return sealed;
  }

  /** Opens on the session that is there, else on a new one made from the handshake header. Keeps nothing if it fails. */
  open(bytes: Uint8Array, now: number = this.agent.now): OpenedMessage {
    const envelope = decodeEnvelope(bytes);
    const { crypto } = this.agent;
    const context = {
      peerLog: this.peer.log,
      findCertificate: (hash: Uint8Array) => this.certificates.find((certificate) => equalBytes(certificate.hash, hash)),
      now,
    };
    const known = this.session !== undefined && (envelope.type === "message" || this.#isOf(envelope.handshakeHeader));
    const session = known || envelope.type === "message" ? this.live : answerSession(this.agent, envelope, this.peer.log);
    try {
      const opened = openMessage(session, envelope, context, crypto);
      this.session = opened.next;
      wipeAll(opened.used);
      if (opened.certificate !== undefined) this.certificates.push(opened.certificate);
      return opened;
    } catch (error) {
      if (session.pending) wipeSession(session);
      throw error;
    }
  }

  /** As after a restart: what the store has is all there is. */
  restart(): void {
    const stored = encodeSession(this.live);
    this.session = decodeSession(stored);
    stored.dispose();
  }

  /** The stored form of the session in hex, or "none": two are equal if and only if nothing has changed. */
  stored(): string {
    if (this.session === undefined) return "none";
    const stored = encodeSession(this.session);
    const text = toHex(revealSecret(stored));
    stored.dispose();
    return text;
  }

  #isOf(header: Uint8Array): boolean {
    return this.session !== undefined && equalBytes(handshakeId(header, this.agent.crypto), this.session.handshakeId);
  }
}
