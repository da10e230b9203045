/**
 * An agent whose identity has moved on since its backup was made: the recovery key gives it new keys after the event that its owner takes for
 * his own, and the backup brings everything else. What stands between the two is final, and in doubt. Until its home directory has accepted the
 * event the agent is held: another event of the same recovery key may take the place, and whoever had heard of this one were lost to it.
 */
import { equalBytes, fromHex, talosError, toHex, type IdentityLog, type LogHead, type LogState, type TalosError } from "@talos/core";
import type { BackupContent } from "../../backup/backup-content.ts";
import type { Environment } from "../../environment.ts";
import type { BackendName } from "../../backends/index.ts";
import type { FirstContent, KeyFileStore } from "../../vault/index.ts";
import type { RecoveryAuthority } from "../identity-plan/make-event.ts";
import { beyond, beyondAll, buildNewKeys, sharedEvents } from "../new-life.ts";
import type { CutAfter } from "../recover-options.ts";
import { baseOf, lastRecoveryOf, recordedBefore, toOutlookEvent, upTo, type OutlookEvent } from "../recovery-outlook.ts";
import { relationOf } from "./branches.ts";
import { markHeld } from "./held-recovery.ts";
import { keepPlaces, type Places } from "./places.ts";
import { noteRestored, putRestored, recordOf } from "./restored-life.ts";

export interface ForwardInput {
  readonly environment: Environment;
  readonly content: BackupContent;
  /** Of the backup, verified. */
  readonly log: IdentityLog;
  /** As directories have it: with events that the backup does not have. More than one where branches contend, also with the backup's own. */
  readonly logs: readonly [IdentityLog, ...IdentityLog[]];
  readonly reason: "compromise" | "lost";
  readonly suspectFrom: number | undefined;
  readonly places: Places;
  readonly keyBackend: BackendName;
}

/** What the event follows, and what that means. */
export interface ForwardEvent {
  /** Of the recovery event. */
  readonly seq: number;
  readonly cutAfter: CutAfter;
  readonly reason: "compromise" | "lost";
  /** Index into the audit tree of the life before: what was on record from there on is in doubt. */
  readonly suspectFrom?: number;
  /** Events that the backup did not know and that are final now, oldest first: whoever had the keys made them. */
  readonly passed: readonly OutlookEvent[];
  /** Events that fell away, oldest first. */
  readonly cutOff: readonly OutlookEvent[];
}

/**
 * The log up to the event that the recovery follows. Without a choice it is the directory's newest, as long as it stands above the backup's
 * and is no revocation: that somebody has ended the agent is not undone unasked.
 *
 * @throws TalosError INVALID_ARGUMENT, also where it lies before the backup's, or where there is a choice and nothing was chosen; IDENTITY_MOVED;
 *   AGENT_REVOKED
 */
export function forwardBase({ environment, log, logs }: ForwardInput, cutAfter: CutAfter | number | undefined): IdentityLog {
  const { crypto, clock } = environment;
  const now = clock.now();
  const named = typeof cutAfter === "object" ? cutAfter : undefined;
  const abroad = logs.length === 1 ? logs[0] : logs.find(({ states }) => named !== undefined && isAt(states, named));
  const isThere = named !== undefined && abroad !== undefined && isAt(abroad.states, named);
  const isCutOff = logs.some((one) => relationOf(log, one, crypto) === "more" && !isAbove(one, log));
  if (named !== undefined && !isThere && !isCutOff && isOwn(log, named)) return upTo(log, named.seq, crypto, now);
  if (abroad === undefined) throw branchNeeded(log, logs);
  const isDecided = relationOf(log, abroad, crypto) === "more";
  // What ended a branch that contends has not ended the agent.
  if (!isDecided && (cutAfter === undefined || abroad.revoked?.authority === "recovery")) throw branchNeeded(log, logs);
  const unasked = isAbove(abroad, log) && abroad.revoked === undefined ? abroad.head.seq : undefined;
  const base = baseOf(abroad, cutAfter ?? unasked, crypto, now);
  if (!isAbove(abroad, log) || base.head.seq >= log.head.seq) return base;
  throw talosError("INVALID_ARGUMENT", "The event lies before the one at which the backup was made: that one is the owner's own.", {
    hint: "To go back further, recover with the recovery kit alone.",
    details: { option: "cutAfter", from: log.head.seq, to: abroad.head.seq },
  });
}

function isAbove(abroad: IdentityLog, log: IdentityLog): boolean {
  return sharedEvents(log, abroad) === log.events.length;
}

function branchNeeded({ head }: IdentityLog, logs: readonly IdentityLog[]): TalosError {
  const nameOf = ({ seq, hash }: LogHead): string => `${seq}:${toHex(hash)}`;
  const backup = nameOf(head);
  const abroad = logs.map((log) => nameOf(log.head)).join(", ");
  const contending =
    logs.length === 1
      ? "The directory has another branch of the identity's log than the backup"
      : "Directories have branches of the identity's log that contend";
  return talosError("INVALID_ARGUMENT", `${contending}: which one is the owner's own is needed.`, {
    hint: `Name its last event as cutAfter (--cut-after EVENT:HASH). The backup's: ${backup}; the directory's: ${abroad}.`,
    details: { option: "cutAfter", backup, directory: abroad },
  });
}

/** An event of the backup's own branch that a recovery event may follow. */
function isOwn(log: IdentityLog, cutAfter: CutAfter): boolean {
  return cutAfter.seq >= lastRecoveryOf(log) && isAt(log.states, cutAfter) && log.states[cutAfter.seq]?.event !== "revocation";
}

function isAt(states: readonly LogState[], { seq, hash }: CutAfter): boolean {
  const state = states[seq];
  return state !== undefined && equalBytes(state.head.hash, fromHex(hash));
}

export function forwardEvent({ content, log, logs, reason, suspectFrom }: ForwardInput, base: IdentityLog): ForwardEvent {
  const { head } = base;
  // The record of another branch is not the one that the backup has.
  const recorded = sharedEvents(log, base) === log.events.length ? content.auditHead.size : recordedBefore(base);
  const doubt = reason === "compromise" ? (suspectFrom ?? recorded) : undefined;
  return {
    seq: head.seq + 1,
    cutAfter: { seq: head.seq, hash: toHex(head.hash) },
    reason,
    ...(doubt === undefined ? {} : { suspectFrom: doubt }),
    passed: beyond(base, log).map(({ state }) => toOutlookEvent(state)),
    cutOff: beyondAll([...logs, log], base).map(({ state }) => toOutlookEvent(state)),
  };
}

/** Held, without prekeys. @throws TalosError as `buildNewKeys` */
export async function buildForwardLife(
  files: KeyFileStore,
  input: ForwardInput,
  base: IdentityLog,
  authority: RecoveryAuthority,
): Promise<FirstContent> {
  const { environment, content, log, logs, places, keyBackend, reason } = input;
  const { crypto, clock } = environment;
  const { suspectFrom } = forwardEvent(input, base);
  const others = [...logs, log];
  const { auditHead } = content;
  using keys = await buildNewKeys(files, { environment, base, others, authority, reason, suspectFrom, auditHead, keyBackend });
  const now = clock.now();
  return {
    ...recordOf(content),
    write: (tx) => {
      const seq = sharedEvents(log, base) - 1;
      noteRestored(tx, content, { now, seq, event: keys.own.head.seq, isFormerGone: places.isFormerGone });
      putRestored(tx, content, { crypto, now, places });
      keys.write(tx);
      markHeld(tx, { way: "rotated", since: now, backupAt: content.createdAt });
      keepPlaces(tx, places);
    },
  };
}
