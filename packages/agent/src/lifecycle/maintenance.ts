/**
 * The care of an open agent's keys: a round does what is due now and says what it did, and a loop makes a round whenever something
 * is due, and every hour. Everything is judged by the injected clock and the times in the store, so nothing is lost by a restart.
 *
 * The loop of every open agent keeps the protocol alive: certificate, prekeys, the end of what has run out, tidying up. The identity
 * is another matter: peers follow its rotation. It is rotated by itself only where the policy says so, and then by `maintain` and while
 * `startMaintenance` is in force; else it is announced.
 */
import {
  believedUntil,
  due,
  isTalosError,
  stockFall,
  upcoming,
  type KeyId,
  type RotationPolicy,
  type StockCount,
  type Task,
  type TaskKind,
} from "@talos/core";
import type { BackupDrillOptions } from "../backup/backup-options.ts";
import type { Progress } from "../messaging/progress.ts";
import type { Sender } from "../messaging/sender.ts";
import { Wakeup } from "../messaging/wakeup.ts";
import type { ReadTransaction, Transaction } from "../vault/index.ts";
import { keyEntries } from "./audit-entries.ts";
import { BackupDrills, type DrillParts } from "./backup-drills.ts";
import { backoffMilliseconds, RETRY_BACKOFF, type BackoffBounds } from "./backoff.ts";
import { rotationInventory } from "./key-inventory.ts";
import {
  isInTheWay,
  Round,
  TICK_MILLISECONDS,
  type MaintenanceDone,
  type MaintenanceDue,
  type MaintenanceReport,
} from "./maintenance-round.ts";
import { makeBatch, type PreparedBatch } from "./new-batch.ts";
import { askStock, isLookDue, noteRefill, noteStock, storedStock } from "./prekey-stock.ts";
import { isPublished } from "./publish-record.ts";
import type { Publisher } from "./publisher.ts";
import { noteClock } from "./stored-clock.ts";
import { tidy } from "./tidy.ts";

/** Of what fails for another reason than a certificate: each attempt may have made keys. */
const TASK_BACKOFF: BackoffBounds = { firstMilliseconds: 60_000, maxMilliseconds: TICK_MILLISECONDS };

export interface MaintenanceParts extends DrillParts {
  readonly sender: Sender;
  readonly progress: Progress;
  readonly publisher: Publisher;
  /** The mailbox was read to its end, or there is none. */
  readonly isMailRead: () => boolean;
  /** A planned rotation of the identity. */
  readonly rotateIdentity?: (() => Promise<unknown>) | undefined;
}

/** What a round is allowed. */
interface RoundOptions {
  /** Ask the directory for the stock even where the last answer is young. */
  readonly lookNow: boolean;
  readonly identity: boolean;
}

const PREKEY_KINDS: readonly TaskKind[] = ["rotate-signed-prekey", "replace-one-time-prekeys", "refill-one-time-prekeys"];

export class Maintenance {
  readonly #parts: MaintenanceParts;
  readonly #bell: Wakeup = new Wakeup();
  /** Those that were announced in this run, by kind and time. */
  readonly #announced: Set<string> = new Set();
  #turn: Promise<unknown> = Promise.resolve();
  #failures = 0;
  #started = 0;
  readonly #drills: BackupDrills;

  constructor(parts: MaintenanceParts) {
    this.#parts = parts;
    this.#drills = new BackupDrills(parts);
  }

  /** Runs until the agent may not act any more. */
  async run(): Promise<void> {
    const { clock, standing } = this.#parts.context;
    while (standing.isActive) {
      const pause = await this.#pauseAfterRound();
      await this.#bell.wait(clock, pause, standing.signal);
    }
  }

  /** What the loop would do, and no more than that, at once. */
  ring(): void {
    this.#bell.ring();
  }

  /** Does what is due now. @throws TalosError when the agent may not act */
  async maintain(): Promise<MaintenanceReport> {
    const { publisher, context } = this.#parts;
    const { home, vault, standing } = context;
    standing.requireActive();
    const report = await this.#round({ lookNow: true, identity: true });
    const wasOpen = home !== undefined && !vault.read((tx) => isPublished(tx, home));
    if (wasOpen) await publisher.attempt();
    standing.requireActive();
    return wasOpen ? this.#withPublication(report) : report;
  }

  /** The loop rotates the identity too, where the policy says so, and tries a backup where it is told one. @returns ends that */
  start(drill?: BackupDrillOptions): () => void {
    this.#started += 1;
    const endDrill = drill && this.#drills.add(drill);
    this.ring();
    let isOver = false;
    return () => {
      if (!isOver) this.#started -= 1;
      endDrill?.();
      isOver = true;
    };
  }

