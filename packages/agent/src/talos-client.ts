/**
 * The public interface of an agent: arguments in, plain values out. What it does is in the parts under it.
 */
import { agentIdToDid, equalBytes, fromHex, settledCopy, talosError, toHex, utf8, zeroBytes, type MessageId } from "@talos/core";
import type { AgentEventMap, AgentEventName } from "./agent-events.ts";
import { checkExportAlone, type CheckExportAloneOptions, type ExportCheck } from "./audit/check-exported.ts";
import { AuditApi } from "./audit-api.ts";
import { backupPlan, exportKeys, forgetBackup, verifyBackup, verifyBackupAlone } from "./backup-api.ts";
import {
  checkMaintenanceOptions,
  type ExportKeysOptions,
  type MaintenanceOptions,
  type VerifyBackupAloneOptions,
  type VerifyBackupOptions,
} from "./backup/backup-options.ts";
import type { BackupCheck, BackupPlan, BackupReport } from "./backup/backup-views.ts";
import { doctorIn, rescueIn } from "./care.ts";
import { holdingProcess } from "./clock.ts";
import type { DoctorReport } from "./doctor/doctor.ts";
import { systemEnvironment, type Environment } from "./environment.ts";
import { Inspection } from "./inspection.ts";
import { enter, enterAsLiving, enterFromBackup, enterOrCreate, enterRecovered, look } from "./lifecycle/enter-agent.ts";
import { emergencyRotate, type EmergencyResult } from "./lifecycle/identity-plan/emergency.ts";
import { readReport, type EmergencyReport } from "./lifecycle/identity-plan/emergency-report.ts";
import type { EmergencyRotateOptions, RevokeIdentityOptions, RotateIdentityOptions } from "./lifecycle/identity-plan/identity-options.ts";
import { revokeIdentity, type RevocationResult } from "./lifecycle/identity-plan/revoke.ts";
import { rotateIdentity, type RotationResult } from "./lifecycle/identity-plan/rotate.ts";
import type { RecoveryReport } from "./lifecycle/recover/recover-agent.ts";
import type { OutlookOptions, RecoverIdentityOptions, RecoverOptions } from "./lifecycle/recover-options.ts";
import { recoveryOutlook, type RecoveryOutlook } from "./lifecycle/recovery-outlook.ts";
import type { RescueReport } from "./lifecycle/rescue-agent.ts";
import { RunningAgent } from "./lifecycle/running-agent.ts";
import type { MaintenanceReport } from "./lifecycle/maintenance-round.ts";
import {
  maintain,
  replenishOneTimePrekeys,
  rotateSignedPrekey,
  type Replenishment,
  type ReplenishOptions,
  type SignedPrekeyRotation,
} from "./maintenance-api.ts";
import { requireReachable } from "./messaging/peer-standing.ts";
import type { ReceivedMessage } from "./messaging/inbox-stream.ts";
import {
  checkChoice,
  checkFlushOptions,
  checkReceiveOptions,
  checkSendOptions,
  dataDirOf,
  type AgentChoice,
  type ChangePasswordOptions,
  type CreateOptions,
  type DoctorOptions,
  type FlushOptions,
  type InspectOptions,
  type OpenOptions,
  type ReceiveOptions,
  type RescueOptions,
  type SendOptions,
} from "./options.ts";
import { changePassword, type PasswordChange } from "./password-change.ts";
import { fingerprintOf, PeersApi } from "./peers.ts";
import {
  verifyAlone,
  verifyAndRemember,
  type SignatureCheck,
  type VerifyAloneOptions,
  type VerifySignatureOptions,
} from "./signing/check-signature.ts";
import { makeSignature, type MadeSignature } from "./signing/make-signature.ts";
import { proveSignature, readSignature, type ProvedSignature } from "./signing/prove-signature.ts";
import { RecoveryKitApi } from "./recovery-kit-api.ts";
import { SlotsApi } from "./slots.ts";
import { outboxStatus, readStatus, type AgentStatus, type OutboxMessageStatus } from "./status.ts";
import { Vault } from "./vault/index.ts";

export const MAX_BODY_BYTES = 10_000_000;
const DEFAULT_FLUSH_SECONDS = 10;

export interface SendResult {
  /** 32 hexadecimal characters; the recipient sees the same. */
  readonly messageId: string;
  /**
   * `accepted`: durable here, and nothing is known to be in its way; `waiting`: durable here, and `reason` says what is. Further only
   * with `waitFor`.
   */
  readonly state: "accepted" | "waiting" | "deposited" | "delivered";
  /** Why it waits. */
  readonly reason?: string;
}

