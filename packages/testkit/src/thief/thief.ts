/**
 * A thief with software of its own: holds exactly what was stolen, takes everything public from the directory, and where a private key is
 * wanted that it has not, tries with one that it made up. Keeps no rule that others do not enforce.
 */
import { HttpDirectory, type Clock, type Directory, type SigningInstance } from "@talos/agent";
import {
  ALGORITHM,
  batchTree,
  EMPTY_EDGE,
  edgeRoot,
  equalBytes,
  initiateSession,
  messageId,
  nodeCrypto,
  ownKey,
  prepareBatch,
  prepareCertificate,
  prepareNotice,
  prepareUserSignature,
  ROLE,
  sealMessage,
  stateAt,
  talosError,
  toBase64Url,
  toHex,
  utf8,
  verifyBundle,
  verifyLog,
  type AgentId,
  type Certificate,
  type EnvelopeId,
  type EnvelopeKind,
  type IdentityLog,
  type LogState,
  type MailboxItem,
  type Session,
  type SigningKey,
} from "@talos/core";
import { Accomplice } from "./accomplice.ts";
import { forgeRevocation, forgeRotation, type RotationAttempt } from "./forged-events.ts";
import { asCertificate, freshStatement, inventedAgreementKey, inventedKey, signedBy } from "./forgeries.ts";
import { agreementKeyOf, prekeyOf, readBackupBytes, readStolenBytes, signingKeyOf, type Loot } from "./loot.ts";
import { readFirst, readInSession, stolenSessions, type RecordedMail } from "./stolen-mail.ts";

const crypto = nodeCrypto;
const DAY_MS = 86_400_000;

/** What everybody may know: whom it is about, and where the directory is. */
export interface Victim {
  readonly agentId: AgentId;
  readonly url: string;
  readonly clock: Pick<Clock, "now">;
}

interface Opened {
  readonly certificate: Certificate;
  readonly key: SigningKey;
}

export class Thief implements Disposable {
  readonly #stolen: Loot;
  /** With which it acts: what was stolen, or what its own event has installed. */
  #keys: Loot;
  /** The last rotation that the directory has taken. */
  published: Uint8Array | undefined;
  readonly #victim: Victim;
  readonly #directory: Directory;
  readonly #accomplice: Accomplice;
  readonly #sessions: readonly Session[];
  /** Of what an event of the thief's would install. */
  readonly #made: Map<string, Loot> = new Map();
  #opened: Opened | undefined;
  /** Of the stolen instance key. */
  #certificate: Certificate | undefined;
  /** Where the keys that it has were in force when it last looked. */
  #own: LogState | undefined;

  private constructor(victim: Victim, loot: Loot) {
    this.#victim = victim;
    this.#stolen = loot;
    this.#keys = loot;
    const { url, clock } = victim;
    this.#directory = new HttpDirectory({ url, instance: () => this.#signingInstance(), crypto, clock });
    this.#sessions = stolenSessions(loot);
    this.#accomplice = new Accomplice(url, clock);
  }

  static withIdentityKey(victim: Victim, seed: Uint8Array): Thief {
    return new Thief(victim, { identityKey: signingKeyOf(seed) });
  }

  /** Its certificate is public. */
  static withInstanceKey(victim: Victim, seed: Uint8Array): Thief {
    return new Thief(victim, { instanceKey: signingKeyOf(seed) });
  }

  /** @param bytes 96: X25519, then the seed of ML-KEM-768 */
  static withSignedPrekey(victim: Victim, bytes: Uint8Array): Thief {
    return new Thief(victim, { signedPrekey: prekeyOf(bytes) });
  }

  static withEncryptionKey(victim: Victim, privateKey: Uint8Array): Thief {
    return new Thief(victim, { encryptionKey: agreementKeyOf(privateKey) });
  }

  /** @param folder a copy of the data directory, of today or from before a rotation */
  static withVaultAndPassword(victim: Victim, folder: string, password: string): Thief {
    const stolen = readStolenBytes(folder, password);
    return new Thief(victim, {
      ...identityOf(stolen),
      signedPrekey: prekeyOf(stolen.signedPrekey),
      oneTimePrekeys: new Map([...stolen.oneTimePrekeys].map(([id, bytes]) => [id, prekeyOf(bytes)])),
      sessions: stolen.sessions,
    });
  }

  /** What a backup holds: identity, next and encryption key; no prekey, session, kit or mail. */
  static withBackup(victim: Victim, path: string, password: string): Thief {
    return new Thief(victim, identityOf(readBackupBytes(path, password)));
  }