  async #pauseAfterRound(): Promise<number> {
    const { context } = this.#parts;
    const began = context.clock.now();
    const report = await this.#round({ lookNow: false, identity: this.#started > 0 }).catch(() => undefined);
    const failed = report === undefined ? "COMMIT_FAILED" : report.due.find(isInTheWay);
    if (failed !== undefined) {
      this.#failures += 1;
      const isCertificate = typeof failed === "object" && failed.kind === "renew-certificate";
      return backoffMilliseconds(this.#failures, context.crypto.randomBytes(1)[0] ?? 0, isCertificate ? RETRY_BACKOFF : TASK_BACKOFF);
    }
    this.#failures = 0;
    try {
      return this.#untilNext(began);
    } catch {
      return TICK_MILLISECONDS;
    }
  }

  /** The next due time, or the next look at the clock and the stock. What fell due while the round went on, behind it, comes at once. */
  #untilNext(began: number): number {
    const { clock, vault, home } = this.#parts.context;
    const now = clock.now();
    const times = vault.read((tx) => {
      const next = upcoming(this.#inventory(tx), this.#policy, now).map(({ dueAt }) => dueAt);
      const look = isPublished(tx, home) ? storedStock(tx, home)?.nextLookAt : undefined;
      return [...next, ...this.#drills.dueTimes(tx, now), ...(look === undefined ? [] : [look])];
    });
    const waits = times.filter((at) => at > began).map((at) => at - now);
    return Math.max(0, Math.min(TICK_MILLISECONDS, ...waits));
  }

  /** One at a time. */
  async #round(options: RoundOptions): Promise<MaintenanceReport> {
    const round = this.#turn.then(() => this.#doRound(options));
    this.#turn = round.catch(() => undefined);
    return await round;
  }

  async #doRound({ lookNow, identity }: RoundOptions): Promise<MaintenanceReport> {
    const round = new Round();
    this.#sightClock();
    for (const task of this.#due(["renew-certificate"])) await round.do(task, async () => await this.#renew());
    // Nothing is made by a key that cannot even sign a certificate just now.
    if (!round.hasFailed) {
      await this.#lookAtStock(lookNow);
      for (const task of this.#due(["warn-identity", "rotate-identity"])) await this.#careForIdentity(round, task, identity);
      const tasks = this.#due(PREKEY_KINDS);
      if (tasks.length > 0) await this.#careForPrekeys(round, tasks);
    }
    this.#endAndTidy(round);
    await this.#drills.tryDue(round);
    for (const { kind, dueAt } of round.failed) this.#announce(kind, dueAt);
    return round.report();
  }

  get #policy(): RotationPolicy {
    return this.#parts.context.policy.rotation;
  }

