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
  type ErrorCode,
  type KeyId,
  type RotationPolicy,
  type StockCount,
  type Task,
  type TaskKind,
} from "@talos/core";
import { resolve } from "node:path";
import type { BackupDrillOptions, VerifyBackupOptions } from "../backup/backup-options.ts";
import { isVerdict } from "../backup/backup-standing.ts";
import type { BackupCheck } from "../backup/backup-views.ts";
import { drillDueAt, tryBackup } from "../backup/scheduled-drill.ts";
import type { AgentContext } from "../context.ts";
import type { Progress } from "../messaging/progress.ts";
import type { Sender } from "../messaging/sender.ts";
import { Wakeup } from "../messaging/wakeup.ts";
import type { ReadTransaction, Transaction } from "../vault/index.ts";
import { keyEntries } from "./audit-entries.ts";
import { backoffMilliseconds, RETRY_BACKOFF, type BackoffBounds } from "./backoff.ts";
import { rotationInventory } from "./key-inventory.ts";
import { makeBatch, type PreparedBatch } from "./new-batch.ts";
import { askStock, isLookDue, noteRefill, noteStock, storedStock } from "./prekey-stock.ts";
import { isPublished } from "./publish-record.ts";
import type { Publisher } from "./publisher.ts";
import { noteClock } from "./stored-clock.ts";
import { tidy } from "./tidy.ts";

const TICK_MILLISECONDS = 3_600_000;
/** Of what fails for another reason than a certificate: each attempt may have made keys. */
const TASK_BACKOFF: BackoffBounds = { firstMilliseconds: 60_000, maxMilliseconds: TICK_MILLISECONDS };

/** Plain values, as the application gets them; times in milliseconds since 1970. */
export interface MaintenanceDone {
  readonly kind: TaskKind | "publish" | "backup-drill";
  /** Prekeys that were made, or keys that were ended. */
  readonly count?: number;
  /** Of the successor, where it is one key. */
  readonly keyId?: string;
}

export interface MaintenanceDue {
  readonly kind: TaskKind | "publish" | "backup-drill";
  readonly dueAt: number;
  /** Code of the error that was in the way; absent where it is somebody's decision. */
  readonly reason?: string;
}

export interface MaintenanceReport {
  readonly done: readonly MaintenanceDone[];
  /** Due, and not done. */
  readonly due: readonly MaintenanceDue[];
}

export interface MaintenanceParts {
  readonly context: AgentContext;
  readonly sender: Sender;
  readonly progress: Progress;
  readonly publisher: Publisher;
  /** The mailbox was read to its end, or there is none. */
  readonly isMailRead: () => boolean;
  /** A planned rotation of the identity. */
  readonly rotateIdentity?: (() => Promise<unknown>) | undefined;
  /** Tries a restoration, and puts it on record. */
  readonly verifyBackup: (file: VerifyBackupOptions) => Promise<BackupCheck>;
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
  /** Those that were asked for and are in force, and before when each is not tried again, whatever the record says. */
  readonly #drills: Map<BackupDrillOptions, number> = new Map();

  constructor(parts: MaintenanceParts) {
    this.#parts = parts;
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
    // Of its own, so that the same one may be asked for twice.
    const own = drill && { ...drill };
    if (own !== undefined) this.#drills.set(own, 0);
    this.ring();
    let isOver = false;
    return () => {
      if (!isOver) this.#started -= 1;
      if (own !== undefined) this.#drills.delete(own);
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
      const drills = [...this.#drills.keys()].map((drill) => this.#drillDueAt(tx, drill, now));
      return [...next, ...drills, ...(look === undefined ? [] : [look])];
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
    for (const drill of this.#drills.keys()) await this.#tryBackup(round, drill);
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

  /** What is wrong with a backup holds up nothing else. */
  async #tryBackup(round: Round, drill: BackupDrillOptions): Promise<void> {
    const { context, verifyBackup } = this.#parts;
    const { vault, clock, standing, events } = context;
    const now = clock.now();
    const dueAt = vault.read((tx) => this.#drillDueAt(tx, drill, now));
    if (dueAt > now || !standing.isActive) return;
    // Also where nothing can be put on record.
    this.#drills.set(drill, now + TICK_MILLISECONDS);
    const result = await tryBackup(drill, verifyBackup);
    if (isVerdict(result)) round.done.push({ kind: "backup-drill" });
    else round.leave({ kind: "backup-drill", dueAt, reason: result });
    events.emit("backupDrill", { at: now, path: resolve(drill.path), result });
  }

  #drillDueAt(tx: ReadTransaction, drill: BackupDrillOptions, now: number): number {
    const notBefore = this.#drills.get(drill) ?? 0;
    // From before the clock went back.
    const isStale = notBefore > now + TICK_MILLISECONDS;
    return Math.max(isStale ? 0 : notBefore, drillDueAt(tx, drill, now));
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

/** What one round has done and left. */
class Round {
  readonly done: MaintenanceDone[] = [];
  readonly #due: MaintenanceDue[] = [];
  readonly failed: Task[] = [];

  get hasFailed(): boolean {
    return this.failed.length > 0;
  }

  async do(task: Task, work: () => Promise<MaintenanceDone>): Promise<void> {
    try {
      this.done.push(await work());
    } catch (error) {
      this.fail(task, error);
    }
  }

  fail(task: Task, error: unknown): void {
    const reason: ErrorCode = isTalosError(error) ? error.code : "INTERNAL";
    this.failed.push(task);
    this.#due.push({ kind: task.kind, dueAt: task.dueAt, reason });
  }

  leave(task: MaintenanceDue): void {
    if (!this.#due.some(({ kind }) => kind === task.kind)) this.#due.push(task);
  }

  report(): MaintenanceReport {
    return { done: this.done, due: this.#due };
  }
}

/** What comes again in its own time is none. */
function isInTheWay({ kind, reason }: MaintenanceDue): boolean {
  return reason !== undefined && kind !== "backup-drill";
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
