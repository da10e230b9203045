/**
 * An agent at work: the loops of an opened one (maintenance, mailbox, publication, a lane per peer) and their end in the
 * right order. Knows no arguments of applications.
 */
import { verifyBackup } from "../backup-api.ts";
import type { AgentContext } from "../context.ts";
import { Announcer } from "../messaging/announcer.ts";
import { InboxStream } from "../messaging/inbox-stream.ts";
import { Incoming } from "../messaging/incoming.ts";
import { Progress } from "../messaging/progress.ts";
import { Receiver } from "../messaging/receiver.ts";
import { Sender } from "../messaging/sender.ts";
import { formerHomes } from "./former-homes.ts";
import { IdentityCare } from "./identity-care.ts";
import { rotateIdentity } from "./identity-plan/rotate.ts";
import { Maintenance } from "./maintenance.ts";
import type { OpenedAgent } from "./open-agent.ts";
import { planForNewHome } from "./new-home.ts";
import { Publisher } from "./publisher.ts";
import { HeldCheck } from "./recover/held-check.ts";
import type { Decided } from "./takeover.ts";

/** How long the end waits for what is under way, acknowledgements above all. */
const CLOSING_SECONDS = 2;
/** How long opening waits for the first attempt to publish. */
const FIRST_ATTEMPT_MILLISECONDS = 5_000;

export class RunningAgent {
  readonly context: AgentContext;
  readonly sender: Sender;
  readonly announcer: Announcer;
  readonly inbox: InboxStream;
  readonly receiver: Receiver;
  readonly progress: Progress = new Progress();
  readonly publisher: Publisher;
  readonly maintenance: Maintenance;
  /** Operations on the agent's own identity. */
  readonly identity: IdentityCare;
  /** Resolves when the first attempt to publish is over, well or not. */
  readonly started: Promise<void>;
  readonly #opened: OpenedAgent;
  readonly #incoming: Incoming;
  readonly #heldCheck: HeldCheck;
  readonly #loops: Promise<void>[] = [];
  /** Apart from the others: one of them may be what revives the agent. */
  readonly #identityLoops: Promise<void>[] = [];
  #closing: Promise<void> | undefined;
  /** Of the time in which the loops run. */
  #startedUnder: AbortSignal | undefined;

