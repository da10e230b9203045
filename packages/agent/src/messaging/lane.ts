/**
 * One peer's way out: its outbox rows leave in the order of `send`, one after the other. Accepted and waiting rows are made
 * ready, many in one commit, which they share with whatever else the turn of the event loop has to keep (after a look-up, a
 * claim or a signature of the identity key, where needed); ready ones are deposited, always the same bytes; what fails is
 * tried again later. When nothing is left, empty frames go out as they are due.
 */
import { equalBytes, isTalosError, talosError, wipeSession, type AgentId, type ErrorCode } from "@talos/core";
import type { AgentContext } from "../context.ts";
import { backoffMilliseconds, RETRY_BACKOFF, type BackoffBounds } from "../lifecycle/backoff.ts";
import type { OutboxRow, Transaction, WaitingReason } from "../vault/index.ts";
import { controlDue, sealControl } from "./control-frames.ts";
import { firstThatAnswers } from "./first-that-answers.ts";
import { isExhausted } from "./live-sessions.ts";
import { claimSession, type FreshSession } from "./new-session.ts";
import { sealRows, signRows, type Correspondence, type SealedRows, type SignedRow } from "./outbox-sealing.ts";
import { isFresh, type KnownPeer } from "./known-peer.ts";
import { directoriesOf, lookUpPeer, mailboxesOf } from "./peer-lookup.ts";
import { newSessionAt, OBSTACLES, requireHandshake, requireReachable, trustObstacle } from "./peer-standing.ts";
import type { Progress } from "./progress.ts";
import { frameTypeCode } from "./turns.ts";
import { Wakeup } from "./wakeup.ts";

/** Rows made ready in one transaction. */
const READY_ROWS = 64;
/** Of what nobody has asked for: a peer that is gone for good is not looked for every minute. */
const CONTROL_BACKOFF: BackoffBounds = { firstMilliseconds: 500, maxMilliseconds: 3_600_000 };

/** A row can say no better than this what is in its way. */
const REASONS: Partial<Record<ErrorCode, WaitingReason>> = {
  AGENT_UNKNOWN: "peer-unknown",
  PEER_LOG_TOO_LONG: "peer-unknown",
  BATCH_EXPIRED: "peer-prekeys-expired",
  BATCH_RETIRED: "peer-prekeys-expired",
  BATCH_VOID: "peer-prekeys-expired",
  NO_PREKEYS: "peer-prekeys-expired",
  ...OBSTACLES,
  DIRECTORY_UNREACHABLE: "directory-unreachable",
  DIRECTORY_NOT_CONFIGURED: "no-session",
};

interface Ready extends Correspondence {
  /** In no store yet. */
  readonly isNew: boolean;
}

export class Lane {
  readonly #context: AgentContext;
  readonly #peer: AgentId;
  readonly #progress: Progress;
  readonly #bell: Wakeup = new Wakeup();
  #retryNow = true;
  #attempts = 0;
  #lastError: ErrorCode | undefined;
  #hurry = false;
  #quiet: PromiseWithResolvers<void> | undefined;
  #isOver = false;

  constructor(context: AgentContext, peer: AgentId, progress: Progress) {
    this.#context = context;
    this.#peer = peer;
    this.#progress = progress;
  }

  /** Why the last attempt failed; undefined after one that did not. */
  get lastError(): ErrorCode | undefined {
    return this.#lastError;
  }

  /** True if there may be work that nobody has looked at yet. */
  get isRung(): boolean {
    return this.#bell.isRung;
  }

  /** There may be work. @param retryNow also what waits for its next attempt */
  ring(retryNow: boolean): void {
    this.#retryNow ||= retryNow;
    this.#bell.ring();
  }

