/**
 * The identity is replaced at once: by the recovery key where the owner brings it, and then whatever a thief did before falls away; else by
 * the next key. The vault key goes first, so that no new key is ever sealed under the one that may be in other hands. The event is a durable
 * plan; until it is stored nothing has happened but that, and the call is simply made again. Made again later, it goes on with the same event;
 * with the recovery key it takes the place of any event of the online key that no directory has accepted.
 */
import { isTalosError, talosError, toHex, type SecretBytes } from "@talos/core";
import type { AgentContext } from "../../context.ts";
import { readPassword, requireStrongPassword } from "../../password/index.ts";
import type { PasswordChange } from "../../vault/index.ts";
import { keyEntry } from "../audit-entries.ts";
import { headOf, movedError, noteForeignEvents } from "../foreign-events.ts";
import { readReport, signedSince, slotFacts, type EmergencyFacts, type EmergencyReport } from "./emergency-report.ts";
import { checkEmergencyRotateOptions, timeOf, type EmergencyRotateOptions } from "./identity-options.ts";
import { makeRotation, type MadeEvent } from "./make-event.ts";
import { settleFormerPlan } from "./former-plan.ts";
import { lookAbroad } from "./own-log-abroad.ts";
import { rewritePlan, type IdentityPlan } from "./plan-record.ts";
import { openAuthority, type OpenedAuthority } from "./recovery-authority.ts";
import { notConfigured, resultAt, type RotationResult } from "./rotate.ts";
import { abandonPlan, inTurn, readOpenPlan, runIdentityPlan, storePlan } from "./run-plan.ts";
import { atStandstill } from "./standstill.ts";

export interface EmergencyResult extends RotationResult {
  /** True without a recovery key: who has the whole data directory and its password could do the same, and the first one seen stands. */
  readonly contestable: boolean;
  readonly report: EmergencyReport;
}

const DEFAULT_REASON = "suspected compromise";
/** While the event of an emergency with a new password is not stored: the number of the vault key before it. */
const BEGUN = "emergency-begun";

/**
 * Works also for an instance that was superseded, and where the directory's log has moved on (then with the recovery key).
 *
 * @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT, WEAK_PASSWORD, SLOT_EXISTS (the new password opens a slot already), SLOT_NOT_FOUND (the way
 *   in was removed since: give a new password); of the kit as `openAuthority`; IDENTITY_MOVED without a kit; DIRECTORY_NOT_CONFIGURED,
 *   DIRECTORY_UNREACHABLE and others of the directory: where the event was made already it goes on by itself; AGENT_REVOKED; COMMIT_FAILED
 */
export async function emergencyRotate(context: AgentContext, options: EmergencyRotateOptions = {}): Promise<EmergencyResult> {
  const checked = checkEmergencyRotateOptions(options);
  context.standing.requireActiveOrSuperseded();
  using newPassword = checked.newPassword === undefined ? undefined : await readPassword(checked.newPassword);
  if (newPassword !== undefined) {
    const allowWeak = checked.allowWeakPassword === true || context.policy.allowWeakPasswords;
    await requireStrongPassword(newPassword, { allowWeak, words: [context.vault.name] });
  }
  return await inTurn(context, async () => {
    context.standing.requireActiveOrSuperseded();
    using authority = checked.recoveryKit && (await openAuthority(checked.recoveryKit, context.log, context.crypto));
    const { same, replaced } = await settleFormerPlan(context, { kind: "emergency", offline: checked.offline === true, authority });
    // One of the former ones may have been a revocation.
    context.standing.requireActiveOrSuperseded();
    let before = factsOf(replaced);
    if (same !== undefined) {
      before = adjustPlan(context, same, checked, newPassword);
      if (await wentOn(context, authority)) return outcome(context);
    }
    const cutOff = await findForeign(context, checked, { authority, replaced });
    const change = replaceVaultKey(context, authority, newPassword, before);
    await atStandstill(context, async () => startEmergency(context, checked, { authority, cutOff, change, replaced }));
    await runIdentityPlan(context);
    return outcome(context);
  });
}

