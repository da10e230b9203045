/**
 * A new life for an agent of which nothing is left but its recovery kit and the log at a directory: new keys on an empty folder, a recovery
 * event after the last event that its owner takes for his own, the whole log, and the plan to publish all that, in one commit. The event
 * leaves only then.
 */
import {
  agentIdToDid,
  assembleEvent,
  didToAgentId,
  equalBytes,
  keyCommitment,
  prepareRotation,
  ROLE,
  talosError,
  toHex,
  verifyLog,
  type AgentId,
  type Crypto,
  type IdentityLog,
  type LogState,
  type TalosError,
} from "@talos/core";
import { openBackend, type BackendName } from "../backends/index.ts";
import { parseDirectoryUrl } from "../directory/directory-url.ts";
import type { Environment } from "../environment.ts";
import { readUnlock, requireStrongPassword } from "../password/index.ts";
import { readKitFacts } from "../recovery-kit/seal-kit.ts";
import { readKitText } from "../recovery-kit/kit-file.ts";
import { checkName, dataDirOf } from "../options.ts";
import { HOME_DIRECTORY, Vault, type FirstContent, type KeyFileStore } from "../vault/index.ts";
import { batchSigned, eventSigned, keyEntries } from "./audit-entries.ts";
import { entryOf, firstPrekeys, IDENTITY_INTERVAL_MILLISECONDS } from "./first-keys.ts";
import { openAuthority, type OpenedAuthority } from "./identity-plan/recovery-authority.ts";
import { publishPlan } from "./publish-plan.ts";
import {
  checkOutlookOptions,
  checkRecoverIdentityOptions,
  type CutAfter,
  type OutlookOptions,
  type RecoverIdentityOptions,
} from "./recover-options.ts";
import { signBatch } from "./sign-batch.ts";

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

/**
 * A vault with the agent's new life, generation 1, open; nothing has left yet.
 *
 * @throws TalosError as `TalosClient.recoverIdentity`; then no agent was made
 */
export async function recoverIdentityVault(environment: Environment, options: RecoverIdentityOptions): Promise<Vault> {
  const { recoveryKit, did, directory, cutAfter, reason = "compromise", suspectFrom, ...rest } = checkRecoverIdentityOptions(options);
  const { crypto, clock, kdf } = environment;
  const inKit = readKitFacts(readKitText(recoveryKit.path), crypto);
  const name = checkName(rest.name ?? inKit.agentName);
  const dataDir = dataDirOf({ ...rest, name });
  if (Vault.exists(dataDir)) throw talosError("VAULT_EXISTS", undefined, { details: { dataDir } });
  using unlock = await readUnlock({ ...rest, ...(rest.newPassword === undefined ? {} : { password: rest.newPassword }) });
  const allowWeak = rest.allowWeakPassword === true || environment.allowWeakPasswords === true;
  if (unlock.kind === "password") await requireStrongPassword(unlock.secret, { allowWeak, words: [name] });
  const home = parseDirectoryUrl(directory);
  if (did !== undefined && !equalBytes(idOf(did), inKit.agentId)) throw talosError("RECOVERY_KIT_FOREIGN");
  const log = await fetchLog(environment, inKit.agentId, home);
  const base = baseOf(log, cutAfter, crypto, clock.now());
  using authority = await openAuthority(recoveryKit, base, crypto);
  return await Vault.create({
    dataDir,
    name,
    unlock,
    slotLabel: unlock.label,
    crypto,
    now: clock.now(),
    ...(kdf === undefined ? {} : { kdf }),
    build: async (files) =>
      await buildNewLife(files, {
        environment,
        base,
        log,
        authority,
        reason,
        suspectFrom: reason === "compromise" ? (suspectFrom ?? recordedBefore(base)) : undefined,
        home,
        keyBackend: rest.keyBackend ?? "software",
      }),
  });
}

interface NewLife {
  readonly environment: Environment;
  /** What the recovery event follows. */
  readonly base: IdentityLog;
  /** What the directory has. */
  readonly log: IdentityLog;
  readonly authority: OpenedAuthority;
  readonly reason: "compromise" | "lost";
  /** Index into the audit tree of the life before. */
  readonly suspectFrom: number | undefined;
  readonly home: string;
  readonly keyBackend: BackendName;
}