  /** Resolves when there is nothing that can be done now. Acknowledgements do not wait for company meanwhile. */
  async quiet(): Promise<void> {
    // It has ended in this very turn: nobody would answer.
    if (this.#isOver) return;
    this.#hurry = true;
    this.#quiet ??= Promise.withResolvers();
    const { promise } = this.#quiet;
    this.#bell.ring();
    await promise;
  }

  /** Works until there is nothing left to do, or the agent may not act any more. */
  async run(): Promise<void> {
    const { clock, standing } = this.#context;
    while (standing.isActive) {
      let pause: number | undefined;
      try {
        pause = await this.#step();
        if (pause === undefined) break;
      } catch (error) {
        if (!standing.isActive) break;
        if (isTalosError(error, "AGENT_REVOKED")) await this.#askForLog();
        pause = this.#fail(error);
      }
      if (pause === 0) continue;
      this.#rest();
      await this.#bell.wait(clock, pause, standing.signal);
    }
    this.#isOver = true;
    this.#rest();
  }

  #rest(): void {
    this.#hurry = false;
    this.#quiet?.resolve();
    this.#quiet = undefined;
  }

  /** One step of work. @returns how long to wait before the next; undefined when nothing is left */
  async #step(): Promise<number | undefined> {
    const { vault, clock } = this.#context;
    const [head] = vault.read((tx) => tx.outbox.pendingFor(this.#peer, 1));
    if (head === undefined) return await this.#controlStep();
    const obstacle = this.#obstacle(head);
    if (obstacle !== undefined) return this.#stop(obstacle);
    const wait = head.nextAttemptAt - clock.now();
    // No pause is that long: the clock was ahead for a while when it was noted.
    const isDue = this.#retryNow || wait <= 0 || wait > RETRY_BACKOFF.maxMilliseconds;
    if (!isDue) return wait;
    const pause = head.state === "ready" ? 0 : this.#untilNewSession(head);
    if (pause > 0) return this.#hold(head, pause);
    this.#retryNow = false;
    if (head.state === "ready") await this.#deposit(head);
    else await this.#makeReady();
    this.#attempts = 0;
    this.#lastError = undefined;
    return 0;
  }

  /** What no further attempt removes: only an event of the peer or a person does, and then the lane is woken. */
  #obstacle({ state }: OutboxRow): WaitingReason | undefined {
    const { vault, sessions, peers, policy } = this.#context;
    return vault.read((tx) => {
      const known = peers.get(tx, this.#peer);
      const live = sessions.sendingFor(tx, this.#peer);
      const needsSession = state !== "ready" && (live === undefined || isExhausted(live));
      return known && trustObstacle(known, policy, needsSession);
    });
  }

  #stop(obstacle: WaitingReason): undefined {
    this.#context.commits.now((tx) => tx.outbox.setReasonFor(this.#peer, obstacle));
    return undefined;
  }

  /** After a session that the peer could not read: how long until another may be begun, if none is there. */
  #untilNewSession({ reason }: OutboxRow): number {
    const { vault, clock, sessions, peers } = this.#context;
    return vault.read((tx) => {
      const known = peers.get(tx, this.#peer);
      // What is sent again waits also where the peer has begun a session itself: it would have everything sent as often as it likes.
      const isFree = sessions.sendingFor(tx, this.#peer) !== undefined && reason !== "session-replaced";
      return known === undefined || isFree ? 0 : newSessionAt(known, clock.now()) - clock.now();
    });
  }

  #hold({ order, reason }: OutboxRow, pause: number): number {
    if (reason !== "session-replaced") this.#context.commits.now((tx) => tx.outbox.setReason(order, "session-replaced"));
    return pause;
  }

  /** Nothing of the application's is left: is there something to tell the peer without it? */
  async #controlStep(): Promise<number | undefined> {
    const due = controlDue(this.#context, this.#peer, this.#hurry);
    if (due === undefined || "pause" in due) return due?.pause;
    const ready = await this.#prepare(undefined);
    let isAdopted = false;
    try {
      if (ready.isNew && !due.begins) throw talosError("SESSION_NOT_FOUND");
      isAdopted = this.#context.commits.now((tx) => {
        const current = this.#current(tx, ready);
        return current !== undefined && sealControl(this.#context, tx, current, due.type) && current.isNew;
      });
    } finally {
      if (ready.isNew && !isAdopted) wipeSession(ready.live.session);
    }
    return 0;
  }

