/**
 * An agent that is only looked at: no lock, no generation, no certificate, no network. Works beside a running agent.
 */
import { agentIdToDid, nodeCrypto, toHex, type AuditEntry } from "@talos/core";
import { checkListOptions, checkReviewOptions, type AuditListOptions, type AuditReviewOptions } from "./audit-api.ts";
import { checkAudit, type AuditCheck } from "./audit/check-audit.ts";
import { checkExportByRecord, type CheckExportOptions, type ExportCheck } from "./audit/check-exported.ts";
import { exportAudit, type ExportedAudit } from "./audit/export-audit.ts";
import { reviewAudit, type AuditReview } from "./audit/review-audit.ts";
import type { BackupPlan } from "./backup/backup-views.ts";
import { backupPlan } from "./backup/practices.ts";
import type { Clock } from "./clock.ts";
import { readReport, type EmergencyReport } from "./lifecycle/identity-plan/emergency-report.ts";
import { fingerprintWith } from "./peer-trust.ts";
import { fingerprintOf, listPeers, peerNamed, showPeer, type PeerView } from "./peers.ts";
import { verifyByRecord, type CheckSignatureOptions, type SignatureCheck } from "./signing/check-signature.ts";
import { proveSignature, readSignature, type ProvedSignature } from "./signing/prove-signature.ts";
import { readStatus, type AgentStatus } from "./status.ts";
import { HOME_DIRECTORY, type SlotInfo, type VaultInspection } from "./vault/index.ts";

export class Inspection implements Disposable, AsyncDisposable {
  readonly #vault: VaultInspection;
  readonly #clock: Pick<Clock, "now">;

  /** For `inspectIn`. */
  constructor(vault: VaultInspection, clock: Pick<Clock, "now">) {
    this.#vault = vault;
    this.#clock = clock;
  }

  get did(): string {
    return agentIdToDid(this.#vault.agentId);
  }

  get name(): string {
    return this.#vault.name;
  }

  get dataDir(): string {
    return this.#vault.dataDir;
  }

  /** URL of the home directory. */
  get directory(): string | undefined {
    return this.#vault.read((tx) => tx.settings.get(HOME_DIRECTORY));
  }

  /** The current public identity key, in hexadecimal. */
  get identityKey(): string {
    return this.#vault.read((tx) => toHex(tx.inventory.live("identity")?.publicKey ?? new Uint8Array()));
  }

  get fingerprint(): string {
    return fingerprintOf(this.#vault.agentId);
  }

  status(): AgentStatus {
    const { findings, holder } = this.#vault;
    return this.#vault.read((tx) => readStatus(tx, { facts: this.#vault, findings, holder }));
  }

  /** What the last emergency rotation found and did, and how far its consequences have come. */
  lastEmergencyReport(): EmergencyReport | undefined {
    return this.#vault.read(readReport);
  }

  /** As `client.backupPlan`. */
  backupPlan(): BackupPlan {
    const { dataDir } = this.#vault;
    const slots = this.#vault.slots();
    return this.#vault.read((tx) => backupPlan(tx, { dataDir, slots, crypto: nodeCrypto, now: this.#clock.now() }));
  }

  /** The ways into the data directory; `opened` marks the one that was given to look with. */
  slots(): readonly SlotInfo[] {
    return this.#vault.slots();
  }

  peers(): readonly PeerView[] {
    return this.#vault.read(listPeers);
  }

  /** @param peer a DID, an address or a petname @throws TalosError PEER_UNKNOWN, INVALID_ARGUMENT */
  peer(peer: string): PeerView {
    return this.#vault.read((tx) => showPeer(tx, peer));
  }

  /** As `client.peers.fingerprint`. @throws TalosError PEER_UNKNOWN (a petname), INVALID_ARGUMENT */
  peerFingerprint(peer: string): string {
    return fingerprintWith(
      this.#vault.agentId,
      this.#vault.read((tx) => peerNamed(tx, peer)),
    );
  }

  /** @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT, VAULT_CORRUPT */
  auditEntries(options: AuditListOptions = {}): readonly AuditEntry[] {
    const page = checkListOptions(options);
    return this.#vault.read((tx) => tx.audit.page(page));
  }

  /** Against the newest certificate and the agent's own events. */
  verifyAudit(): AuditCheck {
    return this.#vault.read((tx) => checkAudit(tx, this.#vault.agentId, nodeCrypto));
  }

  /** An export, by what the agent knows of whose it is; asks nobody. @throws TalosError as `TalosClient.verifyAuditExport`; PEER_UNKNOWN */
  verifyAuditExport(options: CheckExportOptions): ExportCheck {
    return this.#vault.read((tx) => checkExportByRecord(tx, this.#vault.agentId, options, nodeCrypto));
  }

  /** Everything that the newest certificate covers. @throws TalosError AUDIT_INVALID and others of a damaged vault */
  exportAudit(): ExportedAudit {
    return this.#vault.read((tx) => exportAudit(tx, this.#vault.agentId, nodeCrypto));
  }

  /** @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT, VAULT_CORRUPT */
  reviewAudit(options: AuditReviewOptions): AuditReview {
    const { since } = checkReviewOptions(options);
    return this.#vault.read((tx) => reviewAudit(tx, since));
  }

  /** @throws TalosError as `TalosClient.signatureProof` */
  signatureProof(signature: string | Uint8Array): ProvedSignature {
    const read = readSignature(signature, nodeCrypto);
    return this.#vault.read((tx) => proveSignature(tx, this.#vault.agentId, read, nodeCrypto));
  }

  /** By what the agent knows of the signer and saw before; asks nobody and remembers nothing. @throws TalosError as `TalosClient.verify` */
  verify(options: CheckSignatureOptions): SignatureCheck {
    return this.#vault.read((tx) => verifyByRecord(tx, this.#vault.agentId, options, nodeCrypto));
  }

  close(): void {
    this.#vault.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
