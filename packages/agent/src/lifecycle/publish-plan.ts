/**
 * The plan `publish`: event, certificate, prekey batch, each at the home directory, in this order. A durable row names the
 * first step that was not answered; whoever opens the agent goes on there, with the same bytes. Every step may be repeated.
 */
import {
  DAY_MILLISECONDS,
  encodeCbor,
  equalBytes,
  isTalosError,
  ONE_TIME_PREKEY_TARGET,
  readCborArray,
  talosError,
  type BatchReplacement,
  type CborValue,
  type ErrorCode,
} from "@talos/core";
import type { AgentContext } from "../context.ts";
import type { InventoryEntry, OwnBatch, Plan, ReadTransaction } from "../vault/index.ts";
import { backoffMilliseconds } from "./backoff.ts";
import { batchSigned, keyEntries } from "./audit-entries.ts";
import { rememberFormerHome } from "./former-homes.ts";
import { createOneTimePrekeys } from "./prekey-secrets.ts";
import { signBatch } from "./sign-batch.ts";

/** There is one at a time. */
const PUBLISH_PLAN = "publish";
/** The directory that has everything. */
const PUBLISHED_AT = "published-at";

const STEPS = ["events", "certificate", "batch"] as const;
type Step = (typeof STEPS)[number];

/** A plan to publish a batch whose every statement is new to the directory. */
export function publishPlan(batch: OwnBatch, prekeys: readonly InventoryEntry[], now: number): Plan {
  const statementsOf = (kind: InventoryEntry["kind"]): CborValue[] =>
    prekeys.filter((prekey) => prekey.kind === kind).map(({ statement }) => statement ?? new Uint8Array());
  const payload = encodeCbor([batch.wire, batch.root, ...statementsOf("signed-prekey"), statementsOf("one-time-prekey")]);
  return { id: PUBLISH_PLAN, kind: "publish", step: "events", payload, createdAt: now, updatedAt: now, attempts: 0, nextAttemptAt: now };
}

/**
 * Where the home directory is another one than has this agent's prekeys: plans to publish there, with fresh one-time prekeys. The former
 * home goes on handing out its own to whoever does not know of the move, and no two may get the same.
 */
export async function planForNewHome(context: AgentContext, home: string): Promise<void> {
  const { vault, log, identityKey, crypto, clock, commits } = context;
  const { left, signed, former } = vault.read((tx) => {
    const directory = tx.settings.get(PUBLISHED_AT);
    const isElsewhere = directory !== undefined && directory !== home && tx.plans.open("publish").length === 0;
    return {
      left: isElsewhere ? directory : undefined,
      signed: tx.inventory.list({ kind: "signed-prekey", state: "live" }),
      former: tx.inventory.list({ kind: "one-time-prekey", state: "live" }),
    };
  });
  if (left === undefined) return;
  const now = clock.now();
  const fresh = createOneTimePrekeys(vault.files, ONE_TIME_PREKEY_TARGET, now, crypto);
  const prekeys = [...signed, ...fresh];
  const batch = await signBatch(prekeys, log, identityKey, { crypto, now, directories: [home] });
  commits.now((tx) => {
    // First messages to them are still on the way.
    for (const { keyId } of former) tx.inventory.setState(keyId, "retired", now);
    for (const entry of fresh) tx.inventory.put(entry);
    tx.batches.put(batch);
    for (const entry of [...keyEntries("key-retired", former, now), ...keyEntries("key-created", fresh, now)]) tx.audit.append(entry);
    tx.audit.append(batchSigned(batch, now));
    tx.plans.put(publishPlan(batch, prekeys, now));
    rememberFormerHome(tx, left, now);
  });
}

interface Payload extends BatchReplacement {
  readonly root: Uint8Array;
}

function readPayload(bytes: Uint8Array): Payload {
  const reader = readCborArray(bytes, "publish plan", { length: 4 });
  const batch = reader.bytes({});
  const root = reader.bytes({ length: 32 });
  const signedPrekey = reader.bytes({});
  const list = reader.array({});
  const added: Uint8Array[] = [];
  while (list.remaining > 0) added.push(list.bytes({}));
  return { batch, root, signedPrekey, carried: [], added };
}

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
  const { directories, log, commits, clock } = context;
  const step = STEPS.find((name) => name === plan.step) ?? "events";
  if (step === "events") {
    const head = await directories.ask(home, (directory) => directory.publishEvents(log.agentId, log.events));
    if (head.seq !== log.head.seq || !equalBytes(head.hash, log.head.hash)) throw talosError("IDENTITY_MOVED");
  } else if (step === "certificate") {
    await directories.register(home);
  } else {
    const replacement = readPayload(plan.payload);
    const answer = await directories.call(home, (directory) => directory.replaceBatch(replacement));
    if (!equalBytes(answer.root, replacement.root))
      throw talosError("DIRECTORY_MISBEHAVED", undefined, { details: { reason: "another batch" } });
    return commits.now((tx) => {
      tx.batches.setPublished(replacement.root, clock.now());
      tx.settings.set(PUBLISHED_AT, home);
      // The statements are in the inventory; the plan is over.
      tx.plans.put({ ...plan, payload: new Uint8Array(), updatedAt: clock.now(), doneAt: clock.now(), lastError: undefined });
    });
  }
  commits.now((tx) => tx.plans.advance(PUBLISH_PLAN, after(step), clock.now()));
}

function after(step: Step): Step {
  return STEPS[STEPS.indexOf(step) + 1] ?? "batch";
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

/** Whether the home directory has everything. */
export function isPublished(tx: ReadTransaction, home: string | undefined): boolean {
  return home !== undefined && tx.settings.get(PUBLISHED_AT) === home && tx.plans.open("publish").length === 0;
}

/** How long a finished plan is remembered. */
export const DONE_PLAN_MILLISECONDS: number = 30 * DAY_MILLISECONDS;
