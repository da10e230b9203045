/**
 * The plan `publish`: events, certificate, prekey batch, each at the home directory, in this order. A durable row names the
 * first step that was not answered; whoever opens the agent goes on there, with the same bytes. Every step may be repeated.
 * A batch that a directory cannot take any more (it has run out, or the two do not agree on what was there before) is signed anew, a
 * bounded number of times.
 */
import {
  DAY_MILLISECONDS,
  decodeBatch,
  equalBytes,
  hasTooManyUnused,
  isTalosError,
  talosError,
  toHex,
  type BatchReplacement,
  type ErrorCode,
} from "@talos/core";
import type { AgentContext } from "../context.ts";
import type { Plan } from "../vault/index.ts";
import { backoffMilliseconds } from "./backoff.ts";
import { requireUnmoved } from "./foreign-events.ts";
import { makeBatch } from "./new-batch.ts";
import { askStock, noteStock } from "./prekey-stock.ts";
import {
  PUBLISH_PLAN,
  PUBLISH_STEPS,
  prekeyIdOf,
  PUBLISHED_AT,
  readRecord,
  type PublishRecord,
  type PublishStep,
} from "./publish-record.ts";
import { noteTime, timesOf } from "./stored-json.ts";

export { isPublished, publishPlan } from "./publish-record.ts";

/** When batches were signed anew because a directory would not take them: each makes keys, and must not do so without end. */
const SIGNED_ANEW = "batches-signed-anew";
const ANEW_BOUNDS = [
  { milliseconds: 900_000, times: 2 },
  { milliseconds: DAY_MILLISECONDS, times: 12 },
] as const;
/** Once too many one-time prekeys were made for nothing: a signed prekey alone, so that the agent can be reached as soon as they agree. */
const BARE_BOUNDS = [{ milliseconds: DAY_MILLISECONDS, times: 1 }] as const;

/** The two sides do not agree on which prekeys were there before. */
const DISAGREEMENT: readonly ErrorCode[] = ["PREKEY_UNKNOWN", "PREKEY_ID_REUSED"];
/** The batch itself cannot be taken any more. */
const SPENT: readonly ErrorCode[] = ["BATCH_STALE", "BATCH_INVALID", "BATCH_EXPIRED"];

/**
 * Takes the plan as far as it goes now.
 *
 * @returns how long to wait before the next attempt; undefined when nothing is left to publish
 */
export async function runPublishPlan(context: AgentContext, home: string): Promise<number | undefined> {
  const { vault, standing } = context;
  for (;;) {
    const plan = vault.read((tx) => tx.plans.get(PUBLISH_PLAN));
    if (plan === undefined || plan.doneAt !== undefined) return undefined;
    try {
      await runStep(context, home, plan);
    } catch (error) {
      standing.requireActive();
      return noteFailure(context, plan, isTalosError(error) ? error.code : "INTERNAL");
    }
  }
}

async function runStep(context: AgentContext, home: string, plan: Plan): Promise<void> {
  requireUnmoved(context);
  const { directories, log, commits, clock } = context;
  const step = PUBLISH_STEPS.find((name) => name === plan.step) ?? "events";
  if (step === "events") {
    const head = await directories.ask(home, (directory) => directory.publishEvents(log.agentId, log.events));
    if (head.seq !== log.head.seq || !equalBytes(head.hash, log.head.hash)) throw talosError("IDENTITY_MOVED");
  } else if (step === "certificate") {
    await directories.register(home);
  } else return await publishBatch(context, home, plan);
  commits.now((tx) => tx.plans.advance(PUBLISH_PLAN, after(step), clock.now()));
}

async function publishBatch(context: AgentContext, home: string, plan: Plan): Promise<void> {
  const record = readRecord(plan.payload);
  try {
    // Nobody takes it any more, nor did while this agent was away.
    if (decodeBatch(record.batch).to <= context.clock.now()) throw talosError("BATCH_EXPIRED");
    const count = await putBatch(context, home, record);
    noteTaken(context, home, plan, record, count);
  } catch (error) {
    if (!isTalosError(error) || ![...DISAGREEMENT, ...SPENT].includes(error.code)) throw error;
    context.standing.requireActive();
    if (!mayAnew(context)) throw error;
    await signAnew(context, error.code);
  }
}

/** @returns the stock, as the directory counts it */
async function putBatch(context: AgentContext, home: string, record: PublishRecord): Promise<number> {
  try {
    return await put(context, home, record);
  } catch (error) {
    if (!isTalosError(error) || !DISAGREEMENT.includes(error.code)) throw error;
    // An upload whose answer was lost, or a directory that was put back: the batch is as good as before, if the lists are told anew.
    const again = await toldAnew(context, record);
    if (again === undefined) throw error;
    return await put(context, home, again);
  }
}

