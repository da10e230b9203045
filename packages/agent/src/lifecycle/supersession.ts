/**
 * Whether a certificate proves that a newer instance of this agent exists. Only a certificate that verifies under the
 * agent's own log counts, so a directory can withhold one but not invent one. Once proved it stays so, over restarts too:
 * otherwise two copies under automatic restart would displace each other without end. Only a person's takeover ends it.
 */
import {
  certificatesConflict,
  compareCertificates,
  fromBase64Url,
  toBase64Url,
  verifyCertificate,
  type Crypto,
  type IdentityLog,
} from "@talos/core";
import type { AgentEvents } from "../agent-events.ts";
import type { ReadTransaction, Transaction, Vault } from "../vault/index.ts";
import type { Instance } from "./instance.ts";
import type { Standing } from "./standing.ts";

const SETTING = "superseded-by";

export interface SupersessionFacts {
  readonly vault: Vault;
  readonly log: IdentityLog;
  readonly instance: Instance;
  readonly standing: Standing;
  readonly crypto: Crypto;
  readonly events: AgentEvents;
  /** Something names a head of this agent that is not in its log: the directory's log is worth a look. */
  doubted(): void;
}

/**
 * Judges a certificate that somebody holds against this instance, and stops the agent if it proves a newer one.
 *
 * @returns true if this instance is superseded by it
 */
export function hearOwnCertificate(facts: SupersessionFacts, wire: Uint8Array): boolean {
  const { vault, log, instance, standing, crypto, events } = facts;
  const certificate = verified(log, wire, crypto);
  if (certificate === undefined) {
    facts.doubted();
    return false;
  }
  const own = instance.certificate;
  if (compareCertificates(certificate, own) <= 0 && !certificatesConflict(certificate, own)) return false;
  const isNew = standing.isActive;
  standing.supersede(certificate.head.seq, certificate.generation);
  try {
    vault.transaction((tx) => markSuperseded(tx, certificate.wire));
  } catch {
    // The process stops all the same; after a restart the directory says it again.
  }
  if (isNew) events.emit("superseded", { seq: certificate.head.seq, generation: certificate.generation });
  return true;
}

/** The pair that superseded this agent at some time before, if one did. */
export function supersededBefore(tx: ReadTransaction, log: IdentityLog, crypto: Crypto): { seq: number; generation: number } | undefined {
  const stored = tx.settings.get(SETTING);
  return stored === undefined ? undefined : rankOf(log, fromBase64Url(stored), crypto);
}

/** (log seq, generation) of an own certificate that verifies. */
export function rankOf(log: IdentityLog, wire: Uint8Array, crypto: Crypto): { seq: number; generation: number } | undefined {
  const certificate = verified(log, wire, crypto);
  return certificate && { seq: certificate.head.seq, generation: certificate.generation };
}

/** A person's takeover, or an event of the identity that stands above whoever superseded this agent. */
export function clearSuperseded(tx: Transaction): void {
  tx.settings.set(SETTING, undefined);
}

/** For one that has been compared, and must not stand above that certificate. */
export function markSuperseded(tx: Transaction, certificate: Uint8Array): void {
  tx.settings.set(SETTING, toBase64Url(certificate));
}

/** The certificate that is on record, as it is stored; it counts where it verifies. */
export function supersededByCertificate(tx: ReadTransaction): string | undefined {
  return tx.settings.get(SETTING);
}

/** Whether that is on record, without judging it. */
export function isMarkedSuperseded(tx: ReadTransaction): boolean {
  return tx.settings.get(SETTING) !== undefined;
}

function verified(log: IdentityLog, wire: Uint8Array, crypto: Crypto): ReturnType<typeof verifyCertificate> | undefined {
  try {
    return verifyCertificate(log, wire, crypto);
  } catch {
    return undefined;
  }
}