  /** A rotation of the agent, after the event under which the keys are in force. */
  async rotation(attempt: RotationAttempt = {}): Promise<Uint8Array> {
    const { wire, made } = forgeRotation(this.#keys, attempt, await this.#stateToFollow(), this.#now);
    this.#made.set(toHex(wire), made);
    return wire;
  }

  async revocation(): Promise<Uint8Array> {
    return forgeRevocation(this.#keys, await this.#stateToFollow(), this.#now);
  }

  /** At the directory; after a rotation that it takes the thief goes on with the keys that it installed. */
  async publish(event: Uint8Array): Promise<void> {
    await this.#directory.publishEvents(this.#victim.agentId, [event]);
    const made = this.#made.get(toHex(event));
    if (made === undefined) return;
    this.#keys = { ...this.#keys, ...made };
    this.published = event;
    this.#opened = undefined;
    await this.#stateToFollow();
  }

  /** Opens an instance of its own, above every number that the agent has used. */
  async register(generation: number = Number.MAX_SAFE_INTEGER): Promise<void> {
    const { certificate, key } = await this.#certified(generation);
    await this.#directory.registerCertificate(this.#victim.agentId, certificate.wire);
    this.#opened = { certificate, key };
  }

  /** A batch of prekeys of the thief's own, in a request of the agent's. */
  async publishPrekeys(): Promise<void> {
    await this.#openForRequests();
    const { identityKey = inventedKey() } = this.#keys;
    const state = await this.#stateToFollow();
    const from = this.#now;
    const [signedPrekey, ...added] = [freshStatement("signed-prekey", from), freshStatement("one-time-prekey", from)] as const;
    const tree = batchTree([signedPrekey, ...added], crypto);
    const prepared = prepareBatch({
      agentId: this.#victim.agentId,
      head: state.head,
      options: 0,
      directories: [this.#victim.url],
      from,
      to: from + 30 * DAY_MS,
      size: tree.ordered.length,
      root: tree.root,
    });
    await this.#directory.replaceBatch({ batch: signedBy(prepared, { [ROLE.holder]: identityKey }), signedPrekey, carried: [], added });
  }

  /** What waits in the agent's mailbox. */
  async fetch(): Promise<readonly MailboxItem[]> {
    await this.#openForRequests();
    return (await this.#directory.fetch({ waitSeconds: 0, limit: 256 })).items;
  }

  /** Makes the directory forget what waits. */
  async discard(items: readonly MailboxItem[]): Promise<void> {
    await this.#openForRequests();
    await this.#directory.acknowledge(items.map(({ envelopeId }) => envelopeId));
  }

  /** Left in the agent's name. */
  async leaveAsAgent(recipient: AgentId, kind: EnvelopeKind, item: Uint8Array): Promise<EnvelopeId> {
    await this.#openForRequests();
    return await this.#directory.deposit(recipient, kind, item);
  }

  /** Left in the agent's name where the directory takes that, else by the accomplice: envelopes and events prove themselves. */
  async leave(recipient: AgentId, kind: EnvelopeKind, item: Uint8Array): Promise<EnvelopeId> {
    try {
      return await this.leaveAsAgent(recipient, kind, item);
    } catch {
      return await this.#accomplice.leave(recipient, kind, item);
    }
  }

  /** A message that says it is the agent's, in a session that begins with it. */
  async message(recipient: AgentId, text: string): Promise<Uint8Array> {
    const bundle = await this.#accomplice.claim(recipient);
    const log = verifyLog(undefined, bundle.log, this.#now, crypto, recipient).log;
    const verified = verifyBundle(log, bundle, crypto, this.#now);
    const speaking = await this.#speaking();
    const state = await this.#stateToFollow();
    const held = [this.#keys.encryptionKey, this.#stolen.encryptionKey];
    const encryptionKey = held.find((key) => key && equalBytes(key.publicKey, state.encryptionKey.bytes)) ?? inventedAgreementKey();
    const session = initiateSession(
      {
        own: {
          agentId: this.#victim.agentId,
          head: state.head,
          identityKey: state.identityKey,
          encryptionKey: state.encryptionKey,
          certificateHash: speaking.certificate.hash,
          options: 0,
        },
        bundle: verified,
        dhLongTerm: encryptionKey.agree(verified.signedPrekey.agreementKey.bytes),
        now: this.#now,
      },
      crypto,
    );
    return this.#sealed(session, text, log, speaking);
  }

  /** The same in the session with the recipient that was stolen. @throws TalosError SESSION_NOT_FOUND where there is none */
  async messageInSession(recipient: AgentId, text: string): Promise<Uint8Array> {
    const session = this.#sessions.find(({ peerAgentId }) => equalBytes(peerAgentId, recipient));
    if (session === undefined) throw talosError("SESSION_NOT_FOUND");
    return this.#sealed(session, text, await this.#log(recipient), await this.#speaking());
  }

  #sealed(session: Session, text: string, { head: recipientHead }: IdentityLog, { certificate, key }: Opened): Uint8Array {
    const message = {
      type: "content",
      resent: false,
      messageId: messageId(crypto.randomBytes(16)),
      time: this.#now,
      contentType: "text/plain",
      acknowledged: [],
      body: utf8(text),
      recipientHead,
    } as const;
    return sealMessage(session, message, { certificate, sign: (bytes) => key.sign(bytes) }, "instance", crypto).envelope;
  }

  /** The text of a first message to the agent. @throws TalosError DECRYPTION_FAILED */
  async read(recorded: RecordedMail): Promise<string> {
    return readFirst(this.#stolen, recorded, await this.#log(), this.#now);
  }

  /** The text of a message in a session that was stolen. @throws TalosError SESSION_NOT_FOUND, DECRYPTION_FAILED */
  async readInSession(sender: AgentId, envelope: Uint8Array): Promise<string> {
    const { certificate } = await this.#directory.resolve(sender);
    const peer = { log: await this.#log(sender), certificate: certificate && asCertificate(certificate) };
    return readInSession(this.#sessions, envelope, peer, this.#now);
  }

  /** Says in the agent's name that it cannot open an envelope. */
  async notice(recipient: AgentId, envelopeId: EnvelopeId): Promise<Uint8Array> {
    const { certificate, key } = await this.#speaking();
    // Nobody can tell when it was really signed.
    const time = Math.min(this.#now, certificate.to);
    const input = { certificate: certificate.wire, recipient, envelopeId, reason: "session-unknown", time } as const;
    return signedBy(prepareNotice(input), { [ROLE.holder]: key });
  }

  /** A signature of an application, as text: for `talos verify`. */
  async signature(namespace: string, message: string): Promise<string> {
    const { head } = await this.#stateToFollow();
    const { identityKey = inventedKey() } = this.#keys;
    const prepared = prepareUserSignature({ agentId: this.#victim.agentId, head, namespace, digest: crypto.sha256(utf8(message)) });
    return toBase64Url(signedBy(prepared, { [ROLE.holder]: identityKey }));
  }

  [Symbol.dispose](): void {
    this.#directory.close();
    this.#accomplice.close();
  }

  get #now(): number {
    return this.#victim.clock.now();
  }

  async #log(agentId: AgentId = this.#victim.agentId): Promise<IdentityLog> {
    const { log } = await this.#directory.resolve(agentId);
    return verifyLog(undefined, log, this.#now, crypto, agentId).log;
  }

  /** The last event that is not the owner's answer: the one at which the stolen identity key is in force, else the head. */
  async #stateToFollow(): Promise<LogState> {
    const log = await this.#log();
    const { identityKey } = this.#keys;
    const own = identityKey && log.states.findLast((state) => equalBytes(state.identityKey.bytes, identityKey.publicKey));
    if (own !== undefined) this.#own = own;
    return this.#own ?? stateAt(log, log.head.seq);
  }

  /** For requests and messages: an instance that was opened, else the one that was stolen, else one that it says it is. */
  async #speaking(): Promise<Opened> {
    if (this.#opened !== undefined && this.#now < this.#opened.certificate.to) return this.#opened;
    const { instanceKey: key } = this.#keys;
    if (key === undefined) return await this.#certified(Number.MAX_SAFE_INTEGER);
    const { certificate } = await this.#directory.resolve(this.#victim.agentId);
    if (certificate === undefined) throw new Error("no certificate of the agent is public");
    const newest = asCertificate(certificate);
    // Once there is a newer one, the one of the stolen key is what the thief has seen before.
    if (equalBytes(newest.instanceKey.bytes, key.publicKey)) this.#certificate = newest;
    return { certificate: this.#certificate ?? newest, key };
  }

  async #openForRequests(): Promise<void> {
    this.#opened = await this.#speaking();
  }

  async #certified(generation: number): Promise<Opened> {
    const { identityKey = inventedKey(), instanceKey: key = inventedKey() } = this.#keys;
    const { head } = await this.#stateToFollow();
    const prepared = prepareCertificate({
      agentId: this.#victim.agentId,
      head,
      generation,
      instanceKey: ownKey("instance", ALGORITHM.ed25519, key.publicKey),
      directories: [this.#victim.url],
      auditHead: { size: 0, root: edgeRoot(crypto, EMPTY_EDGE) },
      from: this.#now,
      to: this.#now + DAY_MS,
    });
    return { certificate: asCertificate(signedBy(prepared, { [ROLE.holder]: identityKey })), key };
  }

  #signingInstance(): SigningInstance {
    if (this.#opened === undefined) throw new Error("no instance signs yet");
    const { certificate, key } = this.#opened;
    const { agentId, head, generation } = certificate;
    return { agentId, seq: head.seq, generation, sign: (bytes) => key.sign(bytes) };
  }
}

function identityOf(stolen: ReturnType<typeof readBackupBytes>): Loot {
  return {
    identityKey: signingKeyOf(stolen.identityKey),
    nextKey: signingKeyOf(stolen.nextKey),
    encryptionKey: agreementKeyOf(stolen.encryptionKey),
  };
}