/** @returns false where somebody else's event stands in its place: now it takes the recovery key */
async function wentOn(context: AgentContext, authority: OpenedAuthority | undefined): Promise<boolean> {
  try {
    await runIdentityPlan(context);
    return true;
  } catch (error) {
    if (authority === undefined || !isTalosError(error, "IDENTITY_MOVED") || readOpenPlan(context) !== undefined) throw error;
    return false;
  }
}

/**
 * The call that is made again may say what it did not say before, as far as that does not stand in the event.
 *
 * @returns the facts of the report as they are now
 * @throws TalosError PLAN_BLOCKED, with the name of the option; as `emergencyRotate` for the new password. Then nothing has changed
 */
function adjustPlan(
  context: AgentContext,
  plan: IdentityPlan,
  options: EmergencyRotateOptions,
  newPassword: SecretBytes | undefined,
): EmergencyFacts | undefined {
  const facts = factsOf(plan);
  if (facts === undefined) return undefined;
  const { revokeOld, suspectedSince, offline = plan.offline, notifyPeers = plan.notifyPeers, reason = facts.reason } = options;
  if (revokeOld !== undefined && revokeOld !== (facts.kind === "compromise")) throw signedAlready("revokeOld");
  if (suspectedSince !== undefined && timeOf(suspectedSince) !== facts.suspectedSince) throw signedAlready("suspectedSince");
  const change = newPassword === undefined ? facts : replaceVaultKey(context, undefined, newPassword, facts);
  const adjusted: EmergencyFacts = { ...facts, ...change, reason, notifyPeers };
  context.commits.evenSuperseded((tx) => {
    rewritePlan(tx, { ...plan, offline: plan.offline || offline, notifyPeers, report: JSON.stringify(adjusted) }, context.clock.now());
    tx.settings.set(BEGUN, undefined);
  });
  return adjusted;
}

function signedAlready(option: keyof EmergencyRotateOptions): Error {
  return talosError("PLAN_BLOCKED", `An emergency rotation is under way, and its event is signed: ${option} cannot be changed any more.`, {
    hint: "Make the same call without it. With the recovery key (recoveryKit) a new event takes the place of one that no directory has accepted.",
    details: { kind: "emergency", option },
  });
}

function factsOf(plan: IdentityPlan | undefined): EmergencyFacts | undefined {
  return plan?.kind !== "emergency" || plan.report === undefined ? undefined : (JSON.parse(plan.report) as EmergencyFacts);
}

/**
 * With a new password, once: the call that is made again after a crash finds the vault key and the password replaced already. Whoever knew a
 * password before that knows it still, so one that was a way in then is refused.
 *
 * @param facts of an operation that was begun before, and is gone on with or replaced
 */
function replaceVaultKey(
  context: AgentContext,
  authority: OpenedAuthority | undefined,
  newPassword: SecretBytes | undefined,
  facts: EmergencyFacts | undefined,
): ReplacedVaultKey {
  const { vault, commits } = context;
  const { passwordReplaced: wasReplaced = false, slotsToAddAgain: ended = [] } = facts ?? {};
  if (newPassword === undefined) {
    const { toAddAgain } = makeVaultKey(context, authority, undefined);
    return { passwordReplaced: wasReplaced, slotsToAddAgain: [...ended, ...slotFacts(toAddAgain)] };
  }
  const before = vault.read((tx) => tx.settings.get(BEGUN));
  const isReplaced = wasReplaced || (before !== undefined && Number(before) < vault.vaultKeyNumber);
  const isKnown = vault.opensWith({ kind: "password", secret: newPassword });
  if (isKnown && isReplaced) return { passwordReplaced: true, slotsToAddAgain: ended };
  if (!isKnown) commits.evenSuperseded((tx) => tx.settings.set(BEGUN, `${vault.vaultKeyNumber}`));
  const { toAddAgain } = makeVaultKey(context, authority, newPassword);
  return { passwordReplaced: true, slotsToAddAgain: [...ended, ...slotFacts(toAddAgain)] };
}

type ReplacedVaultKey = Pick<EmergencyFacts, "passwordReplaced" | "slotsToAddAgain">;

/**
 * No vault key is replaced while the file of the next identity key is lost: put back later, it must still open. The recovery key needs it no
 * more.
 */
