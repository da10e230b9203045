/**
 * What time alone makes due: renewing the certificate, sending once more what nobody acknowledged, giving up what is too
 * old, and forgetting what nobody can ask for any more. Everything is judged by the injected clock and the store, so nothing
 * is lost by a restart.
 */
import { certificateDueAt, DAY_MILLISECONDS } from "@talos/core";
import type { AgentContext } from "../context.ts";
import type { Progress } from "../messaging/progress.ts";
import type { Sender } from "../messaging/sender.ts";
import { Wakeup } from "../messaging/wakeup.ts";
import type { Transaction } from "../vault/index.ts";
import { backoffMilliseconds } from "./backoff.ts";
import { DONE_PLAN_MILLISECONDS } from "./publish-plan.ts";

/** The mailbox's 30 days and a week: after it nothing that was sent can still arrive. */
const DELIVERY_HORIZON_MILLISECONDS: number = 37 * DAY_MILLISECONDS;
/** A deposited message that nobody acknowledged goes out once more. */
const RESEND_AFTER_MILLISECONDS: number = 30 * DAY_MILLISECONDS;
/** And is given up after this. */
const EXPIRE_AFTER_MILLISECONDS: number = 90 * DAY_MILLISECONDS;
/** Longer than any sender goes on: 90 days, and the horizon of the last attempt. */
const SEEN_MILLISECONDS: number = 130 * DAY_MILLISECONDS;
/** Delivered and expired rows stay this long for whoever looks. */
const FINISHED_MILLISECONDS: number = 7 * DAY_MILLISECONDS;
const TICK_MILLISECONDS = 3_600_000;

export class Maintenance {
  readonly #context: AgentContext;
  readonly #sender: Sender;
  readonly #progress: Progress;
  readonly #bell: Wakeup = new Wakeup();
  #renewalFailures = 0;

  constructor(context: AgentContext, sender: Sender, progress: Progress) {
    this.#context = context;
    this.#sender = sender;
    this.#progress = progress;
  }

  /** Runs until the agent may not act any more. */
  async run(): Promise<void> {
    const { clock, standing, instance } = this.#context;
    while (standing.isActive) {
      const renewalPause = await this.#renewal();
      try {
        this.tidy();
      } catch {
        // A store that fails now is tried again at the next tick; sends and receives report it.
      }
      const untilRenewal = certificateDueAt(instance.certificate) - clock.now();
      await this.#bell.wait(clock, Math.max(1, Math.min(TICK_MILLISECONDS, renewalPause ?? untilRenewal)), standing.signal);
    }
  }

  /** @returns how long to wait after a failure */
  async #renewal(): Promise<number | undefined> {
    const { clock, instance, directories, home, crypto } = this.#context;
    if (!instance.isDueForRenewal(clock.now())) return undefined;
    try {
      await this.#context.renewCertificate();
      this.#renewalFailures = 0;
      if (home !== undefined) await directories.register(home);
      return undefined;
    } catch {
      this.#renewalFailures += 1;
      return backoffMilliseconds(this.#renewalFailures, crypto.randomBytes(1)[0] ?? 0);
    }
  }

  /** One transaction with everything in the store that time has made due. */
  tidy(): void {
    const { commits, clock } = this.#context;
    const now = clock.now();
    const { expired, again, listening } = commits.now((tx) => {
      const tooOld = tx.outbox.unfinishedBefore(now - EXPIRE_AFTER_MILLISECONDS);
      for (const row of tooOld) tx.outbox.expire(row.order, now);
      const repeated = tx.outbox.depositedBefore(now - RESEND_AFTER_MILLISECONDS);
      for (const row of repeated) tx.outbox.againToReady(row.order, now);
      tx.outbox.forgetFinished(now - FINISHED_MILLISECONDS);
      tx.inbox.forgetSeen(now - SEEN_MILLISECONDS);
      tx.opened.forget(now - DELIVERY_HORIZON_MILLISECONDS);
      tx.sessions.removeIdle(now - DELIVERY_HORIZON_MILLISECONDS);
      tx.sessions.forgetHandshakes(now - SEEN_MILLISECONDS);
      tx.peers.forgetCertificates(now - SEEN_MILLISECONDS);
      endFormerPrekeys(tx, now);
      tx.batches.forget(now - DELIVERY_HORIZON_MILLISECONDS);
      tx.plans.forgetDone(now - DONE_PLAN_MILLISECONDS);
      return { expired: tooOld, again: repeated, listening: tx.sessions.turnsDue(now) };
    });
    for (const { messageId } of expired) this.#progress.reached(messageId, "expired");
    for (const { peer } of again) this.#sender.wake(peer);
    for (const peer of listening) this.#sender.wake(peer);
  }
}

/** One-time prekeys of a former home: nothing that was sent to them while they were valid can still arrive. */
function endFormerPrekeys(tx: Transaction, now: number): void {
  for (const { keyId, expiresAt } of tx.inventory.list({ kind: "one-time-prekey", state: "retired" })) {
    if ((expiresAt ?? 0) < now - DELIVERY_HORIZON_MILLISECONDS) tx.inventory.setState(keyId, "ended", now);
  }
}
