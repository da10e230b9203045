/**
 * What is left in a peer's mailbox outside any session: events of this agent's own log, until the peer has acknowledged each, and notices
 * about envelopes that could not be opened. Both are durable rows, tried again with backoff and jitter. Seals nothing.
 */
import {
  assembleNotice,
  DAY_MILLISECONDS,
  envelopeIdFrom,
  equalBytes,
  isTalosError,
  prepareNotice,
  ROLE,
  toHex,
  type AgentId,
  type EnvelopeKind,
  type ErrorCode,
  type NoticeReason,
} from "@talos/core";
import type { AgentContext } from "../context.ts";
import { backoffMilliseconds, type BackoffBounds } from "../lifecycle/backoff.ts";
import type { Notification, OwedNotice, Transaction } from "../vault/index.ts";
import { firstThatAnswers } from "./first-that-answers.ts";
import { isFresh, type KnownPeer } from "./known-peer.ts";
import { directoriesOf, findPeer, lookUpPeer, mailboxesOf } from "./peer-lookup.ts";
import { Wakeup } from "./wakeup.ts";

/** Of a directory that does not take it. */
const RETRY: BackoffBounds = { firstMilliseconds: 1_000, maxMilliseconds: 3_600_000 };
/** It lies in the mailbox, and the peer says nothing: once more, seldom. */
const REPEAT: BackoffBounds = { firstMilliseconds: DAY_MILLISECONDS, maxMilliseconds: 7 * DAY_MILLISECONDS };
const GIVE_UP_MILLISECONDS: number = 90 * DAY_MILLISECONDS;
/** After it the sender sends the same bytes again by itself. */
const NOTICE_MILLISECONDS: number = 30 * DAY_MILLISECONDS;
/** Peers that are told at the same time. */
const AT_ONCE = 8;
/** Of an agent to which no notice is worth the trouble. */
const UNREACHABLE: readonly ErrorCode[] = ["AGENT_UNKNOWN", "AGENT_REVOKED", "PEER_LOG_TOO_LONG"];
/** A clock that was ahead when a pause was noted does not silence the agent for good. */
const LONGEST_REST_MILLISECONDS = 3_600_000;

export class Announcer {
  readonly #context: AgentContext;
  readonly #bell: Wakeup = new Wakeup();
  #quiet: PromiseWithResolvers<void> | undefined;

  constructor(context: AgentContext) {
    this.#context = context;
  }

  /** There may be work. */
  ring(): void {
    this.#bell.ring();
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
    if (!this.#context.standing.isActive) return;
    this.#quiet ??= Promise.withResolvers();
    const { promise } = this.#quiet;
    this.ring();
    await promise;
  }

  /** Runs until the agent may not act any more. */
  async run(): Promise<void> {
    const { clock, standing } = this.#context;
    while (standing.isActive) {
      let pause = RETRY.firstMilliseconds;
      try {
        await this.#round();
        pause = this.#untilNext();
      } catch {
        // A store that fails now is asked again in a moment.
      }
      if (pause > 0 && !this.#bell.isRung) this.#rest();
      await this.#bell.wait(clock, pause, standing.signal);
    }
    this.#rest();
  }

  #rest(): void {
    this.#quiet?.resolve();
    this.#quiet = undefined;
  }

  #untilNext(): number {
    const { vault, clock } = this.#context;
    const times = vault.read((tx) => [tx.notifications.nextAttemptAt(), tx.notices.nextAttemptAt()]);
    const next = Math.min(...times.filter((time) => time !== undefined));
    return Math.min(Math.max(next - clock.now(), 0), LONGEST_REST_MILLISECONDS);
  }

  /** Everything that is due, the work of one peer in order, several peers at a time. */
  async #round(): Promise<void> {
    const { vault, clock, standing } = this.#context;
    const due = vault.read((tx) => ({
      notices: tx.notices.due(clock.now()),
      events: tx.notifications.due(clock.now()),
    }));
    const byPeer = new Map<string, (() => Promise<void>)[]>();
    const add = (peer: AgentId, task: () => Promise<void>): void => {
      const key = toHex(peer);
      byPeer.set(key, [...(byPeer.get(key) ?? []), task]);
    };
    for (const row of due.notices) add(row.peer, async () => this.#sendNotice(row));
    for (const row of due.events) add(row.peer, async () => this.#sendEvent(row));
    const queues = [...byPeer.values()];
    const work = async (): Promise<void> => {
      for (let queue = queues.shift(); queue !== undefined; queue = queues.shift()) {
        for (const task of queue) if (standing.isActive) await task();
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
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
      // Nobody is there whom it could reach.
      if (isTalosError(error) && UNREACHABLE.includes(error.code)) {
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
    // Cut off since, or nobody is to hear of it.
    const isVain = state === undefined || wire === undefined || !equalBytes(state.head.hash, head.hash) || known?.peer.trust === "blocked";
    if (isPast || isVain || known === undefined) return this.#commit((tx) => tx.notifications.end(peer, head, now));
    const failure = await this.#leaveEverywhere(known, wire);
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
