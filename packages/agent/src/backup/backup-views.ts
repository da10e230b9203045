/** What an application and an operator see of backups: plain values with stable names. Times are in milliseconds since 1970, hashes and ids in hexadecimal. */
import type { ErrorCode, ProtectionLevel } from "@talos/core";
import type { BackendKeyKind, BackendName } from "../backends/index.ts";

export interface BackupHead {
  readonly seq: number;
  readonly hash: string;
}

/** Where a copy of a backup is now, as far as this machine can see. */
export interface CopyPlace {
  /** Absolute; where it was written, or seen last. */
  readonly path: string;
  /**
   * It lies there, `beside`: on the file system of the data directory; `apart`: on another one; `memory`: on one that the next restart empties.
   * Or it does not, `away`: it was on another file system, which is not attached now; `replaced`: something else lies there now; `gone`: nothing
   * lies there. Of these last two nothing says where it is.
   */
  readonly state: "beside" | "apart" | "memory" | "away" | "replaced" | "gone";
  /** The same for copies that are lost together. */
  readonly medium?: string;
}

/** A line of the backup's manifest. */
export interface BackupKeyView {
  readonly kind: BackendKeyKind;
  readonly keyId: string;
  /** Whether its private part is in the backup. */
  readonly included: boolean;
  readonly backend: BackendName;
  readonly protection: ProtectionLevel;
}

/** A key that its backend does not give away. */
export interface NotIncludedKey {
  readonly kind: BackendKeyKind;
  readonly backend: BackendName;
  /** What its owner has to do instead. */
  readonly advice: string;
}

/** For what there was no room. */
export interface LeftOutView {
  /** Strangers, with logs and evidence: peers that are neither verified nor blocked, and agents that are no peers any more. */
  readonly peers: number;
}

/** A backup that was made. */
export interface BackupReport {
  /** How it is called in `status` and by `verifyBackup`: 16 digits that no other file has. */
  readonly id: string;
  /** Absolute; each was read back as it was written. */
  readonly paths: readonly string[];
  readonly createdAt: number;
  /** Of the agent's log. An event after it makes the backup dangerous. */
  readonly head: BackupHead;
  /** Of one copy. */
  readonly bytes: number;
  /** How many passwords open it, each by itself. */
  readonly slots: number;
  readonly keys: readonly BackupKeyView[];
  readonly notIncluded: readonly NotIncludedKey[];
  readonly peers: number;
  readonly auditEntries: number;
  readonly leftOut: LeftOutView;
}

/**
 * How a backup stands to the agent's identity. `dangerous`: an event stands that it does not have, or what it ends with was cut off; its keys
 * count no more, and it is to be destroyed. `ahead`: it has events that this data directory does not have: the directory is the old one of the
 * two. `other-branch`: both have events that the other does not have, and nothing has decided between them. `unsettled`: nothing is known to be
 * behind it, and an event was seen that is not followed, or one that was signed may stand already, or nobody has looked yet.
 */
export type BackupState = "current" | "dangerous" | "ahead" | "other-branch" | "unsettled";

/** Of a restoration that was tried: `good`, or what its state is; `incomplete`: it counts, and not every key could be proved here. */
export type BackupVerdict = "good" | "incomplete" | Exclude<BackupState, "current">;

export interface CheckedKey {
  readonly kind: BackendKeyKind;
  readonly keyId: string;
  /** It was restored, opened again and used: it signs, or agrees. */
  readonly proved: boolean;
  /** `not-included`: it lives in hardware that is not here. */
  readonly reason?: "not-included";
}

/** What a restoration into a throw-away vault has shown. */
export interface BackupCheck {
  readonly id: string;
  readonly did: string;
  /** As the agent was called when it was made. */
  readonly name: string;
  readonly createdAt: number;
  /** Whole days; 0 also where it says that it was made in the future. */
  readonly ageDays: number;
  readonly head: BackupHead;
  readonly bytes: number;
  /** Which of its ways in the password is, 1 to `slots`. */
  readonly slot: number;
  readonly slots: number;
  /** Of keys and log; `good` with `comparedWith` "nothing" says that the keys work, not that they still count. */
  readonly verdict: BackupVerdict;
  /** Of the agent's log, that the backup does not have; absent where it was compared with nothing. */
  readonly eventsBehind?: number;
  /** Of the backup, that do not stand in the agent's log; absent where it was compared with nothing. */
  readonly eventsAhead?: number;
  readonly comparedWith: "agent" | "data-directory" | "directory" | "nothing";
  readonly keys: readonly CheckedKey[];
  /** Of the folder in which it was tried, where that could not be removed: no key opens from it, but peers and record can be read there. */
  readonly left?: string;
  readonly peers: number;
  readonly auditEntries: number;
  readonly leftOut: LeftOutView;
}

/** A backup that is on record. */
export interface BackupStatus {
  readonly id: string;
  readonly createdAt: number;
  /** Of the event that the log ended with when it was made. */
  readonly seq: number;
  /** Where its copies were written, or seen last. What lies there now `backupPlan` looks at: it may be another file. */
  readonly paths: readonly string[];
  readonly slots: number;
  /** By the log of this data directory. */
  readonly state: BackupState;
  /** When a restoration of it was last tried, and what came of it. */
  readonly verifiedAt?: number;
  readonly verifyResult?: BackupVerdict | ErrorCode;
}

/** The last restoration that was tried, also of a file that is on no record. */
export interface BackupDrillStatus {
  readonly at: number;
  /** Of the file, absolute. */
  readonly path: string;
  readonly result: BackupVerdict | ErrorCode;
}

export type BackupPractice = "other-password" | "offline-copy" | "several-copies" | "tested-restoration" | "current" | "recovery-kit";

export interface PracticeView {
  readonly practice: BackupPractice;
  /** `missing`: not done; `bad`: done, and wrong by now; `unknown`: it cannot be seen from here. */
  readonly state: "good" | "missing" | "bad" | "unknown";
  /** What is known, and what cannot be, in a sentence or two. */
  readonly detail: string;
  /** What to do. */
  readonly hint?: string;
}

/** A backup that is on record, with where its copies are now. */
export interface PlannedBackup extends BackupStatus {
  /** One for each of `paths`, in their order. */
  readonly copies: readonly CopyPlace[];
}

export interface BackupPlan {
  /** One for each practice, in a fixed order. */
  readonly practices: readonly PracticeView[];
  /** The one that was made last first. */
  readonly backups: readonly PlannedBackup[];
  /** How many more were put on record and are not listed any more; `forgetBackup("unlisted")` once they are destroyed. */
  readonly unlisted: number;
}