export class TalosClient implements AsyncDisposable {
  /** Whom this agent knows, and adding somebody by address. */
  readonly peers: PeersApi;
  /** The ways into the data directory. */
  readonly slots: SlotsApi;
  /** The kit that outranks every other key of this agent. */
  readonly recoveryKit: RecoveryKitApi;
  /** What happened to the agent and its keys. */
  readonly audit: AuditApi;
  /** Of one that `recover` has just brought back: what it found and did. */
  readonly recovered: RecoveryReport | undefined;
  readonly #agent: RunningAgent;

  private constructor(agent: RunningAgent, recovered: RecoveryReport | undefined) {
    this.#agent = agent;
    this.recovered = recovered;
    this.peers = new PeersApi(agent.context, {
      retry: (peer) => {
        agent.sender.retry(peer);
        agent.announcer.ring();
      },
      discarded: (messageId) => agent.progress.reached(messageId, "expired"),
    });
    this.slots = new SlotsApi(agent.context);
    this.recoveryKit = new RecoveryKitApi(agent.context);
    this.audit = new AuditApi(agent.context);
  }

  /**
   * Opens the agent in its data directory, or makes it there if there is none (`ifMissing: "create"`, the default). Resolves
   * when the agent is durable; where a directory is given, after the first attempt to publish there: a directory that is
   * down fails nothing, `status()` says `unpublished` and it goes on by itself.
   *
   * @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT, PASSWORD_REQUIRED, WRONG_PASSWORD, WEAK_PASSWORD;
   *   WRONG_UNLOCK_KEY, FILE_NOT_FOUND, CREDENTIAL_NOT_FOUND and others of a key file or credential;
   *   VAULT_NOT_FOUND (`ifMissing: "fail"`, or `expectAgentId` and no agent), VAULT_FOREIGN (another agent or name),
   *   VAULT_LOCKED, VAULT_CORRUPT, BACKEND_NOT_AVAILABLE, and those of a data directory that is not as it must be
   */
  static async create(name: string, options: CreateOptions = {}): Promise<TalosClient> {
    return await createIn(systemEnvironment, name, options);
  }

  /**
   * Opens the agent that is in the data directory; never makes one.
   *
   * @throws TalosError as `create`; VAULT_NOT_FOUND; VAULT_FOREIGN when the agent there has another name than the one given
   */
  static async open(options: OpenOptions): Promise<TalosClient> {
    return await openIn(systemEnvironment, options);
  }

  /**
   * Looks, and changes nothing: works beside a running agent, and without a password; one that is given is checked.
   *
   * @throws TalosError VAULT_NOT_FOUND, WRONG_PASSWORD, VAULT_CORRUPT, VAULT_FOREIGN and others
   */
  static async inspect(options: InspectOptions): Promise<Inspection> {
    return await inspectIn(systemEnvironment, options);
  }

  /**
   * Examines a data directory and says what is wrong with it and what to do. Changes nothing, works beside a running agent and on a folder
   * that is broken in any way; what is wrong is in the report, and only bad options are thrown. With a password (or key file, or
   * credential) the private parts and sealed values are opened too.
   *
   * @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT, PASSWORD_REQUIRED (an empty one), CREDENTIAL_NOT_FOUND, FILE_NOT_FOUND
   */
  static async doctor(options: DoctorOptions): Promise<DoctorReport> {
    return await doctorIn(systemEnvironment, options);
  }

  /**
   * Rebuilds a destroyed `state.db` from the key files and `metadata.json`. Identity, next and encryption key come back; prekeys are made
   * new; sessions, peers and mail are gone. What is left of the old database is moved into `quarantine/`. Until it is done the folder counts
   * as before, and it can be run again. Touches no network: the agent publishes its new prekeys when it is opened.
   *
   * @throws TalosError RESCUE_NOT_NEEDED (the database is sound), RESCUE_NOT_POSSIBLE (`details.reason`), WRONG_PASSWORD,
   *   WRONG_UNLOCK_KEY, PASSWORD_REQUIRED, VAULT_LOCKED, VAULT_NOT_FOUND, LOG_INVALID and others where metadata.json was changed, and those of
   *   a data directory that is not as it must be
   */
  static async rescue(options: RescueOptions): Promise<RescueReport> {
    return await rescueIn(systemEnvironment, options);
  }

