/**
 * What a recovery event could follow, as a directory has the agent's log: shown to the person who decides, and held against that decision.
 * Makes nothing.
 */
import {
  agentIdToDid,
  didToAgentId,
  equalBytes,
  talosError,
  toHex,
  verifyLog,
  type AgentId,
  type Crypto,
  type IdentityLog,
  type LogState,
  type TalosError,
} from "@talos/core";
import { readBackupFile } from "../backup/backup-file.ts";
import { verifyContent } from "../backup/backup-proof.ts";
import { openBackup } from "../backup/seal-backup.ts";
import { parseDirectoryUrl } from "../directory/directory-url.ts";
import { logAt } from "../directory/log-at.ts";
import type { Environment } from "../environment.ts";
import { readPassword } from "../password/index.ts";
import { readKitFacts } from "../recovery-kit/seal-kit.ts";
import { readKitText } from "../recovery-kit/kit-file.ts";
import { beyond } from "./new-life.ts";
import { askingIn, askPlaces } from "./recover/compare-log.ts";
import { branchesOf } from "./recover/branches.ts";
import { placesOf } from "./recover/places.ts";
import { checkOutlookOptions, type CutAfter, type OutlookOptions } from "./recover-options.ts";

/** One event of the log, for the person who decides after which one to cut. Times are in milliseconds since 1970, by the clock of whoever made it. */
export interface OutlookEvent {
  readonly seq: number;
  readonly hash: string;
  readonly time: number;
  readonly event: LogState["event"];
  readonly authority?: "online" | "recovery";
  readonly reason?: string;
  readonly identityKey: string;
}

export interface RecoveryOutlook {
  readonly did: string;
  /** As the kit has it, where one was given. */
  readonly name?: string;
  readonly head: number;
  /** What a recovery event may follow: from the last recovery event on (else the inception), oldest first. */
  readonly events: readonly OutlookEvent[];
  /** Which it follows where there is no choice. With more than one that it may follow, whoever holds the keys may have made the later ones. */
  readonly cutAfter?: number;
  /** Set where the agent is revoked; `final`: nothing can bring it back. */
  readonly revoked?: { readonly final: boolean };
  /** Of a backup, where branches contend: the events of each of the others from where it parts from `events`, oldest first. */
  readonly contending?: readonly (readonly OutlookEvent[])[];
  /** Of a backup: URLs of directories that may know of more and gave no answer that counts. */
  readonly unanswered?: readonly string[];
}

/** @throws TalosError as `TalosClient.recoveryOutlook` */
export async function recoveryOutlook(environment: Environment, options: OutlookOptions): Promise<RecoveryOutlook> {
  const { backup, did, recoveryKit, directory } = checkOutlookOptions(options);
  const expected = did === undefined ? undefined : idOf(did);
  const inKit = recoveryKit && readKitFacts(readKitText(recoveryKit.path), environment.crypto);
  const url = directory === undefined ? undefined : parseDirectoryUrl(directory);
  const id = inKit?.agentId ?? expected;
  if (id !== undefined && expected !== undefined && !equalBytes(expected, id)) throw talosError("RECOVERY_KIT_FOREIGN");
  if (backup !== undefined) return await outlookOfBackup(environment, backup, id, url);
  if (id === undefined || url === undefined)
    throw talosError("INVALID_ARGUMENT", "The agent's DID or its recovery kit is needed.", { details: { option: "did" } });
  const outlook = outlookOf(await fetchLog(environment, id, url));
  return inKit === undefined ? outlook : { ...outlook, name: inKit.agentName };
}

/** @param id whose it must be */
async function outlookOfBackup(
  environment: Environment,
  backup: NonNullable<OutlookOptions["backup"]>,
  id: AgentId | undefined,
  directory: string | undefined,
): Promise<RecoveryOutlook> {
  const { crypto, clock } = environment;
  using password = await readPassword(backup.password);
  using opened = openBackup(readBackupFile(backup.path), password, crypto);
  const { content } = opened;
  if (id !== undefined && !equalBytes(id, content.agentId)) throw talosError("BACKUP_FOREIGN");
  const log = verifyContent(content, crypto, clock.now());
  const answers = await askPlaces(askingIn(environment), log.agentId, placesOf(content, directory, false));
  const abroad = answers.flatMap((answer) => answer.log ?? []);
  if (abroad.length === 0) throw answers.find(({ error }) => error !== undefined)?.error ?? talosError("AGENT_UNKNOWN");
  const [standing = log, ...others] = branchesOf([...abroad, log], crypto);
  const contending = others.map((other) => beyond(other, standing).map(({ state }) => toOutlookEvent(state)));
  const unanswered = answers.flatMap(({ url, error }) => (error === undefined ? [] : [url]));
  return {
    ...outlookOf(standing),
    name: content.agentName,
    ...(contending.length === 0 ? {} : { contending }),
    ...(unanswered.length === 0 ? {} : { unanswered }),
  };
}

