/**
 * The instance: a key that lives in the memory of this process alone, and the certificate by which the identity key speaks
 * for it. One operation of the identity key makes it, one a day renews it, under the same key and generation.
 * Knows neither store nor network.
 */
import {
  assembleCertificate,
  certificateDueAt,
  CLOCK_SLACK_MILLISECONDS,
  MAX_CERTIFICATE_MILLISECONDS,
  prepareCertificate,
  ROLE,
  talosError,
  verifyCertificate,
  type AuditHead,
  type Certificate,
  type Crypto,
  type SigningKey,
} from "@talos/core";
import type { SigningInstance } from "../directory/directory.ts";
import type { OwnIdentity } from "./own-identity.ts";

export interface InstanceFacts {
  /** Asked at each certification: a certificate names the head of that moment, and is signed by its key. */
  readonly identity: Pick<OwnIdentity, "log" | "identityKey">;
  readonly generation: number;
  /** Home directories, at most 4 URLs. */
  readonly directories: readonly string[];
  /** Asked at each certification too: what is on record until then. */
  readonly auditHead: () => AuditHead;
  readonly crypto: Crypto;
}

/** Of the instance after an event of its identity; counts once it is adopted. */
export interface NextCertificate extends Disposable {
  readonly certificate: Certificate;
  /** Absent: the same instance key. */
  readonly key: SigningKey | undefined;
  /** From now on the key is somebody else's to release. */
  take(): Pick<NextCertificate, "certificate" | "key">;
}

export class Instance implements Disposable {
  #facts: InstanceFacts;
  #key: SigningKey;
  /** Absent only where it may not act, and none is known. */
  #certificate: Certificate | undefined;

  private constructor(facts: InstanceFacts, key: SigningKey, certificate: Certificate | undefined) {
    this.#facts = facts;
    this.#key = key;
    this.#certificate = certificate;
  }

  /** Makes the key and has it certified from `now` for 24 hours. @throws what the backend throws */
  static async open(facts: InstanceFacts, now: number): Promise<Instance> {
    const key = facts.crypto.generateSigningKey();
    try {
      return new Instance(facts, key, await certify(facts, key, now));
    } catch (error) {
      key[Symbol.dispose]();
      throw error;
    }
  }

  /** Without the identity key: under a certificate of an earlier run, or none, so that it can look but sign nothing that counts. */
  static dormant(facts: InstanceFacts, last: Uint8Array | undefined): Instance {
    const certificate = last && verifyCertificate(facts.identity.log, last, facts.crypto);
    return new Instance(facts, facts.crypto.generateSigningKey(), certificate);
  }

  /** Of one that acts. @throws TalosError INTERNAL where there is none */
  get certificate(): Certificate {
    if (this.#certificate === undefined) throw talosError("INTERNAL", "An instance that may not act was asked for its certificate.");
    return this.#certificate;
  }

  get lastCertificate(): Certificate | undefined {
    return this.#certificate;
  }

  /** True while messages and requests may be signed under the certificate. */
  isUsable(now: number): boolean {
    return this.#hasBegun(now) && this.#certificate !== undefined && now < this.#certificate.to;
  }

  isDueForRenewal(now: number): boolean {
    return !this.#hasBegun(now) || this.#certificate === undefined || now >= certificateDueAt(this.#certificate);
  }

  /**
   * False after a clock that was ahead has been set right: peers would refuse what is signed under a certificate of the future. They
   * grant some minutes, and of these a clock that is corrected a little may use half.
   */
  #hasBegun(now: number): boolean {
    return this.#certificate !== undefined && this.#certificate.from - CLOCK_SLACK_MILLISECONDS / 2 <= now;
  }

  /** @throws what the backend throws; then the old certificate stays */
  async renew(now: number): Promise<Certificate> {
    const fresh = await certify(this.#facts, this.#key, now);
    // An event of the identity may have come into force while the former key was signing.
    if (this.#certificate === undefined || fresh.head.seq >= this.#certificate.head.seq) this.#certificate = fresh;
    return this.#certificate;
  }

  /**
   * A certificate under an identity that is about to come into force.
   *
   * @param freshKey a new instance key: after a theft the present one may be in other hands
   * @param generation absent: the same
   * @throws what the backend throws; nothing changes
   */
  async prepare(
    identity: InstanceFacts["identity"],
    now: number,
    { freshKey, generation = this.#facts.generation }: { readonly freshKey: boolean; readonly generation?: number },
  ): Promise<NextCertificate> {
    const key = freshKey ? this.#facts.crypto.generateSigningKey() : undefined;
    try {
      const certificate = await certify({ ...this.#facts, identity, generation }, key ?? this.#key, now);
      let held = key;
      const take = (): Pick<NextCertificate, "certificate" | "key"> => {
        held = undefined;
        return { certificate, key };
      };
      return { certificate, key, take, [Symbol.dispose]: () => held?.[Symbol.dispose]() };
    } catch (error) {
      key?.[Symbol.dispose]();
      throw error;
    }
  }

  /** Takes the key over; in the same turn as the commit that made the certificate durable. */
  adopt({ certificate, key }: Pick<NextCertificate, "certificate" | "key">): void {
    this.#certificate = certificate;
    this.#facts = { ...this.#facts, generation: certificate.generation };
    if (key === undefined) return;
    this.#key[Symbol.dispose]();
    this.#key = key;
  }

  /** 64 bytes by the instance key. */
  sign(bytes: Uint8Array): Uint8Array {
    return this.#key.sign(bytes);
  }

  /** How it signs requests. */
  requestSigner(): SigningInstance {
    const { agentId, head, generation } = this.certificate;
    return { agentId, seq: head.seq, generation, sign: (bytes) => this.#key.sign(bytes) };
  }

  [Symbol.dispose](): void {
    this.#key[Symbol.dispose]();
  }
}

async function certify(
  { identity, generation, directories, auditHead, crypto }: InstanceFacts,
  key: SigningKey,
  now: number,
): Promise<Certificate> {
  const { log, identityKey } = identity;
  const { body, toSign } = prepareCertificate({
    agentId: log.agentId,
    head: log.head,
    generation,
    instanceKey: { algorithm: 1, bytes: key.publicKey },
    directories,
    auditHead: auditHead(),
    from: now,
    to: now + MAX_CERTIFICATE_MILLISECONDS,
  });
  const [holder] = toSign;
  const signature = await identityKey.sign(holder?.bytes ?? body);
  return assembleCertificate(log, body, [{ role: ROLE.holder, algorithm: log.identityKey.algorithm, signature }], crypto);
}