  /** @param decided of one that is held: whether its person says in this very call that it is to live */
  constructor(opened: OpenedAgent, decided: Decided = "when-recovered") {
    this.#opened = opened;
    this.context = opened.context;
    this.sender = new Sender(this.context, this.progress);
    this.announcer = new Announcer(this.context);
    this.context.peers.onMove((peer) => this.sender.wake(peer));
    this.inbox = new InboxStream(this.context, (peer) => this.sender.wake(peer));
    this.#incoming = new Incoming(this.context, {
      arrived: (peer) => {
        this.inbox.arrived();
        this.sender.wake(peer);
      },
      delivered: (id) => this.progress.reached(id, "delivered"),
      replaced: (peer) => this.sender.wake(peer),
      answer: () => this.announcer.ring(),
    });
    this.receiver = new Receiver(this.context, this.#incoming, () => this.#directoryIsBack());
    this.publisher = new Publisher(this.context);
    this.maintenance = new Maintenance({
      context: this.context,
      sender: this.sender,
      progress: this.progress,
      publisher: this.publisher,
      isMailRead: () => this.context.home === undefined || this.receiver.isUpToDate,
      verifyBackup: async (file) => await verifyBackup(this.context, file),
      rotateIdentity: async () => await this.identity.operate((context) => rotateIdentity(context)),
    });
    this.identity = new IdentityCare(this.context, async () => this.#identityChanged());
    // Whoever made it come into force; of an instance that was superseded `operate` alone, which waits for what was.
    this.context.events.on("rotationDone", ({ kind }) => {
      if (kind === "rotate-identity" && !this.context.standing.isSuperseded) void this.#identityChanged();
    });
    this.#heldCheck = new HeldCheck(this.context, decided);
    this.started = this.context.standing.isHeld ? this.#beginHeld() : this.#begin();
  }

  /** Waits until everything that can leave now has left. @returns false if the time was over first */
  async flush(seconds: number): Promise<boolean> {
    const { clock, commits, standing } = this.context;
    commits.flush();
    if (!standing.isActive) return true;
    const isOver = new AbortController();
    try {
      return await Promise.race([
        Promise.all([this.started, this.sender.quiet(), this.announcer.quiet(), this.#published()]).then(() => true),
        clock.sleep(seconds * 1000, isOver.signal).then(() => false),
      ]);
    } finally {
      isOver.abort();
    }
  }

  /** What waits to be published has had an attempt. */
  async #published(): Promise<void> {
    await this.started;
    if (this.context.vault.read((tx) => tx.plans.open("publish").length > 0)) await this.publisher.attempt();
  }

  /** Lets what is under way finish for a moment, then ends all loops and releases keys and vault. */
  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  /** Before anything else is sent, what an earlier process began on the identity goes on; then a superseded instance may be the living one. */
  async #begin(): Promise<void> {
    const patience = new AbortController();
    await Promise.race([this.identity.resume(), this.context.clock.sleep(FIRST_ATTEMPT_MILLISECONDS, patience.signal)]);
    patience.abort();
    await this.#start();
  }

  /** From a backup: nothing begins before it has been compared, which goes on behind where the directory is away. */
  async #beginHeld(): Promise<void> {
    const first = Promise.withResolvers<void>();
    const check = this.#heldCheck.run(first.resolve).then(async () => this.#start());
    this.#identityLoops.push(check);
    const patience = new AbortController();
    await Promise.race([first.promise, check, this.context.clock.sleep(FIRST_ATTEMPT_MILLISECONDS, patience.signal)]);
    patience.abort();
  }

  /** An event of the identity has come into force: it is published, and what waited may leave. */
  async #identityChanged(): Promise<void> {
    const { standing } = this.context;
    if (standing.isSuperseded) await this.#revive();
    if (!standing.isActive) return;
    this.publisher.ring();
    this.sender.start();
    this.sender.retryAll();
    this.announcer.ring();
  }

  #directoryIsBack(): void {
    this.sender.retryAll();
    this.announcer.retryAll();
  }

  /** It stands above whoever superseded this instance. The loops of before must have ended, or there would be two of each. */
  async #revive(): Promise<void> {
    await Promise.allSettled([...this.#loops.splice(0), this.sender.ended()]);
    this.context.standing.revive();
    await this.#start();
  }

  async #start(): Promise<void> {
    const { standing, home } = this.context;
    if (!standing.isActive || this.#startedUnder === standing.signal) return;
    this.#startedUnder = standing.signal;
    this.#identityLoops.push(this.identity.run());
    this.#loops.push(this.maintenance.run());
    this.#loops.push(this.announcer.run());
    this.sender.start();
    if (home === undefined) return;
    this.#loops.push(this.receiver.run(home));
    const first = Promise.withResolvers<void>();
    this.#loops.push(this.#publish(home, first.resolve));
    // A directory that answers a byte a minute must not hold up what is local; the plan goes on behind.
    const patience = new AbortController();
    await Promise.race([first.promise, this.context.clock.sleep(FIRST_ATTEMPT_MILLISECONDS, patience.signal)]);
    patience.abort();
  }

  async #publish(home: string, attempted: () => void): Promise<void> {
    try {
      await planForNewHome(this.context, home);
      this.#readFormerHomes(home);
      const loop = this.publisher.run();
      await this.publisher.firstAttempt();
      attempted();
      await loop;
    } catch {
      // The agent may not act any more, and whoever calls it hears why; or its store fails, and the next opening goes on.
    } finally {
      attempted();
    }
  }

  /** Peers that do not know of the move yet still leave mail there. */
  #readFormerHomes(home: string): void {
    const { vault, clock } = this.context;
    for (const url of vault.read((tx) => formerHomes(tx, home, clock.now()))) {
      this.#loops.push(new Receiver(this.context, this.#incoming, () => undefined).run(url));
    }
  }

  async #close(): Promise<void> {
    this.#heldCheck.stop();
    await this.flush(CLOSING_SECONDS);
    this.context.standing.close();
    // Before the loops are awaited: one of them may be reading from a directory that sends a byte a minute.
    this.context.directories.close();
    await Promise.allSettled([...this.#loops, ...this.#identityLoops, this.sender.ended()]);
    this.#opened.close();
  }
}