async function put({ directories }: AgentContext, home: string, record: PublishRecord): Promise<number> {
  const { batch, signedPrekey, carried, added } = record;
  const replacement: BatchReplacement = { batch, signedPrekey, carried, added };
  const answer = await directories.call(home, (directory) => directory.replaceBatch(replacement));
  if (!equalBytes(answer.root, record.root)) throw talosError("DIRECTORY_MISBEHAVED", undefined, { details: { reason: "another batch" } });
  return answer.oneTimePrekeys;
}

/** The same batch, where new and known are told apart by what the directory has now; undefined where that is what was sent before, or cannot be. */
async function toldAnew(context: AgentContext, record: PublishRecord): Promise<PublishRecord | undefined> {
  const stock = await askStock(context);
  return context.vault.read((tx) => {
    const there = new Set(stock?.root ? tx.batches.byRoot(stock.root)?.ids : []);
    const own = tx.batches.byRoot(record.root)?.ids ?? [];
    const oneTime = own.filter((keyId) => tx.inventory.get(keyId)?.kind === "one-time-prekey");
    const carried = oneTime.filter((keyId) => there.has(keyId));
    const added = oneTime.filter((keyId) => !there.has(keyId)).map((keyId) => tx.inventory.get(keyId)?.statement);
    const before = new Set(record.carried.map(toHex));
    const isSame = carried.length === before.size && carried.every((keyId) => before.has(keyId));
    if (isSame || added.some((statement) => statement === undefined)) return undefined;
    return { ...record, carried: carried.map(prekeyIdOf), added: added.filter((statement) => statement !== undefined) };
  });
}

function noteTaken({ commits, clock, policy }: AgentContext, home: string, plan: Plan, { root }: PublishRecord, count: number): void {
  const now = clock.now();
  commits.now((tx) => {
    tx.batches.setPublished(root, now);
    tx.settings.set(PUBLISHED_AT, home);
    noteStock(tx, home, { count, at: now }, policy.rotation);
    const current = tx.plans.get(PUBLISH_PLAN);
    // Another batch was made while this one was on its way.
    if (current === undefined || current.doneAt !== undefined || !equalBytes(readRecord(current.payload).root, root)) return;
    // The statements are in the inventory; the plan is over.
    tx.plans.put({ ...plan, payload: new Uint8Array(), updatedAt: now, doneAt: now, lastError: undefined });
  });
}

function mayAnew(context: AgentContext): boolean {
  const { vault, clock } = context;
  const now = clock.now();
  const times = vault.read((tx) => timesOf(tx, SIGNED_ANEW));
  const bounds = hasMadeTooMany(context) ? BARE_BOUNDS : ANEW_BOUNDS;
  return bounds.every((bound) => times.filter((at) => at <= now && at > now - bound.milliseconds).length < bound.times);
}

function hasMadeTooMany({ vault, policy }: AgentContext): boolean {
  const retired = vault.read((tx) => tx.inventory.list({ kind: "one-time-prekey", state: "retired" }).length);
  return hasTooManyUnused(retired, policy.rotation);
}

/** With a new signed prekey, since a batch is known by the root over its prekeys. After a disagreement no one-time prekey is carried on. */
async function signAnew(context: AgentContext, code: ErrorCode): Promise<void> {
  const { policy, clock, standing } = context;
  standing.requireActive();
  const wish = {
    signedPrekey: "replace",
    oneTimePrekeys: DISAGREEMENT.includes(code) ? "replace" : "carry",
    stock: hasMadeTooMany(context) ? 0 : policy.rotation.oneTimePrekeyTarget,
  } as const;
  await makeBatch(context, wish, (tx) => noteTime(tx, SIGNED_ANEW, clock.now()));
}

function after(step: PublishStep): PublishStep {
  return PUBLISH_STEPS[PUBLISH_STEPS.indexOf(step) + 1] ?? "batch";
}

function noteFailure({ commits, clock, crypto }: AgentContext, plan: Plan, code: ErrorCode): number {
  const pause = backoffMilliseconds(plan.attempts + 1, crypto.randomBytes(1)[0] ?? 0);
  try {
    commits.now((tx) => tx.plans.noteFailure(PUBLISH_PLAN, code, clock.now(), clock.now() + pause));
  } catch {
    // The store fails too; the plan stays where it is.
  }
  return pause;
}