/** Verified. @param url as `parseDirectoryUrl` gives it @throws TalosError of the directory; as `verifyLog` */
export async function fetchLog(environment: Environment, id: AgentId, url: string): Promise<IdentityLog> {
  const { crypto, clock } = environment;
  return verifyLog(undefined, await logAt(environment, url, id), clock.now(), crypto, id).log;
}

/**
 * The log up to the event that the recovery follows.
 *
 * @throws TalosError INVALID_ARGUMENT, also where there is a choice and nothing was chosen; IDENTITY_MOVED where the directory has another event
 *   in that place; AGENT_REVOKED
 */
export function baseOf(log: IdentityLog, cutAfter: CutAfter | number | undefined, crypto: Crypto, now: number): IdentityLog {
  const outlook = outlookOf(log);
  if (outlook.revoked?.final === true) throw talosError("AGENT_REVOKED");
  const chosen = typeof cutAfter === "object" ? cutAfter : { seq: cutAfter ?? outlook.cutAfter, hash: undefined };
  if (chosen.seq === undefined) throw choiceNeeded(outlook);
  const base = outlook.events.find(({ seq, event }) => seq === chosen.seq && event !== "revocation");
  if (base === undefined) {
    throw talosError("INVALID_ARGUMENT", "A recovery event may follow an event since the last recovery event, and no revocation.", {
      hint: "talos recover lists the events that it may follow.",
      details: { option: "cutAfter", from: outlook.events[0]?.seq ?? 0, to: outlook.head },
    });
  }
  if (chosen.hash !== undefined && chosen.hash !== base.hash) {
    throw talosError("IDENTITY_MOVED", "The directory has another event in that place than the one that was chosen.", {
      hint: "Look again (talos recover --list), at another directory too: one of the two branches may be a thief's.",
      details: { seq: base.seq, hash: base.hash },
    });
  }
  return upTo(log, base.seq, crypto, now);
}

/** The log as it was with that event as its head. */
export function upTo({ agentId, events }: IdentityLog, seq: number, crypto: Crypto, now: number): IdentityLog {
  return verifyLog(undefined, events.slice(0, seq + 1), now, crypto, agentId).log;
}

const MAX_HINTED_EVENTS = 8;

function choiceNeeded({ events, head }: RecoveryOutlook): TalosError {
  const newest = events.slice(-MAX_HINTED_EVENTS).map(({ seq, event, reason, hash }) => {
    const kind = reason === undefined ? event : `${event} (${reason})`;
    return `${seq}:${hash.slice(0, 16)} ${kind}`;
  });
  return talosError(
    "INVALID_ARGUMENT",
    "Several events stand since the last recovery event: the last one that is the owner's own is needed.",
    {
      hint: `Whoever holds the keys may have made the later ones, and what the recovery follows is final. Name it as cutAfter (--cut-after EVENT:HASH): ${newest.join(", ")}`,
      details: { option: "cutAfter", from: events[0]?.seq ?? 0, to: head },
    },
  );
}

/** What the first of the events that may be somebody else's says of the record before it. */
export function recordedBefore(base: IdentityLog): number | undefined {
  return base.states.slice(lastRecoveryOf(base)).find(({ auditHead }) => auditHead !== undefined)?.auditHead?.size;
}

function outlookOf(log: IdentityLog): RecoveryOutlook {
  const events = log.states.slice(lastRecoveryOf(log)).map(toOutlookEvent);
  const [only, ...others] = events.filter(({ event }) => event !== "revocation");
  const { revoked, head } = log;
  return {
    did: agentIdToDid(log.agentId),
    head: head.seq,
    events,
    ...(only === undefined || others.length > 0 ? {} : { cutAfter: only.seq }),
    ...(revoked === undefined ? {} : { revoked: { final: revoked.authority === "recovery" } }),
  };
}

/** Else the inception. */
export function lastRecoveryOf({ states }: IdentityLog): number {
  return Math.max(
    0,
    states.findLastIndex(({ authority, event }) => authority === "recovery" && event === "rotation"),
  );
}

export function toOutlookEvent({ head, time, event, authority, reason, identityKey }: LogState): OutlookEvent {
  return {
    seq: head.seq,
    hash: toHex(head.hash),
    time,
    event,
    ...(authority === undefined ? {} : { authority }),
    ...(reason === undefined ? {} : { reason }),
    identityKey: toHex(identityKey.bytes),
  };
}

export function idOf(did: string): AgentId {
  try {
    return didToAgentId(did);
  } catch (cause) {
    throw talosError("INVALID_ARGUMENT", "did is a DID of the form did:talos:z...", { details: { option: "did" }, cause });
  }
}
