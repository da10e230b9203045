/**
 * What is left in a peer's mailbox outside any session: events of this agent's own log, until the peer has acknowledged each, and notices
 * about envelopes that could not be opened. Both are durable rows, tried again with backoff and jitter. Events do not wait
 * for notices, which strangers can cause. Seals nothing.
 */
import {
  assembleNotice,
  DAY_MILLISECONDS,
  envelopeIdFrom,
  equalBytes,
  isTalosError,
  prepareNotice,
  ROLE,
  type AgentId,
  type EnvelopeKind,
  type ErrorCode,
  type NoticeReason,
} from "@talos/core";
import type { AgentContext } from "../context.ts";
import { backoffMilliseconds, type BackoffBounds } from "../lifecycle/backoff.ts";
import type { Notification, OwedNotice, ReadTransaction, Transaction } from "../vault/index.ts";
import { firstThatAnswers } from "./first-that-answers.ts";
import { isFresh, type KnownPeer } from "./known-peer.ts";
import { directoriesOf, findPeer, lookUpPeer, mailboxesOf } from "./peer-lookup.ts";
import { Rounds } from "./rounds.ts";

/** Of a directory that does not take it. */
const RETRY: BackoffBounds = { firstMilliseconds: 1_000, maxMilliseconds: 3_600_000 };
/** It lies in the mailbox, and the peer says nothing: once more, seldom. */
const REPEAT: BackoffBounds = { firstMilliseconds: DAY_MILLISECONDS, maxMilliseconds: 7 * DAY_MILLISECONDS };
const GIVE_UP_MILLISECONDS: number = 90 * DAY_MILLISECONDS;
/** After it the sender sends the same bytes again by itself. */
const NOTICE_MILLISECONDS: number = 30 * DAY_MILLISECONDS;
/** Of an agent to which no notice is worth the trouble. */
const UNREACHABLE: readonly ErrorCode[] = ["AGENT_UNKNOWN", "AGENT_REVOKED", "DIRECTORY_NOT_CONFIGURED", "PEER_LOG_TOO_LONG"];
/** How long an answer waits for this agent's own prekeys to be published, and how often it is looked whether they are. */
const PREKEYS_OUT_MILLISECONDS = 3_600_000;
const PREKEYS_PAUSE_MILLISECONDS = 1_000;
/** To an agent that is unknown here. */
const STRANGER_ATTEMPTS = 3;

export class Announcer {
  readonly #context: AgentContext;
  readonly #events: Rounds;
  readonly #notices: Rounds;