  async #makeReady(): Promise<void> {
    const { commits, vault } = this.#context;
    const rows = vault.read((tx) => tx.outbox.pendingFor(this.#peer, READY_ROWS)).filter(({ state }) => state !== "ready");
    const ready = await this.#prepare(rows[0]?.peerAddress);
    const signed = await signRows(this.#context, rows, ready);
    let isAdopted = false;
    try {
      const outcome = await commits.atTurnEnd((tx) => this.#seal(tx, ready, signed));
      isAdopted = outcome.isAdopted;
      if (outcome.failure !== undefined) throw outcome.failure;
    } finally {
      if (ready.isNew && !isAdopted) wipeSession(ready.live.session);
    }
  }

  /** Others share the commit: what keeps only these rows from being sealed is returned, and fails nobody else. */
  #seal(tx: Transaction, ready: Ready, rows: readonly SignedRow[]): { readonly isAdopted: boolean; readonly failure?: Error } {
    const current = this.#current(tx, ready);
    // Delivered, expired or thrown away since.
    const standing = rows.filter(({ row }) => isUnsealed(tx.outbox.get(row.order)));
    // Another session came in between: the signatures are for the old one. Once more.
    if (current === undefined || standing.length === 0) return { isAdopted: false };
    let sealed: SealedRows;
    try {
      sealed = sealRows(this.#context, tx, current, standing);
    } catch (error) {
      if (isTalosError(error)) return { isAdopted: false, failure: error };
      throw error;
    }
    if (current.isNew) this.#context.sessions.add(tx, current.live);
    sealed.stage(tx);
    return { isAdopted: current.isNew };
  }

  /** A peer that may be written to and a session to do it in: what is missing is fetched. */
  async #prepare(address: string | undefined): Promise<Ready> {
    const { vault, sessions, peers, policy, clock, instance } = this.#context;
    const live = vault.read((tx) => sessions.sendingFor(tx, this.#peer));
    let known = vault.read((tx) => peers.get(tx, this.#peer));
    requireReachable(known, policy);
    if (known === undefined || !isFresh(known, policy.maxHeadAgeDays, clock.now())) {
      known = await lookUpPeer(this.#context, this.#peer, directoriesOf(this.#context, known, address));
      requireReachable(known, policy);
      if (!isFresh(known, policy.maxHeadAgeDays, clock.now())) throw talosError("PEER_HEAD_STALE");
    }
    if (!instance.isUsable(clock.now())) await this.#context.renewCertificate();
    if (live !== undefined && !isExhausted(live)) return { known, live, isNew: false };
    requireHandshake(known, policy);
    return { ...(await this.#claim(known, address)), isNew: true };
  }

  /** A new session costs the peer a one-time prekey, so a store that cannot keep it is found out before. */
  async #claim(known: KnownPeer, address: string | undefined): Promise<FreshSession> {
    const { vault, commits, clock, standing } = this.#context;
    const [head] = vault.read((tx) => tx.outbox.pendingFor(this.#peer, 1));
    if (head !== undefined) commits.now((tx) => tx.outbox.noteAttempt(head.order, clock.now()));
    const claimAt = async (from: KnownPeer): Promise<FreshSession> =>
      firstThatAnswers(standing, mailboxesOf(from, address), async (url) => claimSession(this.#context, this.#peer, url));
    try {
      return await claimAt(known);
    } catch (error) {
      // Where the sender says that the peer has moved, that is worth a look.
      if (address === undefined || !isTalosError(error, "DIRECTORY_UNREACHABLE")) throw error;
      return await claimAt(await lookUpPeer(this.#context, this.#peer, [address]));
    }
  }

  /** What was prepared, if it is still what should be used now that the transaction has begun. */
  #current(tx: Transaction, ready: Ready): Ready | undefined {
    const { sessions, peers } = this.#context;
    const known = peers.get(tx, this.#peer);
    // Forgotten meanwhile.
    if (known === undefined) return undefined;
    const live = sessions.sendingFor(tx, this.#peer);
    const isSame = live !== undefined && equalBytes(live.session.id, ready.live.session.id);
    if (isSame) return { known, live, isNew: false };
    const noneElse = live === undefined || isExhausted(live);
    // It was begun with what the peer had given up since, or with a peer that has ended.
    const isMoved = !equalBytes(known.log.head.hash, ready.known.log.head.hash);
    return ready.isNew && noneElse && !isMoved ? { known, live: ready.live, isNew: true } : undefined;
  }

  async #deposit(row: OutboxRow): Promise<void> {
    const { vault, commits, clock } = this.#context;
    const { envelope, known } = vault.read((tx) => ({
      envelope: tx.outbox.envelope(row.order),
      known: this.#context.peers.get(tx, this.#peer),
    }));
    requireReachable(known, this.#context.policy);
    if (envelope === undefined || row.envelopeId === undefined)
      throw talosError("VAULT_CORRUPT", undefined, { details: { table: "outbox" } });
    await this.#depositAt(mailboxesOf(known, row.peerAddress), envelope, row.envelopeId);
    const isContent = row.frameType === frameTypeCode("content");
    await commits.atTurnEnd((tx) => {
      if (isContent) tx.outbox.toDeposited(row.order, clock.now());
      else tx.outbox.remove(row.order);
    });
    if (isContent) this.#progress.reached(row.messageId, "deposited");
  }

  /** At the first of the peer's directories that takes it. */
  async #depositAt(urls: readonly string[], envelope: Uint8Array, expected: Uint8Array): Promise<void> {
    const { standing, directories } = this.#context;
    await firstThatAnswers(standing, urls, async (url) => {
      const id = await directories.call(url, async (directory) => directory.deposit(this.#peer, "message", envelope));
      if (equalBytes(id, expected)) return;
      throw talosError("DIRECTORY_MISBEHAVED", undefined, { details: { directory: url, reason: "envelope id" } });
    });
  }

  /** A directory says that the peer has ended. Its word alone ends nobody, and the event that does may not have been brought. */
  async #askForLog(): Promise<void> {
    const { vault, peers } = this.#context;
    const known = vault.read((tx) => peers.get(tx, this.#peer));
    await lookUpPeer(this.#context, this.#peer, directoriesOf(this.#context, known, undefined)).catch(() => undefined);
  }

  /** Notes why, and when to try again. @returns the pause */
  #fail(error: unknown): number {
    const { vault, clock, crypto, commits } = this.#context;
    this.#lastError = isTalosError(error) ? error.code : "INTERNAL";
    this.#attempts += 1;
    const random = crypto.randomBytes(1)[0] ?? 0;
    const pause = backoffMilliseconds(this.#attempts, random);
    const reason = REASONS[this.#lastError];
    try {
      const [head] = vault.read((tx) => tx.outbox.pendingFor(this.#peer, 1));
      if (head === undefined) return backoffMilliseconds(this.#attempts, random, CONTROL_BACKOFF);
      commits.now((tx) => {
        tx.outbox.noteAttempt(head.order, clock.now() + pause);
        if (reason !== undefined && head.state !== "ready") tx.outbox.setReason(head.order, reason);
      });
    } catch {
      // The store fails too; the pause is in memory all the same.
    }
    return pause;
  }
}

function isUnsealed(row: OutboxRow | undefined): boolean {
  return row?.state === "accepted" || row?.state === "waiting";
}