function makeVaultKey(context: AgentContext, authority: OpenedAuthority | undefined, newPassword: SecretBytes | undefined): PasswordChange {
  const { vault, commits, clock } = context;
  try {
    return vault.replaceVaultKey(clock.now(), newPassword);
  } catch (error) {
    const next = vault.read((tx) => tx.inventory.live("identity", "next"));
    const isLost = isTalosError(error) && error.code.startsWith("KEY_FILE_") && error.details["keyId"] === next?.keyId;
    if (!isLost || next === undefined || authority === undefined) throw error;
    commits.evenSuperseded((tx) => {
      tx.inventory.setState(next.keyId, "ended", clock.now());
      tx.audit.append(keyEntry("key-ended", next, clock.now()));
    });
    return vault.replaceVaultKey(clock.now(), newPassword);
  }
}

type CutOffEvents = EmergencyFacts["cutOffEvents"];

/** What somebody else has put into the log: kept as evidence, and with the recovery key cut off. */
async function findForeign(
  context: AgentContext,
  { offline = false }: EmergencyRotateOptions,
  { authority, replaced }: Pick<Begun, "authority" | "replaced">,
): Promise<CutOffEvents> {
  const { home, crypto } = context;
  if (offline) return [];
  if (home === undefined) throw notConfigured();
  const abroad = await lookAbroad(context, home, replaced?.event);
  if (abroad.kind !== "moved") return [];
  noteForeignEvents(context, abroad.foreign);
  if (authority === undefined) throw movedError(abroad.log.head);
  const isRecovered = abroad.log.states.some(
    ({ head, authority: by }) => by === "recovery" && context.log.states[head.seq]?.authority !== by,
  );
  if (isRecovered) {
    throw talosError("IDENTITY_MOVED", "The recovery key was used elsewhere: this data directory is of a former life of the agent.", {
      hint: "Go on with the newer copy. If that was not you, give the agent a new life in an empty folder: talos recover --identity-only KIT.",
      details: { seq: abroad.log.head.seq },
    });
  }
  return abroad.foreign.map((wire) => {
    const { seq, hash } = headOf(wire, crypto);
    return { seq, hash: toHex(hash) };
  });
}

interface Begun {
  readonly authority: OpenedAuthority | undefined;
  readonly cutOff: CutOffEvents;
  readonly change: ReplacedVaultKey;
  /** An event of the online key that no directory is known to have accepted. */
  readonly replaced: IdentityPlan | undefined;
}

async function startEmergency(context: AgentContext, options: EmergencyRotateOptions, begun: Begun): Promise<void> {
  const { reason = DEFAULT_REASON, revokeOld = true, notifyPeers = true, offline = false } = options;
  const { vault, log, clock } = context;
  const suspectedSince = timeOf(options.suspectedSince);
  const kind = revokeOld ? "compromise" : "lost";
  const suspectFrom = suspectedSince === undefined ? undefined : vault.read((tx) => tx.audit.indexSince(suspectedSince));
  const made: MadeEvent = await makeRotation(context, { reason: kind, migrationSeconds: 0, suspectFrom, recovery: begun.authority });
  const facts: EmergencyFacts = {
    at: clock.now(),
    reason,
    kind,
    authority: made.authority,
    contestable: begun.authority === undefined,
    seq: made.head.seq,
    hash: toHex(made.head.hash),
    formerIdentityKey: toHex(log.identityKey.bytes),
    identityKey: toHex(made.identityKey),
    ...(suspectedSince === undefined ? {} : { suspectedSince }),
    ...(suspectFrom === undefined ? {} : { suspectFrom }),
    cutOffEvents: begun.cutOff,
    ...vault.read((tx) => signedSince(tx, suspectFrom ?? 0)),
    ...begun.change,
    notifyPeers,
  };
  storePlan(context, made, { kind: "emergency", notifyPeers, offline, report: JSON.stringify(facts) }, (tx) => {
    tx.settings.set(BEGUN, undefined);
    if (begun.replaced !== undefined) abandonPlan(tx, begun.replaced, clock.now());
  });
}

function outcome(context: AgentContext): EmergencyResult {
  const report = context.vault.read(readReport);
  if (report === undefined) throw talosError("INTERNAL");
  return { ...resultAt(context, context.log.head), contestable: report.contestable, report };
}
