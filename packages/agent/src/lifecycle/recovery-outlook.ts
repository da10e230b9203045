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
import { parseDirectoryUrl } from "../directory/directory-url.ts";
import { logAt } from "../directory/log-at.ts";
import type { Environment } from "../environment.ts";
import { readKitFacts } from "../recovery-kit/seal-kit.ts";
import { readKitText } from "../recovery-kit/kit-file.ts";
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
}

/** @throws TalosError as `TalosClient.recoveryOutlook` */
export async function recoveryOutlook(environment: Environment, options: OutlookOptions): Promise<RecoveryOutlook> {
  const { did, recoveryKit, directory } = checkOutlookOptions(options);
  const expected = did === undefined ? undefined : idOf(did);
  const inKit = recoveryKit && readKitFacts(readKitText(recoveryKit.path), environment.crypto);
  const id = inKit?.agentId ?? expected;
  if (id === undefined)
    throw talosError("INVALID_ARGUMENT", "The agent's DID or its recovery kit is needed.", { details: { option: "did" } });
  if (expected !== undefined && !equalBytes(expected, id)) throw talosError("RECOVERY_KIT_FOREIGN");
  const outlook = outlookOf(await fetchLog(environment, id, parseDirectoryUrl(directory)));
  return inKit === undefined ? outlook : { ...outlook, name: inKit.agentName };
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
