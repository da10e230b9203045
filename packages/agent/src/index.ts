/** What applications use of an agent, and below it what tests and tools need. */
export {
  TalosClient,
  createIn,
  openIn,
  inspectIn,
  recoverIdentityIn,
  recoverIn,
  takeoverIn,
  verifyBackupIn,
  MAX_BODY_BYTES,
  type SendResult,
} from "./talos-client.ts";
export { Inspection } from "./inspection.ts";
export type {
  AgentEventMap,
  AgentEventName,
  BackupDrilled,
  IdentityMoved,
  PeerForked,
  PeerRevoked,
  PeerRotated,
  PrekeysLow,
  RotationDone,
  RotationDue,
  Superseded,
  TrustOutcome,
} from "./agent-events.ts";
export { doctorIn, rescueIn } from "./care.ts";
export { FINDING_SEVERITIES, type DoctorFinding, type FindingCode, type Severity } from "./doctor/finding.ts";
export type { CheckResult, DoctorCounts, DoctorReport } from "./doctor/doctor.ts";
export type { DiskState } from "./doctor/look.ts";
export type { EmergencyResult } from "./lifecycle/identity-plan/emergency.ts";
export type { EmergencyReport, EmergencyStep, SignedEntry, StepState } from "./lifecycle/identity-plan/emergency-report.ts";
export type {
  EmergencyRotateOptions,
  RecoveryKitChoice,
  RevokeIdentityOptions,
  RotateIdentityOptions,
} from "./lifecycle/identity-plan/identity-options.ts";
export type { RevocationResult } from "./lifecycle/identity-plan/revoke.ts";
export type { RotationResult } from "./lifecycle/identity-plan/rotate.ts";
export type { HeldRecovery } from "./lifecycle/recover/held-recovery.ts";
export type { RecoveryReport } from "./lifecycle/recover/recover-agent.ts";
export type { ForwardEvent } from "./lifecycle/recover/rotate-forward.ts";
export { recoveryOutlook, type OutlookEvent, type RecoveryOutlook } from "./lifecycle/recovery-outlook.ts";
export type { CutAfter, OutlookOptions, RecoverIdentityOptions, RecoverOptions } from "./lifecycle/recover-options.ts";
export type { RescueReport } from "./lifecycle/rescue-agent.ts";
export { Custody, custodyIn } from "./custody.ts";
export { AuditApi, type AuditExportOptions, type AuditListOptions, type AuditReviewOptions } from "./audit-api.ts";
export type { AuditCheck, AuditProblem, AuditProblemCode } from "./audit/check-audit.ts";
export type { CheckExportAloneOptions, CheckExportOptions, ExportCheck } from "./audit/check-exported.ts";
export type { ExportedAudit } from "./audit/export-audit.ts";
export { AUDIT_THEMES, type AuditReview, type AuditTheme, type SignedUnder } from "./audit/review-audit.ts";
export type { CheckSignatureOptions, SignatureCheck, VerifyAloneOptions, VerifySignatureOptions } from "./signing/check-signature.ts";
export type { MadeSignature } from "./signing/make-signature.ts";
export type { ProvedSignature } from "./signing/prove-signature.ts";
export type {
  BackupDrillOptions,
  ExportKeysOptions,
  MaintenanceOptions,
  VerifyBackupAloneOptions,
  VerifyBackupOptions,
} from "./backup/backup-options.ts";
export type {
  BackupCheck,
  BackupDrillStatus,
  BackupHead,
  BackupKeyView,
  BackupPlan,
  BackupPractice,
  BackupReport,
  BackupState,
  BackupStatus,
  BackupVerdict,
  CheckedKey,
  CopyPlace,
  LeftOutView,
  NotIncludedKey,
  PlannedBackup,
  PracticeView,
} from "./backup/backup-views.ts";
export type { KitCheck } from "./recovery-kit/check-kit.ts";
export type {
  CheckRecoveryKitOptions,
  CreateRecoveryKitOptions,
  JoinRecoverySharesOptions,
  RecoveryKitFile,
  SplitRecoveryKitOptions,
} from "./recovery-kit/kit-options.ts";
export type { RecoveryStatus } from "./recovery-kit/kit-status.ts";
export type { JoinedKit, KitShares } from "./recovery-kit/share-files.ts";
export { checkRecoveryKit, joinRecoveryShares, splitRecoveryKit } from "./recovery-kit/without-agent.ts";
export { RecoveryKitApi, type CreatedKit } from "./recovery-kit-api.ts";
export { SlotsApi } from "./slots.ts";
export type { PasswordChange } from "./password-change.ts";
export type {
  AddSlotOptions,
  AgentChoice,
  ChangePasswordOptions,
  CreateOptions,
  DoctorOptions,
  FlushOptions,
  InspectOptions,
  NewRecoveryKit,
  OpenOptions,
  PasswordSource,
  ReceiveOptions,
  RescueOptions,
  SendOptions,
  SignMessages,
  TrustPolicy,
  UnlockOptions,
} from "./options.ts";
export { normalisedPassword } from "./password/index.ts";
export type { MaintenanceDone, MaintenanceDue, MaintenanceReport } from "./lifecycle/maintenance-round.ts";
export type { Replenishment, ReplenishOptions, SignedPrekeyRotation } from "./maintenance-api.ts";
export type { ReceivedMessage } from "./messaging/inbox-stream.ts";
export { fingerprintOf, PeersApi, type PeersListener, type PeerView } from "./peers.ts";
export type { NotificationStatus, PendingNotification } from "./notification-status.ts";
export type { ForgetPeerOptions } from "./peer-trust.ts";
export type { AgentStatus, KeptStatus, KeyStatus, OutboxMessageStatus, PlanStatus, SessionStatus } from "./status.ts";

export { systemClock, type Clock } from "./clock.ts";
export { systemEnvironment, type Environment } from "./environment.ts";
export { DirectoryRefusal, type Directory, type FetchOptions, type Resolution, type SigningInstance } from "./directory/directory.ts";
export { HttpDirectory, type HttpDirectoryOptions } from "./directory/http-directory.ts";
export * from "./backends/index.ts";
export { Vault, type KeyFileStore, type KdfParameters, type LockHolder, type SlotInfo, type VaultInspection } from "./vault/index.ts";
export { createOneTimePrekeys } from "./lifecycle/prekey-secrets.ts";
