/**
 * A planned rotation: the next key, revealed from its commitment, takes over with the outgoing key's word for it. The agent id, sessions and
 * prekeys that are on their way stay good; for a while peers accept both keys.
 */
import { agentIdToDid, decodeEvent, sameHead, talosError, toHex, type LogHead } from "@talos/core";
import type { AgentContext } from "../../context.ts";
import type { ReadTransaction, Vault } from "../../vault/index.ts";
import { movedError, noteForeignEvents, requireUnmoved } from "../foreign-events.ts";
import { putInForceOffline } from "./former-plan.ts";
import { checkRotateIdentityOptions, migrationSecondsOf, type RotateIdentityOptions } from "./identity-options.ts";
import { makeRotation } from "./make-event.ts";
import { lookAbroad } from "./own-log-abroad.ts";
import { inTurn, readOpenPlan, runIdentityPlan, storePlan } from "./run-plan.ts";
import { atStandstill } from "./standstill.ts";

export interface RotationResult {
  /** The new keys, in hexadecimal. */
  readonly identityKey: string;
  readonly encryptionKey: string;
  /** Of the event. */
  readonly seq: number;
  /** Until then peers accept what was signed under the key before; milliseconds since 1970. */
  readonly migrationEndsAt: number;
  /** DIDs of the peers that have acknowledged the event, or whose directory has it for them. */
  readonly notified: readonly string[];
  /** Those that are still to be reached; it goes on by itself. */
  readonly pending: readonly string[];
}

/**
 * @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT; DIRECTORY_NOT_CONFIGURED; DIRECTORY_UNREACHABLE and others of the directory: where the
 *   event was made already it goes on by itself; IDENTITY_MOVED; PLAN_BLOCKED; AGENT_REVOKED, INSTANCE_SUPERSEDED and others of an agent that
 *   may not act; KEY_NOT_FOUND, KEY_FILE_MISSING where the next key is lost; COMMIT_FAILED
 */
export async function rotateIdentity(context: AgentContext, options: RotateIdentityOptions = {}): Promise<RotationResult> {
  const { notifyPeers = true, offline = false, ...rest } = checkRotateIdentityOptions(options);
  const before = running.get(context.vault);
  // Whoever asks while one is under way gets that one: nobody means to rotate twice in a moment.
  if (before !== undefined) return await before;
  const own = plannedRotation(context, { migrationSeconds: migrationSecondsOf(rest), notifyPeers, offline });
  running.set(context.vault, own);
  try {
    return await own;
  } finally {
    running.delete(context.vault);
  }
}

const running: WeakMap<Vault, Promise<RotationResult>> = new WeakMap();

export interface PlannedRotationInput {
  readonly migrationSeconds: number;
  readonly notifyPeers: boolean;
  readonly offline: boolean;
  /** 32 bytes: to a recovery key, where there was none. */
  readonly recoveryCommitment?: Uint8Array;
}

const DEFAULT_MIGRATION_SECONDS = 604_800;

/**
 * One online event that adds a recovery commitment, for a kit that is written and read back already.
 *
 * @throws as `rotateIdentity`; INVALID_ARGUMENT where the identity has a recovery key already
 */
export async function planIdentityRotation(
  context: AgentContext,
  { recoveryCommitment, offline = false }: { readonly recoveryCommitment: Uint8Array; readonly offline?: boolean },
): Promise<RotationResult> {
  const input = { migrationSeconds: DEFAULT_MIGRATION_SECONDS, notifyPeers: true, offline, recoveryCommitment };
  return await plannedRotation(context, input);
}

/** One that an earlier call or process has begun. @throws TalosError as `rotateIdentity` */
export async function finishPlannedRotation(context: AgentContext): Promise<void> {
  await inTurn(context, async () => {
    if (readOpenPlan(context)?.kind === "rotate") await runIdentityPlan(context);
  });
}

async function plannedRotation(context: AgentContext, input: PlannedRotationInput): Promise<RotationResult> {
  return await inTurn(context, async () => {
    context.standing.requireActive();
    requireUnmoved(context);
    const before = readOpenPlan(context);
    if (before !== undefined && before.kind !== "rotate") throw talosError("PLAN_BLOCKED", undefined, { details: { kind: before.kind } });
    if (before !== undefined && input.offline) putInForceOffline(context, before);
    if (before !== undefined) await runIdentityPlan(context);
    if (before !== undefined && input.recoveryCommitment === undefined) return resultAt(context, before.head);
    await startRotation(context, input);
    await runIdentityPlan(context);
    return resultAt(context, context.log.head);
  });
}

async function startRotation(context: AgentContext, input: PlannedRotationInput): Promise<void> {
  const { recoveryCommitment, migrationSeconds, notifyPeers, offline } = input;
  if (recoveryCommitment !== undefined && context.log.next.recovery !== undefined) {
    throw talosError("INVALID_ARGUMENT", "This identity has a recovery key already; only that can be replaced by itself.", {
      details: { option: "recoveryCommitment" },
    });
  }
  await requireHead(context, offline);
  await atStandstill(context, async () => {
    const made = await makeRotation(context, { reason: "planned", migrationSeconds, recoveryCommitment });
    storePlan(context, made, { kind: "rotate", notifyPeers, offline, report: undefined });
  });
}

/**
 * Compare and swap begins with the head that the directory has.
 *
 * @throws TalosError DIRECTORY_NOT_CONFIGURED; of the directory; IDENTITY_MOVED
 */
async function requireHead(context: AgentContext, offline: boolean): Promise<void> {
  const { home } = context;
  if (offline) return;
  if (home === undefined) throw notConfigured();
  const abroad = await lookAbroad(context, home);
  if (abroad.kind !== "moved") return;
  noteForeignEvents(context, abroad.foreign);
  throw movedError(abroad.log.head);
}

export function notConfigured(): Error {
  return talosError("DIRECTORY_NOT_CONFIGURED", "This agent has no directory that could accept the event.", {
    hint: "Give one with --directory URL, or make the event all the same with --offline: another copy of this agent could then make one too.",
  });
}

/** What became of the event at that head. */
export function resultAt({ vault, log, crypto }: AgentContext, head: LogHead): RotationResult {
  const state = log.states[head.seq];
  if (state === undefined || !sameHead(state.head, head)) throw talosError("HEAD_UNKNOWN");
  const { event } = decodeEvent(log.events[head.seq] ?? new Uint8Array(), crypto);
  const migrationSeconds = event.kind === "rotation" ? event.migrationSeconds : 0;
  return {
    identityKey: toHex(state.identityKey.bytes),
    encryptionKey: toHex(state.encryptionKey.bytes),
    seq: head.seq,
    migrationEndsAt: state.time + migrationSeconds * 1000,
    ...vault.read((tx) => notifiedOf(tx, head)),
  };
}

export function notifiedOf(tx: ReadTransaction, head: LogHead): { readonly notified: string[]; readonly pending: string[] } {
  const rows = tx.notifications.list().filter((row) => sameHead(row.head, head));
  const isTold = (row: (typeof rows)[number]): boolean => row.acknowledgedAt !== undefined || row.depositedAt !== undefined;
  return {
    notified: rows.filter(isTold).map(({ peer }) => agentIdToDid(peer)),
    pending: rows.filter((row) => !isTold(row)).map(({ peer }) => agentIdToDid(peer)),
  };
}