async function buildNewLife(
  files: KeyFileStore,
  { environment, base, log, authority, reason, suspectFrom, home, keyBackend }: NewLife,
): Promise<FirstContent> {
  const { crypto, clock } = environment;
  const now = clock.now();
  const backend = openBackend(keyBackend, { files, crypto });
  using identity = await backend.create("identity");
  using next = await backend.create("next-identity");
  using encryption = await backend.create("encryption");
  const { body, toSign } = prepareRotation({
    time: now,
    seq: base.head.seq + 1,
    previous: base.head.hash,
    authority: "recovery",
    revealedKey: { algorithm: 1, bytes: authority.key.publicKey },
    identityKey: identity.publicKey,
    identityProtection: identity.protection,
    encryptionKey: encryption.publicKey,
    encryptionProtection: encryption.protection,
    next: { online: keyCommitment(next.publicKey, crypto), recovery: authority.nextCommitment },
    reason,
    migrationSeconds: 0,
    ...(suspectFrom === undefined ? {} : { suspectFrom }),
  });
  const signatures = await Promise.all(
    toSign.map(async ({ role, bytes }) => ({
      role,
      algorithm: 1 as const,
      signature: role === ROLE.revealed ? authority.key.sign(bytes) : await identity.sign(bytes),
    })),
  );
  const event = assembleEvent(body, signatures, crypto, base.identityKey);
  const own = verifyLog(base, [...base.events, event], now, crypto, base.agentId).log;
  const prekeys = firstPrekeys(files, crypto, now);
  const batch = await signBatch(prekeys, own, identity, { crypto, now, directories: [home] });
  const keys = [
    entryOf(identity, now, { kind: "identity", role: "current", dueAt: now + IDENTITY_INTERVAL_MILLISECONDS }),
    entryOf(next, now, { kind: "identity", role: "next" }),
    entryOf(encryption, now, { kind: "encryption", dueAt: now + IDENTITY_INTERVAL_MILLISECONDS }),
    ...prekeys,
  ];
  return {
    agentId: own.agentId,
    write: (tx) => {
      for (const [seq, { head }] of own.states.entries()) tx.log.append({ seq, hash: head.hash, wire: own.events[seq] ?? event });
      for (const entry of keys) tx.inventory.put(entry);
      for (const entry of keyEntries("key-created", keys, now)) tx.audit.append(entry);
      for (const [index, wire] of log.events.slice(base.events.length).entries()) {
        const seq = base.events.length + index;
        const hash = log.states[seq]?.head.hash;
        if (hash !== undefined) tx.cutOff.add({ hash, agentId: log.agentId, seq, wire, seenAt: now });
      }
      const cutOff = log.events.length - base.events.length;
      tx.audit.append({ kind: "identity-recovered", at: now, details: { seq: own.head.seq, reason, cutOff } });
      tx.audit.append(eventSigned({ ...own.head, event: "rotation", reason }, now));
      tx.audit.append(batchSigned(batch, now));
      tx.batches.put(batch);
      tx.plans.put(publishPlan(batch, prekeys, now));
      tx.settings.set(HOME_DIRECTORY, home);
    },
  };
}

async function fetchLog(environment: Environment, id: AgentId, url: string): Promise<IdentityLog> {
  const { crypto, clock } = environment;
  const instance = (): never => {
    throw talosError("INTERNAL", "A request was to be signed before there was an instance.");
  };
  const directory = environment.openDirectory({ url, crypto, clock, instance });
  try {
    const { log } = await directory.resolve(id);
    return verifyLog(undefined, log, clock.now(), crypto, id).log;
  } finally {
    directory.close();
  }
}

/** @throws TalosError INVALID_ARGUMENT; IDENTITY_MOVED where the directory has another event in that place; AGENT_REVOKED */
function baseOf(log: IdentityLog, cutAfter: CutAfter | number | undefined, crypto: Crypto, now: number): IdentityLog {
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
  return verifyLog(undefined, log.events.slice(0, base.seq + 1), now, crypto, log.agentId).log;
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
function recordedBefore(base: IdentityLog): number | undefined {
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
function lastRecoveryOf({ states }: IdentityLog): number {
  return Math.max(
    0,
    states.findLastIndex(({ authority, event }) => authority === "recovery" && event === "rotation"),
  );
}

function toOutlookEvent({ head, time, event, authority, reason, identityKey }: LogState): OutlookEvent {
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

function idOf(did: string): AgentId {
  try {
    return didToAgentId(did);
  } catch (cause) {
    throw talosError("INVALID_ARGUMENT", "did is a DID of the form did:talos:z...", { details: { option: "did" }, cause });
  }
}
