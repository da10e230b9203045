/**
 * How an agent stands by the practices of keeping backups: by what is on record, and by where the copies are now. Each says what is known and
 * what cannot be seen from here. Opens no backup, needs no password.
 */
import { type Crypto, DAY_MILLISECONDS } from "@talos/core";
import { recoveryStatus, type RecoveryStatus } from "../recovery-kit/kit-status.ts";
import type { ReadTransaction, SlotInfo } from "../vault/index.ts";
import { showTime } from "../vault/times.ts";
import { type Doubt, isVerdict, knownByAgent } from "./backup-standing.ts";
import type {
  BackupDrillStatus,
  BackupPlan,
  BackupPractice,
  BackupState,
  BackupStatus,
  CopyPlace,
  PlannedBackup,
  PracticeView,
} from "./backup-views.ts";
import { copyPlace, isThere } from "./copy-places.ts";
import { ageInDays, isFromFuture, lastDrill, type RecordedBackup, recordedBackups, unlistedCount, UNLISTED_ID } from "./records.ts";

/** After so long something is to be done again. */
const FRESH_DAYS = 90;

export interface PlanInput {
  readonly dataDir: string;
  /** The ways into the data directory. */
  readonly slots: readonly SlotInfo[];
  readonly crypto: Pick<Crypto, "sha256">;
  readonly now: number;
}

/** What the practices are judged by. */
interface Known {
  readonly backups: readonly PlannedBackup[];
  /** Of the log's present head; the one that was made last first. */
  readonly present: readonly Present[];
  /** Of the present ones. */
  readonly copies: readonly CopyPlace[];
  readonly doubt: Doubt | undefined;
  /** That went off the list, and are from before the present head. */
  readonly unlisted: number;
  readonly slots: readonly SlotInfo[];
  /** Of copies of the present ones: the last try of each path, where that failed. */
  readonly failures: readonly BackupDrillStatus[];
  readonly recovery: RecoveryStatus;
  readonly now: number;
}

/** With the passwords of the data directory that were tried when it was made. */
interface Present {
  readonly status: PlannedBackup;
  readonly triedWays: RecordedBackup["triedWays"];
}

type Judgement = Omit<PracticeView, "practice">;

const MAKE_ONE = "talos backup create --to FILE --to ANOTHER-FILE, each on a medium of its own.";
const NO_BACKUP = "No backup of the present keys is on record.";

const PRACTICES: readonly (readonly [BackupPractice, (known: Known) => Judgement])[] = [
  ["other-password", otherPassword],
  ["offline-copy", offlineCopy],
  ["several-copies", severalCopies],
  ["tested-restoration", testedRestoration],
  ["current", current],
  ["recovery-kit", recoveryKit],
];

/** @param tx one state of the store */
export function backupPlan(tx: ReadTransaction, { dataDir, slots, crypto, now }: PlanInput): BackupPlan {
  const recorded: readonly Present[] = recordedBackups(tx).map(({ status, copies, triedWays }) => ({
    status: { ...status, copies: copies.map((copy) => copyPlace(copy, status.id, dataDir, crypto)) },
    triedWays,
  }));
  const backups = recorded.map(({ status }) => status);
  const present = recorded.filter(({ status: { state } }) => state === "current" || state === "unsettled");
  const known: Known = {
    backups,
    present,
    copies: present.flatMap(({ status }) => status.copies),
    doubt: knownByAgent(tx, "agent").doubt,
    unlisted: unlistedCount(tx, true),
    slots,
    failures: present.flatMap(({ status }) => failuresOf(tx, status)),
    recovery: recoveryStatus(tx),
    now,
  };
  return { practices: PRACTICES.map(([practice, judge]) => ({ practice, ...judge(known) })), backups, unlisted: unlistedCount(tx) };
}

/** Every one that counts: a password that opens one of them opens the agent. */
function otherPassword({ present, slots }: Known): Judgement {
  if (present.length === 0) return { state: "missing", detail: NO_BACKUP, hint: MAKE_ONE };
  const passwords = slots.filter(({ kind }) => kind === "password");
  const untried = present.filter(({ triedWays = [] }) => passwords.some(({ createdAt }) => !triedWays.includes(createdAt)));
  if (untried.length === 0)
    return { state: "good", detail: "No password of a present backup opens the data directory: each was tried when it was made." };
  const names = untried.map(({ status }) => status.id).join(", ");
  return {
    state: "unknown",
    detail: `Not every password of the data directory was tried when these were made, and whether one opens them cannot be seen from here: ${names}.`,
    hint: "Make a new backup, where a password that opens the data directory is refused, then destroy these and take them off the record (talos backup forget ID).",
  };
}

