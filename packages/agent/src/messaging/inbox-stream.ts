/**
 * What the application sees of the inbox: each message in the order of its arrival, offered until its `ack()` has committed,
 * and never after. Every iteration starts with what is not acknowledged yet. Knows no session.
 */
import { agentIdToDid, revealSecret, settledCopy, toHex, type AgentId } from "@talos/core";
import { holdingProcess } from "../clock.ts";
import type { AgentContext } from "../context.ts";
import type { InboxRow } from "../vault/index.ts";
import { Wakeup } from "./wakeup.ts";

export interface ReceivedMessage {
  /** The sender's DID. */
  readonly from: string;
  /** 32 hexadecimal characters, chosen by the sender; the same when it is sent again. Store it with the message's effect. */
  readonly id: string;
  readonly contentType: string;
  readonly body: Uint8Array;
  /** The body as UTF-8. */
  text(): string;
  /** By the sender's clock, milliseconds since 1970. */
  readonly time: number;
  readonly receivedAt: number;
  /** True if the sender sent it once more, in another session. */
  readonly resent: boolean;
  /** For a third party that has the sender's log: proves who wrote this. Absent where the message was not signed. */
  readonly proof: Uint8Array | undefined;
  /**
   * Ends the offer. Once this has resolved the message is never offered again, and only then the sender hears of it.
   *
   * @throws TalosError COMMIT_FAILED: it will be offered again
   */
  ack(): Promise<void>;
}

/** When an iteration ends by itself. */
export interface IdleEnd {
  /** So long after the last message. */
  readonly milliseconds: number;
  /** Resolves once the mailbox has been read to its end; rejects with what keeps it from being read. */
  caughtUp(): Promise<void>;
}

export class InboxStream {
  readonly #context: AgentContext;
  readonly #bells: Set<Wakeup> = new Set();
  readonly #acknowledged: (sender: AgentId) => void;

  /** @param acknowledged hears of every sender who is to be told */
  constructor(context: AgentContext, acknowledged: (sender: AgentId) => void) {
    this.#context = context;
    this.#acknowledged = acknowledged;
  }

  /** A message was stored. */
  arrived(): void {
    for (const bell of this.#bells) bell.ring();
  }

  /** Ends quietly when the signal aborts or the client is closed. @throws TalosError INSTANCE_SUPERSEDED, GENERATION_FENCED */
  async *messages(signal: AbortSignal | undefined, idle: IdleEnd | undefined): AsyncGenerator<ReceivedMessage, void, void> {
    const { vault, standing, clock, home } = this.#context;
    let isCaughtUp = home === undefined;
    let lastAt = clock.now();
    const bell = new Wakeup();
    const stop = (): void => bell.ring();
    this.#bells.add(bell);
    signal?.addEventListener("abort", stop, { once: true });
    try {
      for (let after = 0; ;) {
        if (signal?.aborted === true || standing.isClosed) return;
        standing.requireActive();
        const row = vault.read((tx) => tx.inbox.next(after));
        if (row === undefined) {
          if (idle !== undefined && !isCaughtUp) {
            await holdingProcess(Promise.race([idle.caughtUp(), bell.wait(clock, undefined, standing.signal)]));
            isCaughtUp = await isSettled(idle.caughtUp());
            continue;
          }
          const left = idle && lastAt + idle.milliseconds - clock.now();
          if (left !== undefined && left <= 0) return;
          await holdingProcess(bell.wait(clock, left, standing.signal));
          continue;
        }
        after = row.order;
        lastAt = clock.now();
        yield this.#offer(row);
      }
    } finally {
      this.#bells.delete(bell);
      signal?.removeEventListener("abort", stop);
    }
  }

  #offer(row: InboxRow): ReceivedMessage {
    using secret = row.body;
    // The application wipes it, if it likes: in memory where no copy is left behind.
    const body = settledCopy(revealSecret(secret));
    const { order, sender, contentType, time, receivedAt, resent, proof } = row;
    const { commits, clock } = this.#context;
    return {
      from: agentIdToDid(sender),
      id: toHex(row.messageId),
      contentType,
      body,
      text: () => new TextDecoder().decode(body),
      time,
      receivedAt,
      resent,
      proof,
      ack: async () => {
        const first = await commits.atTurnEnd((tx) => tx.inbox.ack(order, clock.now()));
        if (first) this.#acknowledged(sender);
      },
    };
  }
}

/** Whether a promise has resolved already. @throws what it rejected with */
async function isSettled(promise: Promise<void>): Promise<boolean> {
  return await Promise.race([promise.then(() => true), new Promise<boolean>((resolve) => setImmediate(() => resolve(false)))]);
}