  /**
   * What a signature is worth, for somebody who is no agent: by the signer's log, given or from a directory. `valid` and
   * `valid-then-retired` are good; nothing else is.
   *
   * @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT; SIGNATURE_INVALID: not by the key that it names, or of another message, namespace
   *   or signer; MALFORMED and others of what is none; LOG_INVALID; DIRECTORY_UNREACHABLE, AGENT_UNKNOWN and others of a directory
   */
  static async verify(options: VerifyAloneOptions): Promise<SignatureCheck> {
    return await verifyAlone(systemEnvironment, options);
  }

  /**
   * Checks an audit export, for somebody who is no agent: that it is whole, and by the agent's log, given or from a directory, that the key
   * which certified it still counts. `comparedWith` in the result says which; with neither it is the log in the export itself.
   *
   * @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT; AUDIT_INVALID (`details.line`, `details.reason`); LOG_INVALID;
   *   DIRECTORY_UNREACHABLE, AGENT_UNKNOWN and others of a directory
   */
  static async verifyAuditExport(options: CheckExportAloneOptions): Promise<ExportCheck> {
    return await checkExportAlone(systemEnvironment, options);
  }

  /**
   * Whether a backup would bring its agent back: opens it, holds everything in it against each other, restores its keys into a throw-away vault
   * in a temporary folder, uses each of them there, and destroys that vault. With a name or data directory, with a directory, or with both,
   * the backup's log is compared with the agent's there; the agent may be running. Changes nothing, and records nothing. A verdict of
   * `dangerous` alone says that it is to be destroyed.
   *
   * One Argon2id run with the parameters of the file, at 256 MiB by default; nothing else of this process runs meanwhile, about a second.
   *
   * @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT; FILE_NOT_FOUND, BACKUP_DAMAGED, KDF_PARAMETERS_REFUSED, UNSUPPORTED_VERSION; PASSWORD_REQUIRED,
   *   BACKUP_WRONG_PASSWORD; BACKUP_KEY_FAILED: a key does not do what it must; BACKUP_FOREIGN, VAULT_NOT_FOUND and others of the data directory;
   *   AGENT_UNKNOWN, DIRECTORY_UNREACHABLE, LOG_INVALID and others of the directory; STORAGE_FAILED of the temporary folder
   */
  static async verifyBackup(options: VerifyBackupAloneOptions): Promise<BackupCheck> {
    return await verifyBackupIn(systemEnvironment, options);
  }

  /**
   * Opens the agent as the living copy, by its owner's decision: above every other copy's certificate, with new prekeys and new sessions. The
   * other copies are superseded by it.
   *
   * @throws TalosError as `open`; GENERATION_EXHAUSTED; IDENTITY_MOVED where the other copy has moved the identity on; AGENT_REVOKED
   */
  static async takeover(options: OpenOptions): Promise<TalosClient> {
    return await takeoverIn(systemEnvironment, options);
  }

  /**
   * Brings an agent back from its backup, into an empty data directory: keys, peers with trust, settings and the record. Prekeys, sessions and
   * mail are in no backup: peers are greeted in new sessions, and send again what was not acknowledged.
   *
   * The log in the backup is compared with the directory's, and with what its former homes and the directories of its peers have. Nothing behind:
   * this copy becomes the living one. Any event that the backup does not have: BACKUP_OUTDATED, or with `recoveryKit` new keys by one recovery event, in the same call (`recovered.event` says what it follows). A
   * directory that does not answer, or answers nonsense, or with another `directory` none that would know: the agent is made and *held* (`status().held`): every call that sends, signs, publishes or
   * takes mail is RECOVERY_UNCHECKED, over restarts too, until it has been compared; that goes on by itself while it is open. It is held as well while
   * the directory has not accepted the recovery event: no peer hears of it before. A copy that begins to live meanwhile supersedes it.
   *
   * Interrupted, it has made an agent or none: then the same call is made again. Argon2id runs with the parameters of the file.
   *
   * @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT (also where `cutAfter` is needed); PASSWORD_REQUIRED before anything is read; FILE_NOT_FOUND,
   *   BACKUP_DAMAGED, KDF_PARAMETERS_REFUSED, UNSUPPORTED_VERSION, BACKUP_FOREIGN, BACKUP_WRONG_PASSWORD; WEAK_PASSWORD, BACKUP_PASSWORD_REUSED
   *   (the new password opens the backup); VAULT_EXISTS, DATA_DIR_NOT_EMPTY, VAULT_LOCKED; BACKUP_KEY_FAILED, BACKUP_KEY_NOT_INCLUDED (a key in
   *   hardware that is not here); BACKUP_OUTDATED, AGENT_REVOKED; of the recovery kit; IDENTITY_MOVED where another event stands in the place of
   *   `cutAfter`. Nothing in the data directory is touched then. STORAGE_FAILED, COMMIT_FAILED
   */
  static async recover(options: RecoverOptions): Promise<TalosClient> {
    return await recoverIn(systemEnvironment, options);
  }

