/**
 * The mailbox, in one loop: long poll at the home directory, each item through `Incoming`, then the directory is told which
 * ones it may forget. A transient failure leaves the rest where it is. Knows no envelope.
 */
import { isTalosError, talosError, type EnvelopeId, type ErrorCode, type MailboxItem } from "@talos/core";
import type { AgentContext } from "../context.ts";
import { backoffMilliseconds, type BackoffBounds } from "../lifecycle/backoff.ts";
import type { Incoming, Verdict } from "./incoming.ts";
import { Wakeup } from "./wakeup.ts";

const WAIT_SECONDS = 30;
const PAGE_ITEMS = 64;
/** An application that acknowledges nothing does not fill the disk: the rest stays in the mailbox. */
const MAX_INBOX_ROWS = 10_000;
const INBOX_PAUSE_MILLISECONDS = 1_000;

const BACKOFF: BackoffBounds = { firstMilliseconds: 250, maxMilliseconds: 15_000 };

export class Receiver {
  readonly #context: AgentContext;
  readonly #incoming: Incoming;
  readonly #back: () => void;
  readonly #pause: Wakeup = new Wakeup();
  /** Of the attempt under way; there is a new one after each. */
  #attempted: PromiseWithResolvers<void> = Promise.withResolvers();
  #isCaughtUp = false;
  #failures = 0;
  #lastError: ErrorCode | undefined;

  /** @param back hears when the directory answers again */
  constructor(context: AgentContext, incoming: Incoming, back: () => void) {
    this.#context = context;
    this.#incoming = incoming;
    this.#back = back;
  }

  /** Why the mailbox could not be read the last time; undefined when it could. */
  get lastError(): ErrorCode | undefined {
    return this.#lastError;
  }

  /** The mailbox was read to its end since this agent opened, and nothing has been in the way since. */
  get isUpToDate(): boolean {
    return this.#isCaughtUp && this.#lastError === undefined;
  }

  /**
   * Resolves once the mailbox has been read to its end, the first time since this agent opened.
   *
   * @throws TalosError of the failure that stands in the way, as soon as there is one
   */
  async caughtUp(): Promise<void> {
    if (this.#isCaughtUp) return;
    await this.#attempted.promise;
    if (!this.#isCaughtUp && this.#lastError !== undefined) throw talosError(this.#lastError);
    if (!this.#isCaughtUp) await this.caughtUp();
  }

  /** Runs until the agent may not act any more. */
  async run(home: string): Promise<void> {
    const { standing, clock, vault } = this.#context;
    while (standing.isActive) {
      let pause = 0;
      try {
        if (vault.read((tx) => tx.inbox.count()) >= MAX_INBOX_ROWS) pause = INBOX_PAUSE_MILLISECONDS;
        else {
          const outcome = await this.#page(home);
          if (outcome === "done") this.#answered();
          else pause = this.#failed(outcome === "later" ? "STORAGE_FAILED" : "DIRECTORY_UNREACHABLE");
        }
      } catch (error) {
        if (!standing.isActive) break;
        pause = this.#failed(isTalosError(error) ? error.code : "INTERNAL");
      }
      this.#attempted.resolve();
      this.#attempted = Promise.withResolvers();
      if (pause > 0) await this.#pause.wait(clock, pause, standing.signal);
    }
  }

  /** One page of the mailbox. @returns `later` if something outside its items stood in the way of all, `put-off` if in the way of some */
  async #page(home: string): Promise<Verdict> {
    const { directories, standing } = this.#context;
    // At first, and after a failure, the answer itself is the news: it should not take half a minute.
    const waitSeconds = this.#isCaughtUp && this.#failures === 0 ? WAIT_SECONDS : 0;
    const { items, more } = await directories.call(home, (directory) =>
      directory.fetch({ waitSeconds, limit: PAGE_ITEMS, signal: standing.signal }),
    );
    const finished: EnvelopeId[] = [];
    let outcome: Verdict = "done";
    for (const item of eventsFirst(items)) {
      const verdict = await this.#incoming.take(item, home);
      if (verdict === "done") finished.push(item.envelopeId);
      else outcome = verdict;
      if (verdict === "later") break;
    }
    if (finished.length > 0) await directories.call(home, (directory) => directory.acknowledge(finished));
    if (!more && outcome !== "later") this.#isCaughtUp = true;
    return outcome;
  }

  #answered(): void {
    const wasAway = this.#lastError !== undefined;
    this.#lastError = undefined;
    this.#failures = 0;
    if (wasAway) this.#back();
  }

  #failed(code: ErrorCode): number {
    this.#lastError = code;
    this.#failures += 1;
    return backoffMilliseconds(this.#failures, this.#context.crypto.randomBytes(1)[0] ?? 0, BACKOFF);
  }
}

/** Who comes back to a mailbox hears of a stolen key before the mail that the thief has left there, though that has lain there longer. */
function eventsFirst(items: readonly MailboxItem[]): readonly MailboxItem[] {
  return [...items.filter(({ kind }) => kind === "event"), ...items.filter(({ kind }) => kind !== "event")];
}
