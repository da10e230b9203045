/**
 * An agent as a directory meets it: a log, certificates, batches, signed requests. Makes everything itself, so that a test
 * can also make what is wrong. Knows no vault and no session.
 */
import {
  agentIdToDid,
  ALGORITHM,
  assembleBatch,
  assembleCertificate,
  batchTree,
  certificateRequestToJson,
  EMPTY_EDGE,
  edgeRoot,
  encodeStatement,
  eventsRequestToJson,
  nodeCrypto,
  ownKey,
  parseCertificateAnswer,
  prekeysRequestToJson,
  prepareBatch,
  prepareCertificate,
  REQUEST_NONCE_BYTES,
  signRequest,
  toHex,
  utf8,
  type AgentId,
  type BatchReplacement,
  type Certificate,
  type Crypto,
  type IdentityLog,
  type PrekeyKind,
  type SigningKey,
} from "@talos/core";
import type { RawAnswer, RawRequest, TestDirectory } from "./test-directory.ts";
import { UserIdentity, type RevocationChoices, type RotationChoices } from "./user-identity.ts";

const DAY_MS = 86_400_000;

/** What of a signed request a test may want otherwise. */
export interface SigningOverrides {
  readonly createdSeconds?: number;
  readonly nonce?: Uint8Array;
  readonly seq?: number;
  readonly generation?: number;
  readonly agentId?: AgentId;
  readonly authority?: string;
  readonly instanceKey?: SigningKey;
}

export interface UserRequest {
  readonly method: string;
  readonly target: string;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as an octet stream. */
  readonly octets?: Uint8Array;
  readonly signal?: AbortSignal;
}

export interface UserBatch {
  readonly replacement: BatchReplacement;
  readonly root: Uint8Array;
  /** Hexadecimal ids of the one-time prekeys, carried and new. */
  readonly ids: readonly string[];
}

export interface BatchChoices {
  /** Statements that an earlier batch brought. */
  readonly carried?: readonly Uint8Array[];
  readonly added?: readonly Uint8Array[];
  readonly signedPrekey?: Uint8Array;
  readonly from?: number;
  readonly to?: number;
}

export class DirectoryUser {
  readonly crypto: Crypto = nodeCrypto;
  readonly directory: TestDirectory;
  readonly identity: UserIdentity;
  signedPrekey: Uint8Array;
  instanceKey: SigningKey;
  generation = 1;
  /** Of the log head in the certificate that was registered last: what requests are signed under. */
  certifiedSeq = 0;

  /** Who it is; default: somebody new, with a recovery kit. */
  constructor(directory: TestDirectory, identity: UserIdentity = UserIdentity.begin(directory.now, true)) {
    this.directory = directory;
    this.identity = identity;
    this.instanceKey = this.crypto.generateSigningKey();
    this.signedPrekey = this.statement("signed-prekey");
  }

  /** One that has published its log and registered a certificate. */
  static async register(directory: TestDirectory): Promise<DirectoryUser> {
    const user = new DirectoryUser(directory);
    await user.publish();
    await user.registerCertificate(user.certificate());
    return user;
  }

  /** A second user of this identity, with everything but the recovery kit, under an instance key of its own. */
  thief(): DirectoryUser {
    const thief = new DirectoryUser(this.directory, this.identity.stolen());
    thief.generation = this.generation;
    return thief;
  }

  get log(): IdentityLog {
    return this.identity.log;
  }

  get identityKey(): SigningKey {
    return this.identity.identityKey;
  }

  get id(): AgentId {
    return this.log.agentId;
  }

  get did(): string {
    return agentIdToDid(this.id);
  }

  publish(events: readonly Uint8Array[] = this.log.events): Promise<RawAnswer> {
    return this.#unsigned("POST", `/v1/agents/${this.did}/events`, eventsRequestToJson({ events }));
  }

  /** Rotates and publishes the event; from here on the user goes by its own event, whatever the directory says. */
  rotate(choices: Partial<RotationChoices> = {}): Promise<RawAnswer> {
    return this.publish([this.identity.rotate({ time: this.directory.now, ...choices })]);
  }

  revoke(choices: Partial<RevocationChoices> = {}): Promise<RawAnswer> {
    return this.publish([this.identity.revoke({ time: this.directory.now, ...choices })]);
  }

  async registerCertificate({ wire }: Pick<Certificate, "wire">): Promise<RawAnswer> {
    const answer = await this.#unsigned("PUT", `/v1/agents/${this.did}/certificate`, certificateRequestToJson({ certificate: wire }));
    if (answer.status === 200) this.certifiedSeq = parseCertificateAnswer(answer.json()).seq;
    return answer;
  }

  putPrekeys({ replacement }: UserBatch, overrides?: SigningOverrides): Promise<RawAnswer> {
    return this.call({ method: "PUT", target: `/v1/agents/${this.did}/prekeys`, json: prekeysRequestToJson(replacement) }, overrides);
  }