  /**
   * Gives an agent of which only the recovery kit is left a new life in an empty data directory: new keys, and an event by the recovery key
   * that cuts off what stands after `cutAfter`. Peers, sessions and mail are not brought back. It is *held* (`status().held`, RECOVERY_UNCHECKED)
   * while the directory has not accepted that event, as after `recover`.
   *
   * @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT (also where `cutAfter` is needed: several events stand since the last recovery event);
   *   IDENTITY_MOVED where the directory has another event in that place by now; VAULT_EXISTS, DATA_DIR_NOT_EMPTY; PASSWORD_REQUIRED, WEAK_PASSWORD; of the recovery kit; AGENT_UNKNOWN,
   *   DIRECTORY_UNREACHABLE and others of the directory; AGENT_REVOKED where the recovery key itself has revoked it; of a data directory
   */
  static async recoverIdentity(options: RecoverIdentityOptions): Promise<TalosClient> {
    return await recoverIdentityIn(systemEnvironment, options);
  }

  /**
   * The events that a recovery could follow, with their times: after which one to cut is its owner's to say. Changes nothing. With a backup all
   * those are asked whom a recovery from it asks; one Argon2id run with the parameters of the file.
   *
   * @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT; FILE_NOT_FOUND, RECOVERY_KIT_DAMAGED, RECOVERY_KIT_FOREIGN; of the backup as `recover`;
   *   AGENT_UNKNOWN, DIRECTORY_UNREACHABLE and others of the directory
   */
  static async recoveryOutlook(options: OutlookOptions): Promise<RecoveryOutlook> {
    return await recoveryOutlook(systemEnvironment, options);
  }

  /** Whether there is an agent in that data directory. @throws TalosError of a folder that is not as it must be */
  static exists(options: AgentChoice): boolean {
    return Vault.exists(dataDirOf(checkChoice(options)));
  }

  /** For `createIn` and its like. */
  static async over(agent: RunningAgent, recovered?: RecoveryReport): Promise<TalosClient> {
    await holdingProcess(agent.started);
    return new TalosClient(agent, recovered);
  }

  /** The agent's id as a DID: its name for life. */
  get agentId(): string {
    return this.did;
  }

