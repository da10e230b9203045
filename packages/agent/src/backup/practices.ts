/**
 * How an agent stands by the practices of keeping backups: by what is on record, and by where the copies are now. Each says what is known and
 * what cannot be seen from here. Opens no backup, needs no password.
 */
import { type Crypto, DAY_MILLISECONDS } from "@talos/core";
import { recoveryStatus, type RecoveryStatus } from "../recovery-kit/kit-status.ts";
import type { ReadTransaction, SlotInfo } from "../vault/index.ts";
import { showTime } from "../vault/times.ts";
import type { BackupDrillStatus, BackupPlan, BackupPractice, BackupStatus, PracticeView } from "./backup-views.ts";
import { type CopyPlace, copyPlace } from "./copy-places.ts";
import { ageInDays, backupStatus, lastDrill } from "./records.ts";

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
  /** The newest first. */
  readonly current: readonly BackupStatus[];
  readonly dangerous: readonly BackupStatus[];
  /** Of the current ones. */
  readonly copies: readonly CopyPlace[];
  readonly slots: readonly SlotInfo[];
  readonly drill: BackupDrillStatus | undefined;
  readonly recovery: RecoveryStatus;
  readonly now: number;
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
  const backups = backupStatus(tx);
  const present = backups.filter(({ state }) => state === "current");
  const known: Known = {
    current: present,
    dangerous: backups.filter(({ state }) => state === "dangerous"),
    copies: present.flatMap(({ id, paths }) => paths.map((path) => copyPlace(path, id, dataDir, crypto))),
    slots,
    drill: lastDrill(tx),
    recovery: recoveryStatus(tx),
    now,
  };
  return { practices: PRACTICES.map(([practice, judge]) => ({ practice, ...judge(known) })), backups };
}

function otherPassword({ current: [newest], slots }: Known): Judgement {
  if (newest === undefined) return { state: "missing", detail: NO_BACKUP, hint: MAKE_ONE };
  const isNewer = slots.some(({ kind, createdAt }) => kind === "password" && createdAt > newest.createdAt);
  if (!isNewer)
    return { state: "good", detail: "No password of the newest backup opens the data directory: it was tried when it was made." };
  return {
    state: "unknown",
    detail: "A password of the data directory is newer than the newest backup; whether it is one of the backup's cannot be seen from here.",
    hint: "Make a new backup: a password that opens the data directory is refused.",
  };
}

function offlineCopy({ copies }: Known): Judgement {
  if (copies.length === 0) return { state: "missing", detail: NO_BACKUP, hint: MAKE_ONE };
  const away = copies.find(({ state }) => state === "away");
  if (away !== undefined) {
    return { state: "good", detail: `${away.path} is on a medium that is not attached now. Whether it is whole shows only when it is.` };
  }
  const apart = copies.find(({ state }) => state === "apart");
  if (apart !== undefined) {
    const detail = `${apart.path} is on another file system than the data directory. Whether that is ever taken off the machine cannot be seen from here.`;
    return { state: "good", detail };
  }
  const gone = copies.find(({ state }) => state === "gone");
  if (gone !== undefined) {
    return {
      state: "unknown",
      detail: `${gone.path} is not there now: taken away to a safe place, moved, or lost; that cannot be seen from here.`,
      hint: "See that it is where you keep it, and verify it there (talos backup verify FILE).",
    };
  }
  return {
    state: "bad",
    detail: "Every copy lies on the file system of the data directory, and is lost and stolen with it.",
    hint: "Copy the file to a medium that is kept off the machine; it can be copied as it is.",
  };
}

function severalCopies({ copies }: Known): Judgement {
  const here = copies.filter(({ state }) => state === "beside" || state === "apart");
  const away = copies.filter(({ state }) => state === "away");
  const places = new Set(here.map(({ device }) => device)).size + away.length;
  if (copies.length === 0) return { state: "missing", detail: NO_BACKUP, hint: MAKE_ONE };
  if (places >= 2) return { state: "good", detail: `Copies are in ${places} places that do not fail together.` };
  if (copies.length === 1) return { state: "missing", detail: `There is one copy alone: ${copies[0]?.path ?? ""}.`, hint: MAKE_ONE };
  if (here.length === copies.length) {
    return { state: "bad", detail: "All copies are on one file system, and are lost together.", hint: MAKE_ONE };
  }
  return {
    state: "unknown",
    detail: "Of several copies not all are where they were written; how many there are cannot be seen from here.",
    hint: "See that they are where you keep them, and verify them there (talos backup verify FILE).",
  };
}

function testedRestoration({ current: backups, drill, now }: Known): Judgement {
  const hint = "talos backup verify FILE --record, or a drill on schedule.";
  if (backups.length === 0) return { state: "missing", detail: NO_BACKUP, hint: MAKE_ONE };
  const [last] = backups.filter(({ verifiedAt }) => verifiedAt !== undefined).sort((a, b) => (b.verifiedAt ?? 0) - (a.verifiedAt ?? 0));
  const at = last?.verifiedAt ?? 0;
  if (drill !== undefined && drill.at > at && !isVerdict(drill.result))
    return { state: "bad", detail: failed(drill.result, drill.at), hint };
  if (last === undefined) return { state: "missing", detail: "No restoration of a present backup was tried.", hint };
  if (last.verifyResult !== "good") return { state: "bad", detail: failed(last.verifyResult ?? "", at), hint };
  const days = ageInDays(at, now);
  if (days > FRESH_DAYS) return { state: "bad", detail: `A restoration was last tried ${days} days ago.`, hint };
  return { state: "good", detail: `A restoration was tried with success at ${showTime(at)}.` };
}

function current({ current: [newest], dangerous, now }: Known): Judgement {
  if (newest === undefined && dangerous.length === 0) return { state: "missing", detail: NO_BACKUP, hint: MAKE_ONE };
  const destroy = "Destroy them, wherever copies are";
  if (newest === undefined) {
    const detail = `Every backup on record is from before the identity moved on, and its keys count no more: ${pathsOf(dangerous)}.`;
    return { state: "bad", detail, hint: `Make a new one: ${MAKE_ONE} ${destroy}.` };
  }
  if (dangerous.length > 0) {
    const detail = `Backups from before the identity moved on are on record, and whoever opens one has former keys: ${pathsOf(dangerous)}.`;
    return { state: "bad", detail, hint: `${destroy}, then take them off the record (talos backup forget ID).` };
  }
  const days = ageInDays(newest.createdAt, now);
  if (now - newest.createdAt > FRESH_DAYS * DAY_MILLISECONDS) {
    const detail = `The newest backup is ${days} days old: its keys are the present ones, but peers and the audit of since then are not in it.`;
    return { state: "bad", detail, hint: MAKE_ONE };
  }
  return { state: "good", detail: `The newest backup is ${days} days old and has the present keys.` };
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

function pathsOf(backups: readonly BackupStatus[]): string {
  return backups.flatMap(({ paths }) => paths).join(", ");
}

function isVerdict(result: string): boolean {
  return result === "good" || result === "dangerous";
}

function failed(result: string, at: number): string {
  return `The last try of a restoration, at ${showTime(at)}, ended with ${result}.`;
}
