/**
 * An agent of the thief's own, known to a directory like any other: claims bundles and leaves things in mailboxes, as everybody may. Has
 * nothing that belongs to anybody else.
 */
import { HttpDirectory, type Clock, type Directory, type SigningInstance } from "@talos/agent";
import {
  ALGORITHM,
  assembleCertificate,
  EMPTY_EDGE,
  edgeRoot,
  nodeCrypto,
  ownKey,
  prepareCertificate,
  type AgentId,
  type EnvelopeId,
  type EnvelopeKind,
  type UnverifiedBundle,
} from "@talos/core";
import { UserIdentity } from "../directory/user-identity.ts";

const HOUR_MS = 3_600_000;

export class Accomplice {
  readonly #clock: Pick<Clock, "now">;
  readonly #identity: UserIdentity;
  readonly #instanceKey = nodeCrypto.generateSigningKey();
  readonly #directory: Directory;

  constructor(url: string, clock: Pick<Clock, "now">) {
    this.#clock = clock;
    this.#identity = UserIdentity.begin(clock.now(), false);
    this.#directory = new HttpDirectory({ url, instance: () => this.#instance(), crypto: nodeCrypto, clock });
  }

  async claim(target: AgentId): Promise<UnverifiedBundle> {
    await this.#register();
    return await this.#directory.claim(target);
  }

  async leave(recipient: AgentId, kind: EnvelopeKind, item: Uint8Array): Promise<EnvelopeId> {
    await this.#register();
    return await this.#directory.deposit(recipient, kind, item);
  }

  close(): void {
    this.#directory.close();
  }

  async #register(): Promise<void> {
    const { log } = this.#identity;
    const from = this.#clock.now();
    const prepared = prepareCertificate({
      agentId: log.agentId,
      head: log.head,
      generation: 1,
      instanceKey: ownKey("instance", ALGORITHM.ed25519, this.#instanceKey.publicKey),
      directories: [],
      auditHead: { size: 0, root: edgeRoot(nodeCrypto, EMPTY_EDGE) },
      from,
      to: from + HOUR_MS,
    });
    const { wire } = assembleCertificate(log, prepared.body, this.#identity.sign(prepared), nodeCrypto);
    await this.#directory.publishEvents(log.agentId, log.events);
    await this.#directory.registerCertificate(log.agentId, wire);
  }

  #instance(): SigningInstance {
    return { agentId: this.#identity.log.agentId, seq: 0, generation: 1, sign: (bytes) => this.#instanceKey.sign(bytes) };
  }
}