  constructor(context: AgentContext) {
    this.#context = context;
    const { vault } = context;
    this.#events = new Rounds(context, {
      due: (now) =>
        vault.read((tx) => tx.notifications.due(now)).map((row) => ({ peer: row.peer, run: async () => await this.#sendEvent(row) })),
      nextAttemptAt: () => vault.read((tx) => tx.notifications.nextAttemptAt()),
    });
    this.#notices = new Rounds(context, {
      due: (now) =>
        vault.read((tx) => this.#answers(tx, now)).map((row) => ({ peer: row.peer, run: async () => await this.#sendNotice(row) })),
      nextAttemptAt: () => vault.read((tx) => this.#nextAnswerAt(tx)),
    });
  }

  /** There may be work. */
  ring(): void {
    this.#events.ring();
    this.#notices.ring();
  }

  /** The network is back: what could not be left is tried now. */
  retryAll(): void {
    const { commits, clock, standing } = this.#context;
    if (!standing.isActive) return;
    try {
      commits.now((tx) => {
        tx.notifications.retryAll(clock.now());
        tx.notices.retryAll(clock.now());
      });
      this.ring();
    } catch {
      // Each is tried again in its own time.
    }
  }

  /** Resolves when nothing can be left anywhere now. */
  async quiet(): Promise<void> {
    await Promise.all([this.#events.quiet(), this.#notices.quiet()]);
  }

  /** Runs until the agent may not act any more. */
  async run(): Promise<void> {
    await Promise.all([this.#events.run(), this.#notices.run()]);
  }

  /** Whoever gets one begins a session by the prekeys that it finds: those that this agent has given up would cost it another hour. */
  #answers(tx: ReadTransaction, now: number): readonly OwedNotice[] {
    const rows = tx.notices.due(now);
    if (rows.length === 0 || !this.#hasOldPrekeysOut(tx)) return rows;
    return rows.filter(({ createdAt }) => createdAt <= now - PREKEYS_OUT_MILLISECONDS);
  }

  #nextAnswerAt(tx: ReadTransaction): number | undefined {
    const next = tx.notices.nextAttemptAt();
    if (next === undefined || !this.#hasOldPrekeysOut(tx)) return next;
    return Math.max(next, this.#context.clock.now() + PREKEYS_PAUSE_MILLISECONDS);
  }

  #hasOldPrekeysOut(tx: ReadTransaction): boolean {
    const newest = tx.batches.newest();
    return this.#context.home !== undefined && newest !== undefined && newest.publishedAt === undefined;
  }

  async #sendNotice(row: OwedNotice): Promise<void> {
    const { clock } = this.#context;
    try {
      if (clock.now() - row.createdAt > NOTICE_MILLISECONDS) return this.#commit((tx) => tx.notices.remove(row.order));
      const urls = await this.#mailboxesForNotice(row);
      const notice = await this.#sign(row);
      await firstThatAnswers(this.#context.standing, urls, async (url) => this.#deposit(url, row.peer, "notice", notice));
      this.#commit((tx) => tx.notices.remove(row.order));
    } catch (error) {
      this.#context.standing.requireActive();
      const isStranger = this.#context.vault.read((tx) => tx.peers.get(row.peer)) === undefined;
      const isVain = isStranger && row.attempts + 1 >= STRANGER_ATTEMPTS;
      // Nobody is there whom it could reach.
      if (isVain || (isTalosError(error) && UNREACHABLE.includes(error.code))) {
        return this.#commit((tx) => tx.notices.remove(row.order));
      }
      this.#commit((tx) => tx.notices.failed(row.order, clock.now() + this.#pause(row.attempts + 1, RETRY)));
    }
  }

  /** A sender that is not known here is registered where it left its envelope; where it looks for mail, its certificate says. */
  async #mailboxesForNotice({ peer, foundAt }: OwedNotice): Promise<readonly string[]> {
    const { vault, peers } = this.#context;
    const known = vault.read((tx) => peers.get(tx, peer));
    if (known !== undefined) return mailboxesOf(known, foundAt);
    const { certificate } = await findPeer(this.#context, peer, foundAt === undefined ? [] : [foundAt]);
    return certificate?.directories ?? [];
  }

  async #sign({ peer, about, reason }: OwedNotice): Promise<Uint8Array> {
    const { instance, clock, log, crypto } = this.#context;
    if (!instance.isUsable(clock.now())) await this.#context.renewCertificate();
    const { body, toSign } = prepareNotice({
      certificate: instance.certificate.wire,
      recipient: peer,
      envelopeId: envelopeIdFrom(about),
      reason: reason as NoticeReason,
      time: clock.now(),
    });
    const signatures = toSign.map(({ role, bytes }) => ({
      role: role ?? ROLE.holder,
      algorithm: 1 as const,
      signature: instance.sign(bytes),
    }));
    return assembleNotice(log, body, signatures, crypto);
  }

  async #sendEvent(row: Notification): Promise<void> {
    const { clock, log, vault, peers } = this.#context;
    const { peer, head } = row;
    const now = clock.now();
    const state = log.states[head.seq];
    const wire = log.events[head.seq];
    const known = vault.read((tx) => peers.get(tx, peer));
    const isPast = now - row.createdAt > GIVE_UP_MILLISECONDS;
    // Cut off since.
    const isVain = state === undefined || wire === undefined || !equalBytes(state.head.hash, head.hash);
    if (isPast || isVain || known === undefined) return this.#commit((tx) => tx.notifications.end(peer, head, now));
    // Nothing is brought to it while it is blocked; it hears of the event when it is not.
    const failure = known.peer.trust === "blocked" ? "PEER_BLOCKED" : await this.#leaveEverywhere(known, wire);
    const attempts = row.attempts + 1;
    this.#commit((tx) => {
      if (failure === undefined) tx.notifications.deposited(peer, head, now, clock.now() + this.#pause(attempts, REPEAT));
      else tx.notifications.failed(peer, head, failure, clock.now() + this.#pause(attempts, RETRY));
    });
  }

  /** At each of the peer's directories. @returns why one of them did not take it */
  async #leaveEverywhere(known: KnownPeer, wire: Uint8Array): Promise<ErrorCode | undefined> {
    const { policy, clock, standing } = this.#context;
    const id = known.peer.agentId;
    let current = known;
    if (!isFresh(known, policy.maxHeadAgeDays, clock.now())) {
      // It may have moved. If not, what is known is all there is.
      current = await lookUpPeer(this.#context, id, directoriesOf(this.#context, known, undefined)).catch(() => known);
    }
    let failure: ErrorCode | undefined;
    const urls = mailboxesOf(current, undefined);
    if (urls.length === 0) failure = "DIRECTORY_NOT_CONFIGURED";
    for (const url of urls) {
      try {
        await this.#deposit(url, id, "event", wire);
      } catch (error) {
        standing.requireActive();
        failure = isTalosError(error) ? error.code : "INTERNAL";
      }
    }
    return failure;
  }

  async #deposit(url: string, peer: AgentId, kind: EnvelopeKind, item: Uint8Array): Promise<void> {
    await this.#context.directories.call(url, async (directory) => directory.deposit(peer, kind, item));
  }

  #commit(work: (tx: Transaction) => void): void {
    this.#context.commits.now(work);
  }

  #pause(attempts: number, bounds: BackoffBounds): number {
    return backoffMilliseconds(attempts, this.#context.crypto.randomBytes(1)[0] ?? 0, bounds);
  }
}
