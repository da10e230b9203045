/**
 * The way out of the agent: accepts messages into the outbox and keeps a lane working for every peer that has something to
 * be sent. Accepting is one transaction at the end of the turn and no more than a sealed row; the lane makes the envelope.
 * Seals nothing for a peer.
 */
import { messageId, toHex, type AgentId, type ErrorCode, type MessageId } from "@talos/core";
import type { AgentContext } from "../context.ts";
import type { SignMessages } from "../options.ts";
import type { OutboxRow, Transaction, WaitingReason } from "../vault/index.ts";
import { peersToGreet } from "./greeting.ts";
import { Lane } from "./lane.ts";
import type { Progress } from "./progress.ts";
import { sealingObstacle } from "./sealing.ts";
import { frameTypeCode } from "./turns.ts";

export interface NewMessage {
  readonly peer: AgentId;
  /** URL of the directory that the peer's address named. */
  readonly address: string | undefined;
  readonly contentType: string;
  readonly sign: SignMessages;
  readonly body: Uint8Array;
}

export type Accepted =
  | { readonly messageId: MessageId; readonly state: "waiting"; readonly reason: WaitingReason }
  | { readonly messageId: MessageId; readonly state: "accepted" };

const CONTENT = frameTypeCode("content");
/** Peers to whom a greeting is owed are woken so many at a time. */
const GREETINGS_AT_ONCE = 8;
/** One whose directory says nothing takes up the place of one of them so long. */
const GREETING_MILLISECONDS = 5_000;

export class Sender {
  readonly #context: AgentContext;
  readonly #progress: Progress;
  readonly #lanes: Map<string, Lane> = new Map();
  #running: Promise<void>[] = [];

  constructor(context: AgentContext, progress: Progress) {
    this.#context = context;
    this.#progress = progress;
  }

  /** Takes up what an earlier process left. */
  start(): void {
    const peers = this.#context.vault.read((tx) => [
      ...tx.outbox.headsOfLine().map(({ peer }) => peer),
      ...tx.acks.peers().map(({ peer }) => peer),
      ...tx.peers.untold(),
    ]);
    for (const peer of peers) this.wake(peer);
    this.#run(this.#greet());
  }

  /**
   * Resolves when the message is durable in the outbox.
   *
   * @throws TalosError COMMIT_FAILED, GENERATION_FENCED; why the agent may not act any more
   */
  async accept(message: NewMessage): Promise<Accepted> {
    const accepted = await this.#context.commits.atTurnEnd((tx) => this.#insert(tx, message));
    this.wake(message.peer);
    return accepted;
  }

  /** There may be work for that peer. */
  wake(peer: AgentId): void {
    this.#ring(peer, false);
  }

  /** What waits for that peer is tried now. */
  retry(peer: AgentId): void {
    this.#ring(peer, true);
  }

  /** The network is back: everything that waits for its next attempt is tried now. */
  retryAll(): void {
    for (const lane of this.#lanes.values()) lane.ring(true);
  }

  /** Why the last attempt for that peer failed. */
  lastError(peer: AgentId): ErrorCode | undefined {
    return this.#lanes.get(toHex(peer))?.lastError;
  }

  /** Resolves when no lane can do anything now. */
  async quiet(): Promise<void> {
    await Promise.all([...this.#lanes.values()].map(async (lane) => lane.quiet()));
  }

  /** Resolves when every lane has ended, which they do once the agent may not act any more. */
  async ended(): Promise<void> {
    await Promise.all(this.#running);
  }

  #insert(tx: Transaction, message: NewMessage): Accepted {
    const { clock, peers, sessions } = this.#context;
    const { peer, address, contentType, sign, body } = message;
    const reason = sealingObstacle(this.#context, peers.get(tx, peer), sessions.sendingFor(tx, peer));
    const now = clock.now();
    const id = messageId(tx.outbox.newId(now));
    tx.outbox.insert({
      messageId: id,
      peer,
      peerAddress: address,
      contentType,
      sign,
      frameType: CONTENT,
      createdAt: now,
      body,
      ...(reason === undefined ? {} : { outcome: { reason } }),
    });
    return reason === undefined ? { messageId: id, state: "accepted" } : { messageId: id, state: "waiting", reason };
  }

  /** Each may take a handshake: a few at a time. One that cannot be reached is tried again by its lane. */
  async #greet(): Promise<void> {
    const { vault, clock, standing } = this.#context;
    const waiting = vault.read((tx) => peersToGreet(tx, clock.now()));
    const work = async (): Promise<void> => {
      for (let peer = waiting.shift(); peer !== undefined && standing.isActive; peer = waiting.shift()) {
        this.wake(peer);
        const quiet = this.#lanes.get(toHex(peer))?.quiet();
        if (quiet === undefined) continue;
        const over = new AbortController();
        await Promise.race([quiet, clock.sleep(GREETING_MILLISECONDS, AbortSignal.any([over.signal, standing.signal]))]);
        over.abort();
      }
    };
    await Promise.all(Array.from({ length: GREETINGS_AT_ONCE }, work));
  }

  #run(work: Promise<void>): void {
    const running = work.finally(() => {
      this.#running = this.#running.filter((one) => one !== running);
    });
    this.#running.push(running);
  }

  #ring(peer: AgentId, retryNow: boolean): void {
    const key = toHex(peer);
    const lane = this.#lanes.get(key);
    if (lane !== undefined) return lane.ring(retryNow);
    if (!this.#context.standing.isActive) return;
    const fresh = new Lane(this.#context, peer, this.#progress);
    this.#lanes.set(key, fresh);
    this.#run(
      fresh.run().finally(() => {
        this.#lanes.delete(key);
        if (fresh.isRung) this.#ring(peer, retryNow);
      }),
    );
  }
}

/** Rows of the outbox that a person wants to see: what the application sent, not control frames. */
export function isContent({ frameType }: OutboxRow): boolean {
  return frameType === CONTENT;
}