function offlineCopy({ copies }: Known): Judgement {
  if (copies.length === 0) return { state: "missing", detail: NO_BACKUP, hint: MAKE_ONE };
  const away = copies.find(({ state }) => state === "away");
  if (away !== undefined) {
    const detail = `${away.path} was written to another file system than that of the data directory, which is not attached now. Where that is, and whether the copy is whole, cannot be seen from here.`;
    return { state: "good", detail };
  }
  const apart = copies.find(({ state }) => state === "apart");
  if (apart !== undefined) {
    const detail = `${apart.path} is on another file system than the data directory. Whether that is another disk, and is ever taken off the machine, cannot be seen from here.`;
    return { state: "good", detail };
  }
  const gone = copies.find(isNowhere);
  if (gone !== undefined) {
    return {
      state: "unknown",
      detail: `${gone.path} ${gone.state === "gone" ? "is not there now" : "is another file now, and the copy is not there"}: taken away to a safe place, moved, or lost; that cannot be seen from here.`,
      hint: "See that it is where you keep it, and verify it there (talos backup verify FILE).",
    };
  }
  return {
    state: "bad",
    detail: "Every copy lies on the file system of the data directory, or in memory, and is lost and stolen with the machine.",
    hint: "Copy the file to a medium that is kept off the machine; it can be copied as it is.",
  };
}

function severalCopies({ copies }: Known): Judgement {
  if (copies.length === 0) return { state: "missing", detail: NO_BACKUP, hint: MAKE_ONE };
  const kept = copies.filter(({ state }) => state !== "memory");
  const places = new Set(kept.flatMap(({ medium }) => medium ?? [])).size;
  if (places >= 2) {
    return {
      state: "good",
      detail: `Copies are on ${places} file systems. Whether those are on different disks cannot be seen from here.`,
    };
  }
  if (copies.length === 1) return { state: "missing", detail: `There is one copy alone: ${copies[0]?.path ?? ""}.`, hint: MAKE_ONE };
  if (copies.some(isNowhere)) {
    return {
      state: "unknown",
      detail: "Of several copies not all are where they were written; how many there are cannot be seen from here.",
      hint: "See that they are where you keep them, and verify them there (talos backup verify FILE).",
    };
  }
  return { state: "bad", detail: "All copies are on one file system, or in memory, and are lost together.", hint: MAKE_ONE };
}

function testedRestoration({ present, failures, now }: Known): Judgement {
  const hint = "talos backup verify FILE --record, or a drill on schedule.";
  if (present.length === 0) return { state: "missing", detail: NO_BACKUP, hint: MAKE_ONE };
  const tried = present.map(({ status }) => status).filter(({ verifiedAt }) => verifiedAt !== undefined);
  const [last] = tried.sort((a, b) => (b.verifiedAt ?? 0) - (a.verifiedAt ?? 0));
  const at = last?.verifiedAt ?? 0;
  const [failure] = failures;
  if (failure !== undefined) return { state: "bad", detail: `${failed(failure.result, failure.at)} It was of ${failure.path}.`, hint };
  if (last === undefined) return { state: "missing", detail: "No restoration of a present backup was tried.", hint };
  const result = last.verifyResult ?? "";
  if (result === "incomplete") {
    const detail = `A restoration was tried at ${showTime(at)}, and not every key could be proved: those in hardware that was not there.`;
    return { state: "unknown", detail, hint: "Verify it where that hardware is attached (talos backup verify FILE --record)." };
  }
  if (!isVerdict(result)) return { state: "bad", detail: failed(result, at), hint };
  const days = ageInDays(at, now);
  if (days > FRESH_DAYS) return { state: "bad", detail: `A restoration was last tried ${days} days ago.`, hint };
  return { state: "good", detail: `A restoration was tried with success at ${showTime(at)}.` };
}

/** Of what lies there now: a try of an earlier file, or of another path, says nothing of it. */
function failuresOf(tx: ReadTransaction, { paths, createdAt, verifiedAt = createdAt }: BackupStatus): readonly BackupDrillStatus[] {
  return paths.flatMap((path) => {
    const drill = lastDrill(tx, path);
    return drill !== undefined && drill.at > verifiedAt && !isVerdict(drill.result) ? [drill] : [];
  });
}

const DOUBTS: Readonly<Record<Doubt, string>> = {
  "identity-moved": "the identity has an event that this data directory did not make",
  "change-under-way": "a change of the identity is under way, and its event may stand already",
  "recovery-unchecked": "the agent comes from a backup itself, and has not been compared with its directory",
};