  claim(target: string, overrides?: SigningOverrides): Promise<RawAnswer> {
    return this.call({ method: "POST", target: `/v1/agents/${target}/claims`, json: {} }, overrides);
  }

  deposit(recipient: string, octets: Uint8Array, kind: string = "message"): Promise<RawAnswer> {
    return this.call({ method: "POST", target: `/v1/mailboxes/${recipient}/${kind}`, octets });
  }

  fetch(query: string = "", signal?: AbortSignal): Promise<RawAnswer> {
    return this.call({ method: "GET", target: `/v1/mailboxes/${this.did}${query}`, ...(signal && { signal }) });
  }

  acknowledge(envelopeIds: readonly string[]): Promise<RawAnswer> {
    return this.call({ method: "POST", target: `/v1/mailboxes/${this.did}/acknowledgements`, json: { envelopeIds } });
  }

  /** Sends a request signed by the instance key. */
  call(request: UserRequest, overrides?: SigningOverrides): Promise<RawAnswer> {
    return this.directory.send(this.sign(request, overrides));
  }

  /** A signed request that is not sent yet: to send it twice, or changed. */
  sign({ method, target, json, octets, signal }: UserRequest, overrides: SigningOverrides = {}): RawRequest {
    const body = json === undefined ? octets : utf8(JSON.stringify(json));
    const { authority = this.directory.authority, instanceKey = this.instanceKey } = overrides;
    const parameters = {
      agentId: this.id,
      seq: this.certifiedSeq,
      generation: this.generation,
      createdSeconds: Math.floor(this.directory.now / 1000),
      nonce: this.crypto.randomBytes(REQUEST_NONCE_BYTES),
      ...overrides,
    };
    const signature = signRequest({ method, authority, target }, body ?? new Uint8Array(), parameters, instanceKey, this.crypto);
    const type = json === undefined ? "application/octet-stream" : "application/json";
    return {
      method,
      target,
      headers: { ...signature, ...(body && { "content-type": type }) },
      ...(body && { body }),
      ...(signal && { signal }),
    };
  }

  /** Of the current instance key and generation. */
  certificate(fields: { readonly from?: number; readonly to?: number; readonly seq?: number } = {}): Certificate {
    const { crypto, log, generation } = this;
    const { from = this.directory.now, to = from + DAY_MS } = fields;
    const prepared = prepareCertificate({
      agentId: this.id,
      head: log.head,
      generation,
      instanceKey: ownKey("instance", ALGORITHM.ed25519, this.instanceKey.publicKey),
      directories: [],
      auditHead: { size: 0, root: edgeRoot(crypto, EMPTY_EDGE) },
      from,
      to,
    });
    return assembleCertificate(log, prepared.body, this.identity.sign(prepared), crypto);
  }

  statement(kind: PrekeyKind, fields: { readonly id?: Uint8Array; readonly from?: number; readonly to?: number } = {}): Uint8Array {
    const { crypto } = this;
    const { id = crypto.randomBytes(8), from = this.directory.now, to = from + 44 * DAY_MS } = fields;
    const agreementKey = ownKey(kind, ALGORITHM.x25519, crypto.generateAgreementKey().publicKey);
    const kemKey = ownKey(kind, ALGORITHM.mlKem768, crypto.generateKemKey().publicKey);
    return encodeStatement({ kind, id, agreementKey, kemKey, from, to });
  }

  statements(count: number): Uint8Array[] {
    return Array.from({ length: count }, () => this.statement("one-time-prekey"));
  }

  batch({
    carried = [],
    added = [],
    signedPrekey = this.signedPrekey,
    from = this.directory.now,
    to = from + 30 * DAY_MS,
  }: BatchChoices): UserBatch {
    const { crypto, log } = this;
    const tree = batchTree([signedPrekey, ...carried, ...added], crypto);
    const { root, ordered } = tree;
    const fields = { agentId: this.id, head: log.head, options: 0, directories: [], from, to, size: ordered.length, root };
    const prepared = prepareBatch(fields);
    const { wire } = assembleBatch(log, prepared.body, this.identity.sign(prepared), crypto);
    const carriedWires = new Set(carried.map(toHex));
    const oneTime = ordered.filter(({ kind }) => kind === "one-time-prekey");
    const carriedIds = oneTime.filter((statement) => carriedWires.has(toHex(statement.wire))).map(({ id }) => id);
    return { root, ids: oneTime.map(({ id }) => toHex(id)), replacement: { batch: wire, signedPrekey, carried: carriedIds, added } };
  }

  #unsigned(method: string, target: string, json: unknown): Promise<RawAnswer> {
    return this.directory.send({ method, target, headers: { "content-type": "application/json" }, body: utf8(JSON.stringify(json)) });
  }
}