  /** The same. */
  get did(): string {
    return agentIdToDid(this.#agent.context.log.agentId);
  }

  /** The current public identity key, in hexadecimal. */
  get identityKey(): string {
    return toHex(this.#agent.context.log.identityKey.bytes);
  }

  get fingerprint(): string {
    return fingerprintOf(this.#agent.context.log.agentId);
  }

  get name(): string {
    return this.#agent.context.vault.name;
  }

  get dataDir(): string {
    return this.#agent.context.vault.dataDir;
  }

  /** URL of the home directory. */
  get directory(): string | undefined {
    return this.#agent.context.home;
  }

  /** True once a newer instance of this agent is known: it keeps everything and acts no more. */
  get superseded(): boolean {
    return this.#agent.context.standing.isSuperseded;
  }

  /** True while it was recovered and its directory has not said that it may act: `status().held` says why, and nothing leaves it. */
  get held(): boolean {
    return this.#agent.context.standing.isHeld;
  }

  /**
   * Replaces the password that `currentPassword` is, durably; no key changes. With `rekey` also the vault key, under which everything
   * is sealed anew; all other ways in end then. Copies of the data directory made before still open with the old password: the
   * result says so, and what else its owner has to do.
   *
   * @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT, PASSWORD_REQUIRED, PASSWORD_UNCHANGED, WEAK_PASSWORD, WRONG_PASSWORD; then
   *   nothing has changed. CLIENT_CLOSED, COMMIT_FAILED
   */
  async changePassword(options: ChangePasswordOptions): Promise<PasswordChange> {
    return await changePassword(this.#agent.context, options);
  }

  /**
   * Hears what happens to this agent and its peers, each after the commit that made it true. A listener that throws stops nothing:
   * its error is thrown in a turn of its own.
   *
   * @returns ends the listening
   * @throws TalosError INVALID_ARGUMENT
   */
  on<N extends AgentEventName>(name: N, listener: (payload: AgentEventMap[N]) => void): () => void {
    return this.#agent.context.events.on(name, listener);
  }

  /** @throws TalosError CLIENT_CLOSED */
  status(): AgentStatus {
    const { vault } = this.#agent.context;
    const { sender } = this.#agent;
    return vault.read((tx) => readStatus(tx, { facts: vault, findings: vault.findings, lastError: (peer) => sender.lastError(peer) }));
  }

  /**
   * Accepts a message for delivery. Resolves when it is durable in the outbox, or with `waitFor` when it has got so far.
   *
   * @param peer a DID, optionally with `@host[:port]`, or a peer's name
   * @param body at most 10,000,000 bytes; text is sent as UTF-8
   * @throws TalosError MESSAGE_TOO_LARGE, INVALID_ARGUMENT, UNKNOWN_OPTION, PEER_UNKNOWN (a name), PEER_BLOCKED, PEER_REVOKED, PEER_UNVERIFIED; COMMIT_FAILED
   *   (nothing was sent); DELIVERY_NOT_REACHED (the message stays in the outbox); INSTANCE_SUPERSEDED, GENERATION_FENCED, CLIENT_CLOSED
   */
  async send(peer: string, body: string | Uint8Array, options: SendOptions = {}): Promise<SendResult> {
    const { standing, policy, log, vault, peers } = this.#agent.context;
    standing.requireActive();
    const { contentType, sign, waitFor, signal, timeoutSeconds } = checkSendOptions(options);
    const bytes = bodyBytes(body);
    const target = this.peers.target(peer);
    if (equalBytes(target.peer, log.agentId)) {
      throw talosError("INVALID_ARGUMENT", "An agent cannot write to itself.", { details: { argument: "peer" } });
    }
    requireReachable(
      vault.read((tx) => peers.get(tx, target.peer)),
      policy,
    );
    const { messageId, ...accepted } = await this.#agent.sender
      .accept({
        ...target,
        contentType: contentType ?? (typeof body === "string" ? "text/plain; charset=utf-8" : "application/octet-stream"),
        sign: sign ?? policy.signMessages,
        body: bytes,
      })
      .finally(() => zeroBytes(bytes));
    if (waitFor === undefined) return { messageId: toHex(messageId), ...accepted };
    // A lane needs the network for each step, so no milestone can have passed already.
    return { messageId: toHex(messageId), state: await this.#waitFor(messageId, waitFor, timeoutSeconds, signal) };
  }

  /**
   * A signature by the identity key, in a namespace of the application's: it counts there and nowhere else. On record before it is
   * returned.
   *
   * @param namespace 1 to 64 visible ASCII characters
   * @param message text is signed as UTF-8; it is kept nowhere
   * @throws TalosError INVALID_ARGUMENT; PLAN_BLOCKED while the identity is being changed; AGENT_REVOKED, INSTANCE_SUPERSEDED,
   *   GENERATION_FENCED, CLIENT_CLOSED; of the backend; COMMIT_FAILED (nothing is handed out)
   */
  async sign(namespace: string, message: string | Uint8Array): Promise<MadeSignature> {
    return await makeSignature(this.#agent.context, namespace, message);
  }

  /**
   * The proof that a signature of this agent was on record when its key ended.
   *
   * @throws TalosError PROOF_NOT_POSSIBLE (`details.reason`; `key-in-force`: none is needed yet), SIGNATURE_INVALID (another agent's), MALFORMED
   *   and others of what is no signature; AUDIT_INVALID, CLIENT_CLOSED
   */
  signatureProof(signature: string | Uint8Array): ProvedSignature {
    const { vault, crypto } = this.#agent.context;
    const read = readSignature(signature, crypto);
    return vault.read((tx) => proveSignature(tx, vault.agentId, read, crypto));
  }

  /**
   * What a signature is worth, by the newest log of the signer that can be had and by this agent's own record: what was `valid` once stays
   * `valid-then-retired` here.
   *
   * @throws TalosError as the static `verify`; PEER_UNKNOWN where nobody knows the signer; COMMIT_FAILED, CLIENT_CLOSED
   */
  async verify(options: VerifySignatureOptions): Promise<SignatureCheck> {
    return await verifyAndRemember(this.#agent.context, options);
  }

  /** One message of the outbox, also for some days after it was delivered or given up. @throws TalosError CLIENT_CLOSED */
  outbox(messageId: string): OutboxMessageStatus | undefined {
    const row = this.#agent.context.vault.read((tx) => tx.outbox.byMessageId(fromHex(messageId)));
    return row && outboxStatus(row, (peer) => this.#agent.sender.lastError(peer));
  }

  /**
   * Waits until everything that can leave now has left: publication, messages, acknowledgements. What cannot (a directory that
   * is down, a peer without prekeys) is left where it is.
   *
   * @returns true if nothing is under way any more; false if the time was over first
   * @throws TalosError INSTANCE_SUPERSEDED, GENERATION_FENCED, CLIENT_CLOSED
   */
  async flush(options: FlushOptions = {}): Promise<boolean> {
    const { timeoutSeconds = DEFAULT_FLUSH_SECONDS } = checkFlushOptions(options);
    const isQuiet = await holdingProcess(this.#agent.flush(timeoutSeconds));
    this.#agent.context.standing.requireActive();
    return isQuiet;
  }

  /**
   * Messages in the order of their arrival, from the first that is not acknowledged on; waits for more until the signal
   * aborts or the client is closed.
   *
   * @throws TalosError while iterating: INSTANCE_SUPERSEDED, GENERATION_FENCED; with `idleSeconds`, what kept the mailbox from
   *   being read (DIRECTORY_UNREACHABLE and others), after the messages that are here already
   */
  receive(options: ReceiveOptions = {}): AsyncGenerator<ReceivedMessage, void, void> {
    const { signal, idleSeconds } = checkReceiveOptions(options);
    const { receiver, inbox } = this.#agent;
    const idle = idleSeconds === undefined ? undefined : { milliseconds: idleSeconds * 1000, caughtUp: async () => receiver.caughtUp() };
    return inbox.messages(signal, idle);
  }

  /**
   * Does what is due of this agent's keys now, and says what it did and what is left: certificate, identity (where the policy says that it
   * is rotated by itself), signed prekey, one-time prekeys, the end of what has run out. An open agent does so by itself but for the identity.
   *
   * @throws TalosError INSTANCE_SUPERSEDED, GENERATION_FENCED, CLIENT_CLOSED; what else is in the way stands in the report
   */
  async maintain(): Promise<MaintenanceReport> {
    return await maintain(this.#agent);
  }

  /**
   * Goes on doing so, the identity included, until the function that it returns is called or the client is closed. With `backupDrill` a
   * restoration of that backup is tried every so many days, and within the hour where a new one was written there: `verifyBackup` in all it does. One
   * that fails is on record, is announced (`backupDrill`), is tried again the day after, and stops nothing else.
   *
   * @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT
   */
  startMaintenance(options: MaintenanceOptions = {}): () => void {
    return this.#agent.maintenance.start(checkMaintenanceOptions(options).backupDrill);
  }

  /**
   * A new signed prekey, and a batch for it. The one before goes on opening what was sent to it. Durable when this resolves; without
   * a directory, or while it is away, the publication waits.
   *
   * @throws TalosError of the key backend; COMMIT_FAILED, STORAGE_FAILED; INSTANCE_SUPERSEDED, GENERATION_FENCED, CLIENT_CLOSED
   */
  async rotateSignedPrekey(): Promise<SignedPrekeyRotation> {
    return await rotateSignedPrekey(this.#agent);
  }

  /** Fills the stock of one-time prekeys up to `count`; where there are as many nothing changes. @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT, and as `rotateSignedPrekey` */
  async replenishOneTimePrekeys(options: ReplenishOptions = {}): Promise<Replenishment> {
    return await replenishOneTimePrekeys(this.#agent, options);
  }

  /**
   * A planned rotation of the identity: the next key takes over with the word of the outgoing one, and a fresh next key is committed to. The
   * agent id, sessions and one-time prekeys stay. Resolves when the event is accepted and in force; certificate, prekeys and peers follow by
   * themselves. Interrupted, it goes on at the next opening; called again meanwhile, it is the same rotation.
   *
   * @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT; DIRECTORY_NOT_CONFIGURED; DIRECTORY_UNREACHABLE and others of the directory: what was
   *   begun goes on by itself; IDENTITY_MOVED (the log has an event that was not made here); PLAN_BLOCKED; KEY_NOT_FOUND, KEY_FILE_MISSING
   *   where the next key is lost; AGENT_REVOKED, INSTANCE_SUPERSEDED, GENERATION_FENCED, CLIENT_CLOSED; COMMIT_FAILED
   */
  async rotateIdentity(options: RotateIdentityOptions = {}): Promise<RotationResult> {
    return await holdingProcess(this.#agent.identity.operate((context) => rotateIdentity(context, options)));
  }

  /**
   * Replaces the identity at once, after a theft or a loss: identity, next and encryption key, every prekey, the vault key and the ways into
   * the data directory; ends sessions (with `revokeOld`, the default) and sends what was not acknowledged once more. With the recovery kit it
   * cuts off whatever a thief has done to the identity; without one it is `contestable`. Works for an instance that was superseded too.
   * Until the event is stored only the vault key is new, and the call is made again; after that it goes on by itself, also at the next opening.
   *
   * @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT, WEAK_PASSWORD, SLOT_EXISTS, SLOT_NOT_FOUND; RECOVERY_KIT_WRONG_PASSWORD,
   *   RECOVERY_KIT_DAMAGED, RECOVERY_KIT_FOREIGN, RECOVERY_KIT_NOT_IN_FORCE, FILE_NOT_FOUND; IDENTITY_MOVED; DIRECTORY_NOT_CONFIGURED,
   *   DIRECTORY_UNREACHABLE and others of the directory; PLAN_BLOCKED; AGENT_REVOKED, GENERATION_FENCED, CLIENT_CLOSED; COMMIT_FAILED
   */
  async emergencyRotate(options: EmergencyRotateOptions = {}): Promise<EmergencyResult> {
    return await holdingProcess(this.#agent.identity.operate((context) => emergencyRotate(context, options)));
  }

  /** What the last emergency rotation found and did, and how far its consequences have come. @throws TalosError CLIENT_CLOSED */
  lastEmergencyReport(): EmergencyReport | undefined {
    return this.#agent.context.vault.read(readReport);
  }

  /**
   * Ends the agent. There is no way back from here: every call that acts is AGENT_REVOKED afterwards, and its keys are gone.
   *
   * @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT; of the recovery kit; IDENTITY_MOVED; DIRECTORY_NOT_CONFIGURED, DIRECTORY_UNREACHABLE and
   *   others of the directory: what was begun goes on by itself; PLAN_BLOCKED; AGENT_REVOKED, INSTANCE_SUPERSEDED, CLIENT_CLOSED; COMMIT_FAILED
   */
  async revokeIdentity(options: RevokeIdentityOptions = {}): Promise<RevocationResult> {
    return await holdingProcess(this.#agent.identity.operate((context) => revokeIdentity(context, options)));
  }

  /**
   * Makes a backup: identity, next and encryption key, peers with trust and logs, settings and the audit, in one file under passwords of its
   * own. No prekey, no session, no mail and no recovery key is in it; a key in hardware is named, and stays there. Every copy is written whole
   * or not at all, with 0600, and read back. It is good until the agent's next event (a rotation above all), and dangerous from then on.
   *
   * Argon2id at 256 MiB runs once for each password and once for a trial of what was sealed, and with what they cost for each password on each
   * password of the data directory. Nothing else of this process runs meanwhile: a second each on a machine that has nothing else to do.
   *
   * @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT (also a path in the data directory, or named twice), FILE_NOT_FOUND (no such folder),
   *   BACKUP_EXISTS (with `force` too for a backup of another agent, or from a later event); IDENTITY_MOVED (an event that was not made here),
   *   RECOVERY_UNCHECKED (it is held),
   *   PLAN_BLOCKED (a change of the identity is under way): it may count no more when it is written. PASSWORD_REQUIRED, WEAK_PASSWORD,
   *   BACKUP_PASSWORD_REUSED (it opens the data directory, or is given twice); AUDIT_INVALID, VAULT_CORRUPT where the data directory does not agree
   *   with itself; AGENT_REVOKED, GENERATION_FENCED, CLIENT_CLOSED; KEY_NOT_FOUND and others where a key is lost; BACKUP_TOO_LARGE: nothing is
   *   made then. STORAGE_FAILED of a copy: those in `details.written` are there whole and on record; of COMMIT_FAILED they are on no record
   */
  async exportKeys(options: ExportKeysOptions): Promise<BackupReport> {
    return await exportKeys(this.#agent.context, options);
  }

  /**
   * As the static `verifyBackup`, compared with this agent's own log and what it knows beyond it, and on record: `status` and the audit say when
   * and with what result, also where it failed.
   *
   * @throws TalosError as the static `verifyBackup`; BACKUP_FOREIGN for another agent's; COMMIT_FAILED, GENERATION_FENCED, CLIENT_CLOSED
   */
  async verifyBackup(options: VerifyBackupOptions): Promise<BackupCheck> {
    return await verifyBackup(this.#agent.context, options);
  }

  /**
   * How this agent stands by the practices of keeping backups: by its record, and by where the copies lie now. Opens none of them.
   *
   * @throws TalosError CLIENT_CLOSED, STORAGE_FAILED
   */
  backupPlan(): BackupPlan {
    return backupPlan(this.#agent.context);
  }

  /**
   * Takes a backup off the record, once every copy of it is destroyed. Touches no file.
   *
   * @param id as `status().backups` has it; `unlisted`: those that went off the list to make room
   * @throws TalosError INVALID_ARGUMENT where none of that id is on record; COMMIT_FAILED, CLIENT_CLOSED
   */
  forgetBackup(id: string): void {
    forgetBackup(this.#agent.context, id);
  }

  /** Lets what is under way finish for up to two seconds, then ends everything and closes the data directory. May be called again. */
  async close(): Promise<void> {
    await holdingProcess(this.#agent.close());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #waitFor(
    id: MessageId,
    target: "deposited" | "delivered",
    seconds: number | undefined,
    signal: AbortSignal | undefined,
  ): Promise<SendResult["state"]> {
    const { clock, standing } = this.#agent.context;
    const isOver = new AbortController();
    const isDone = new AbortController();
    if (seconds !== undefined) void clock.sleep(seconds * 1000, isDone.signal).then(() => isOver.abort());
    try {
      const signals = [standing.signal, isOver.signal, ...(signal === undefined ? [] : [signal])];
      return await holdingProcess(this.#agent.progress.wait(id, target, signals));
    } finally {
      isDone.abort();
      // Superseded or closed says more than "not reached".
      standing.requireActive();
    }
  }
}

/** As `TalosClient.create`, on given ground. For tests. */
export async function createIn(environment: Environment, name: string, options: CreateOptions = {}): Promise<TalosClient> {
  return await TalosClient.over(new RunningAgent(await enterOrCreate(environment, name, options)));
}

/** As `TalosClient.open`, on given ground. For tests. */
export async function openIn(environment: Environment, options: OpenOptions): Promise<TalosClient> {
  return await TalosClient.over(new RunningAgent(await enter(environment, options)));
}

/** As `TalosClient.takeover`, on given ground. For tests. */
export async function takeoverIn(environment: Environment, options: OpenOptions): Promise<TalosClient> {
  return await TalosClient.over(new RunningAgent(await enterAsLiving(environment, options)));
}

/** As `TalosClient.recoverIdentity`, on given ground. For tests. */
export async function recoverIdentityIn(environment: Environment, options: RecoverIdentityOptions): Promise<TalosClient> {
  return await TalosClient.over(new RunningAgent(await enterRecovered(environment, options)));
}

/** As `TalosClient.recover`, on given ground. For tests. */
export async function recoverIn(environment: Environment, options: RecoverOptions): Promise<TalosClient> {
  const { opened, report } = await holdingProcess(enterFromBackup(environment, options));
  return await TalosClient.over(new RunningAgent(opened, "now"), report);
}

/** As the static `TalosClient.verifyBackup`, on given ground. For tests. */
export async function verifyBackupIn(environment: Environment, options: VerifyBackupAloneOptions): Promise<BackupCheck> {
  return await verifyBackupAlone(environment, options);
}

/** As `TalosClient.inspect`, on given ground. For tests. */
export async function inspectIn(environment: Environment, options: InspectOptions): Promise<Inspection> {
  return new Inspection(await look(environment, options), environment.clock);
}

function bodyBytes(body: unknown): Uint8Array {
  const isText = typeof body === "string";
  if (!isText && !(body instanceof Uint8Array)) {
    throw talosError("INVALID_ARGUMENT", "A message is text or bytes.", { details: { argument: "body" } });
  }
  const bytes = isText ? utf8(body) : body;
  if (bytes.length > MAX_BODY_BYTES) throw talosError("MESSAGE_TOO_LARGE");
  // A copy: the caller may go on using its buffer before the turn's commit.
  return isText ? bytes : settledCopy(bytes);
}