  #inventory(tx: ReadTransaction): ReturnType<typeof rotationInventory> {
    const { instance, home, log } = this.#parts.context;
    const identitySince = log.states.at(-1)?.time ?? 0;
    const certificate = instance.lastCertificate;
    return rotationInventory(tx, { ...(certificate === undefined ? {} : { certificate }), home, identitySince });
  }

  #due(kinds: readonly TaskKind[]): readonly Task[] {
    const { vault, clock } = this.#parts.context;
    const tasks = vault.read((tx) => due(this.#inventory(tx), this.#policy, clock.now()));
    return tasks.filter(({ kind }) => kinds.includes(kind));
  }

  #sightClock(): void {
    const { commits, clock } = this.#parts.context;
    commits.now((tx) => noteClock(tx, clock.now()));
  }

  async #renew(): Promise<MaintenanceDone> {
    const { context } = this.#parts;
    const { home, directories, standing } = context;
    await context.renewCertificate();
    // A directory that is away hears of it with the next request.
    if (home !== undefined) await directories.register(home).catch(() => standing.requireActive());
    return { kind: "renew-certificate" };
  }

  async #lookAtStock(lookNow: boolean): Promise<void> {
    const { vault, home, clock, commits, standing, events } = this.#parts.context;
    if (home === undefined) return;
    const isDue = vault.read((tx) => (lookNow ? isPublished(tx, home) : isLookDue(tx, home, clock.now())));
    if (!isDue) return;
    try {
      const stock = await askStock(this.#parts.context);
      if (stock === undefined) return;
      const count: StockCount = { count: stock.oneTimePrekeys, at: clock.now() };
      const before = commits.now((tx) => {
        const last = storedStock(tx, home);
        noteStock(tx, home, count, this.#policy);
        return last;
      });
      const fall = stockFall(before, count, this.#policy);
      if (fall !== undefined) events.emit("prekeysLow", { target: this.#policy.oneTimePrekeyTarget, ...fall });
    } catch (error) {
      // A directory that is away says nothing: the last count stands.
      standing.requireActive();
      if (!isTalosError(error)) throw error;
    }
  }

  async #careForIdentity(round: Round, task: Task, isAllowed: boolean): Promise<void> {
    const { rotateIdentity } = this.#parts;
    if (task.kind === "rotate-identity" && isAllowed && rotateIdentity !== undefined) {
      return await round.do(task, async () => {
        await rotateIdentity();
        return { kind: task.kind };
      });
    }
    const rotateAt = task.kind === "warn-identity" ? task.rotateAt : task.dueAt;
    this.#announce("rotate-identity", rotateAt);
    const isLeft = rotateAt <= this.#parts.context.clock.now() && !(isAllowed && this.#policy.identityAutomatic);
    if (isLeft) round.leave({ kind: "rotate-identity", dueAt: rotateAt });
  }

  /** All that is due of them is one new batch. */
  async #careForPrekeys(round: Round, tasks: readonly Task[]): Promise<void> {
    const { context, publisher } = this.#parts;
    const isDue = (kind: TaskKind): boolean => tasks.some((task) => task.kind === kind);
    const wish = {
      signedPrekey: isDue("rotate-signed-prekey") ? "replace" : "keep",
      oneTimePrekeys: "carry",
      stock: this.#policy.oneTimePrekeyTarget,
    } as const;
    const now = context.clock.now();
    try {
      const made = await makeBatch(context, wish, (tx) => {
        if (isDue("refill-one-time-prekeys")) noteRefill(tx, now);
      });
      // A directory whose numbers do not agree: it is asked again as often as one whose numbers do.
      if (made.fresh.length === 0) context.commits.now((tx) => noteRefill(tx, now));
      for (const done of doneBy(tasks, made)) {
        round.done.push(done);
        context.events.emit("rotationDone", { kind: done.kind, at: made.now, ...(done.keyId === undefined ? {} : { keyId: done.keyId }) });
      }
      publisher.ring();
    } catch (error) {
      context.standing.requireActive();
      for (const task of tasks) round.fail(task, error);
    }
  }

  #endAndTidy(round: Round): void {
    const { sender, progress, context, isMailRead } = this.#parts;
    const { commits, clock, vault } = context;
    const now = clock.now();
    const { tidied, ended } = commits.now((tx) => {
      // It may have leapt while the round waited for a directory.
      noteClock(tx, now);
      const inventory = this.#inventory(tx);
      const [task] = due(inventory, this.#policy, now).filter(({ kind }) => kind === "end-retired");
      const believed = inventory.clock === undefined ? now : believedUntil(inventory.clock, now);
      return { ended: endKeys(tx, task, now), tidied: tidy(tx, { now, believed, isMailRead: isMailRead() }) };
    });
    for (const { messageId } of tidied.expired) progress.reached(messageId, "expired");
    for (const { peer } of tidied.again) sender.wake(peer);
    for (const peer of tidied.listening) sender.wake(peer);
    if (ended.length === 0) return;
    context.identity.forgetEnded(ended);
    round.done.push({ kind: "end-retired", count: ended.length });
    // The write-ahead log keeps old rows.
    vault.checkpoint();
  }

  /** Once when it is known, and once more when its time has come. */
  #announce(kind: TaskKind, dueAt: number): void {
    const { events, clock } = this.#parts.context;
    const name = `${kind} ${dueAt} ${dueAt <= clock.now() ? "now" : "soon"}`;
    if (this.#announced.has(name)) return;
    this.#announced.add(name);
    events.emit("rotationDue", { kind, dueAt });
  }

  #withPublication(report: MaintenanceReport): MaintenanceReport {
    const { vault, home } = this.#parts.context;
    const [plan] = vault.read((tx) => (isPublished(tx, home) ? [] : tx.plans.open("publish")));
    if (plan === undefined) return { ...report, done: [...report.done, { kind: "publish" }] };
    const left: MaintenanceDue = {
      kind: "publish",
      dueAt: plan.createdAt,
      ...(plan.lastError === undefined ? {} : { reason: plan.lastError }),
    };
    return { ...report, due: [...report.due, left] };
  }
}

function doneBy(tasks: readonly Task[], { fresh, retiring }: PreparedBatch): readonly MaintenanceDone[] {
  if (fresh.length === 0) return [];
  const signed = fresh.find(({ kind }) => kind === "signed-prekey");
  const made = fresh.filter(({ kind }) => kind === "one-time-prekey").length;
  const rotated: MaintenanceDone[] = signed === undefined ? [] : [{ kind: "rotate-signed-prekey", keyId: signed.keyId }];
  const replaced = retiring.filter(({ kind }) => kind === "one-time-prekey").length;
  const others = tasks.filter(({ kind }) => kind !== "rotate-signed-prekey").map(({ kind }) => kind);
  const counted = others.map((kind) => ({ kind, count: kind === "replace-one-time-prekeys" ? Math.min(made, replaced) : made }));
  return [...rotated, ...counted];
}

/** @returns which have ended */
function endKeys(tx: Transaction, task: Task | undefined, now: number): readonly KeyId[] {
  if (task?.kind !== "end-retired") return [];
  const entries = task.keyIds.flatMap((keyId) => tx.inventory.get(keyId as KeyId) ?? []);
  const ended = entries.filter(({ keyId }) => tx.inventory.setState(keyId, "ended", now));
  for (const entry of keyEntries("key-ended", ended, now)) tx.audit.append(entry);
  return ended.map(({ keyId }) => keyId);
}