function current({ backups, present, doubt, unlisted, now }: Known): Judgement {
  const inState = (state: BackupState): readonly PlannedBackup[] => backups.filter((backup) => backup.state === state);
  const [dangerous, ahead, other] = [inState("dangerous"), inState("ahead"), inState("other-branch")];
  const [newest] = present;
  if (ahead.length > 0) {
    const detail = `This data directory is older than backups on record, which have events that it does not have: ${pathsOf(ahead)}.`;
    return { state: "bad", detail, hint: "Keep them: it is the data directory that is behind. talos status says how the agent stands." };
  }
  if (other.length > 0) {
    const detail = `Backups on record have another history of the identity than this data directory: ${pathsOf(other)}. Which of the two counts is not decided here.`;
    return { state: "bad", detail, hint: "Keep them until it is: talos backup verify FILE --directory URL says what the directory has." };
  }
  if (dangerous.length > 0 || unlisted > 0) return outlived(dangerous, unlisted, newest !== undefined);
  if (newest === undefined) return { state: "missing", detail: NO_BACKUP, hint: MAKE_ONE };
  if (doubt !== undefined) {
    const detail = `Whether the newest backup has the present keys is not known: ${DOUBTS[doubt]}.`;
    return { state: "unknown", detail, hint: "Keep it, and make another one once that is settled; talos status says what is in the way." };
  }
  const { createdAt } = newest.status;
  if (isFromFuture(createdAt, now)) {
    const detail = "The newest backup has the present keys; how old it is is not known, since it was made by a clock that was ahead.";
    return { state: "unknown", detail, hint: MAKE_ONE };
  }
  const days = ageInDays(createdAt, now);
  if (now - createdAt > FRESH_DAYS * DAY_MILLISECONDS) {
    const detail = `The newest backup is ${days} days old: its keys are the present ones, but peers and the audit of since then are not in it.`;
    return { state: "bad", detail, hint: MAKE_ONE };
  }
  return { state: "good", detail: `The newest backup is ${days} days old and has the present keys.` };
}

/** What counts no more is worth more to a thief than to its owner. Named are the places where it lies; another file may lie where it was. */
function outlived(dangerous: readonly PlannedBackup[], unlisted: number, hasNewer: boolean): Judgement {
  const listed = dangerous.length === 0 ? "" : `: ${dangerous.map(whereNow).join("; ")}`;
  const more = unlisted === 0 ? "" : `; ${dangerous.length === 0 ? "" : "and "}${unlisted} more that are not listed any more`;
  if (!hasNewer) {
    const detail = `Every backup on record is from before the identity moved on, and its keys count no more${listed}${more}.`;
    return { state: "bad", detail, hint: `Make a new one: ${MAKE_ONE} Then destroy them, wherever copies are.` };
  }
  const detail = `Backups from before the identity moved on are on record, and whoever opens one has former keys${listed}${more}.`;
  const forget = unlisted === 0 ? "ID" : `ID, or ${UNLISTED_ID} for those that are not listed`;
  return {
    state: "bad",
    detail,
    hint: `Destroy them, wherever copies are, then take them off the record (talos backup forget ${forget}).`,
  };
}

function recoveryKit({ recovery: { kit, lastCheckedAt } }: Known): Judgement {
  if (kit === "none") {
    const detail = "There is no recovery kit: once the identity has moved on, no backup brings the agent back.";
    return { state: "missing", detail, hint: "talos recovery-kit create FILE, on a medium of its own." };
  }
  if (lastCheckedAt === undefined) {
    const hint = "talos recovery-kit check FILE proves that it opens and is the one in force.";
    return { state: "unknown", detail: "There is a recovery kit; whether it opens was not tried since it was made.", hint };
  }
  return { state: "good", detail: `The recovery kit was last proved at ${showTime(lastCheckedAt)}.` };
}

function whereNow({ id, copies }: PlannedBackup): string {
  const there = copies.filter(isThere).map(({ path }) => path);
  const away = copies.filter(({ state }) => state === "away").map(({ path }) => path);
  const nowhere = copies.filter(isNowhere).length;
  const places = [
    ...(there.length === 0 ? [] : [`at ${there.join(", ")}`]),
    ...(away.length === 0 ? [] : [`on a medium that is not attached (${away.join(", ")})`]),
    ...(nowhere === 0 ? [] : [`${nowhere} of its copies not where ${nowhere === 1 ? "it was" : "they were"} written`]),
  ];
  return `${id} ${places.length === 0 ? "in no known place" : places.join(", ")}`;
}

/** Nothing says where it is. */
function isNowhere({ state }: CopyPlace): boolean {
  return state === "gone" || state === "replaced";
}

function pathsOf(backups: readonly BackupStatus[]): string {
  return backups.flatMap(({ paths }) => paths).join(", ");
}

function failed(result: string, at: number): string {
  return `The last try of a restoration, at ${showTime(at)}, ended with ${result}.`;
}
