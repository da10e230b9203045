/**
 * The public interface of an agent: opens it, sends, receives, shows. Everything it does is in the parts that it puts
 * together; here are only the arguments and the life of the loops.
 */
import { agentIdToDid, didToAgentId, equalBytes, fromHex, talosError, toHex, utf8, type AgentId, type MessageId } from "@talos/core";
import type { AgentContext } from "./context.ts";
import { parseDirectoryUrl } from "./directory/directory-url.ts";
import { systemEnvironment, type Environment } from "./environment.ts";
import { createAgent } from "./lifecycle/create-agent.ts";
import { Maintenance } from "./lifecycle/maintenance.ts";
import { openAgent, type OpenedAgent } from "./lifecycle/open-agent.ts";
import { runPublishPlan } from "./lifecycle/publish-plan.ts";
import { InboxStream, type ReceivedMessage } from "./messaging/inbox-stream.ts";
import { Incoming } from "./messaging/incoming.ts";
import { Progress } from "./messaging/progress.ts";
import { Receiver } from "./messaging/receiver.ts";
import { Sender } from "./messaging/sender.ts";
import { Wakeup } from "./messaging/wakeup.ts";
import { Inspection } from "./inspection.ts";
import {
  checkCreateOptions,
  checkInspectOptions,
  checkName,
  checkOpenOptions,
  checkReceiveOptions,
  checkSendOptions,
  checkChoice,
  checkFlushOptions,
  dataDirOf,
  readPassword,
  type AgentChoice,
  type FlushOptions,
  type CreateOptions,
  type InspectOptions,
  type OpenOptions,
  type ReceiveOptions,
  type SendOptions,
} from "./options.ts";
import { fingerprintOf, PeersApi } from "./peers.ts";
import { outboxStatus, readStatus, type AgentStatus, type OutboxMessageStatus } from "./status.ts";
import { Vault } from "./vault/index.ts";

export const MAX_BODY_BYTES = 10_000_000;
const DEFAULT_MAX_HEAD_AGE_DAYS = 21;
const DEFAULT_FLUSH_SECONDS = 10;
const CLOSING_SECONDS = 2;

export interface SendResult {
  /** 32 hexadecimal characters; the recipient sees the same. */
  readonly messageId: string;
  readonly state: "waiting" | "ready" | "deposited" | "delivered";
  /** Why it waits. */
  readonly reason?: string;
}

export class TalosClient implements AsyncDisposable {
  /** Log, certificate and prekeys of peers; adding them by address. */
  readonly peers: PeersApi;
  readonly #opened: OpenedAgent;
  readonly #context: AgentContext;
  readonly #progress: Progress = new Progress();
  readonly #sender: Sender;
  readonly #inbox: InboxStream;
  readonly #receiver: Receiver;
  readonly #firstPublish: Promise<void>;
  readonly #loops: Promise<void>[] = [];
  #closing: Promise<void> | undefined;

  private constructor(opened: OpenedAgent) {
    this.#opened = opened;
    this.#context = opened.context;
    this.peers = new PeersApi(this.#context);
    this.#sender = new Sender(this.#context, this.#progress);
    this.#inbox = new InboxStream(this.#context, (sender) => this.#sender.wake(sender));
    const incoming = new Incoming(this.#context, {
      arrived: (peer) => {
        this.#inbox.arrived();
        this.#sender.wake(peer);
      },
      delivered: (id) => this.#progress.reached(id, "delivered"),
    });
    this.#receiver = new Receiver(this.#context, incoming, () => this.#sender.retryAll());
    this.#firstPublish = this.#start();
  }

  /**
   * Opens the agent in its data directory, or makes it there if there is none (`ifMissing: "create"`, the default). Resolves
   * when the agent is durable; where a directory is given, after the first attempt to publish there: a directory that is
   * down fails nothing, `status()` says `unpublished` and it goes on by itself.
   *
   * @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT, OPTION_NOT_AVAILABLE, PASSWORD_REQUIRED, WRONG_PASSWORD,
   *   VAULT_NOT_FOUND (`ifMissing: "fail"`), VAULT_FOREIGN (another agent or name), VAULT_LOCKED, VAULT_CORRUPT,
   *   BACKEND_NOT_AVAILABLE, and those of a data directory that is not as it must be
   */
  static async create(name: string, options: CreateOptions = {}): Promise<TalosClient> {
    return await createIn(systemEnvironment, name, options);
  }

  /**
   * Opens the agent that is in the data directory; never makes one.
   *
   * @throws TalosError as `create`; VAULT_NOT_FOUND; VAULT_FOREIGN when the agent there has another name than the one given
   */
  static async open(options: OpenOptions): Promise<TalosClient> {
    return await openIn(systemEnvironment, options);
  }

  /**
   * Looks, and changes nothing: works beside a running agent, and without a password; one that is given is checked.
   *
   * @throws TalosError VAULT_NOT_FOUND, WRONG_PASSWORD, VAULT_CORRUPT, VAULT_FOREIGN and others
   */
  static async inspect(options: InspectOptions): Promise<Inspection> {
    return await inspectIn(systemEnvironment, options);
  }

  /** Whether there is an agent in that data directory. @throws TalosError of a folder that is not as it must be */
  static exists(options: AgentChoice): boolean {
    return Vault.exists(dataDirOf(checkChoice(options)));
  }

  /** For `createIn` and `openIn`. */
  static over(opened: OpenedAgent): TalosClient {
    return new TalosClient(opened);
  }

  /** The agent's id as a DID: its name for life. */
  get agentId(): string {
    return this.did;
  }

  /** The same. */
  get did(): string {
    return agentIdToDid(this.#context.log.agentId);
  }

  /** The current public identity key, in hexadecimal. */
  get identityKey(): string {
    return toHex(this.#context.log.identityKey.bytes);
  }

  get name(): string {
    return this.#context.vault.name;
  }

  get dataDir(): string {
    return this.#context.vault.dataDir;
  }

  /** URL of the home directory. */
  get directory(): string | undefined {
    return this.#context.home;
  }

  get fingerprint(): string {
    return fingerprintOf(this.#context.log.agentId);
  }

  /** True once a newer instance of this agent is known. */
  get superseded(): boolean {
    return this.#context.standing.isSuperseded;
  }

  /** @throws TalosError CLIENT_CLOSED */
  status(): AgentStatus {
    const { vault } = this.#context;
    return vault.read((tx) =>
      readStatus(tx, { facts: vault, findings: vault.findings, lastError: (peer) => this.#sender.lastError(peer) }),
    );
  }

  /**
   * Accepts a message for delivery. Resolves when it is durable in the outbox, or with `waitFor` when it has got so far.
   *
   * @param peer a DID, optionally with `@host[:port]`, or a petname
   * @param body at most 10,000,000 bytes; text is sent as UTF-8
   * @throws TalosError MESSAGE_TOO_LARGE, INVALID_ARGUMENT, UNKNOWN_OPTION, PEER_UNKNOWN (a petname), PEER_BLOCKED; COMMIT_FAILED
   *   (nothing was sent); DELIVERY_NOT_REACHED (the message stays in the outbox); INSTANCE_SUPERSEDED, GENERATION_FENCED, CLIENT_CLOSED
   */
  async send(peer: string, body: string | Uint8Array, options: SendOptions = {}): Promise<SendResult> {
    const { standing, policy, log, vault, peers } = this.#context;
    standing.requireActive();
    const { contentType, sign, waitFor, signal, timeoutSeconds } = checkSendOptions(options);
    const bytes = bodyBytes(body);
    const target = this.peers.target(peer);
    if (equalBytes(target.peer, log.agentId))
      throw talosError("INVALID_ARGUMENT", "An agent cannot write to itself.", { details: { argument: "peer" } });
    if (vault.read((tx) => peers.get(tx, target.peer))?.peer.trust === "blocked") throw talosError("PEER_BLOCKED");
    const accepted = await this.#sender.accept({
      ...target,
      contentType: contentType ?? (typeof body === "string" ? "text/plain; charset=utf-8" : "application/octet-stream"),
      sign: sign ?? policy.signMessages,
      body: bytes,
    });
    const { messageId, ...result } = accepted;
    if (waitFor === undefined) return { messageId: toHex(messageId), ...result };
    // The lane starts in a later turn than this, so no milestone can be missed.
    const state = await this.#waitFor(messageId, waitFor, timeoutSeconds, signal);
    return { messageId: toHex(messageId), state };
  }

  /** One message of the outbox, also for some days after it was delivered or given up. @throws TalosError CLIENT_CLOSED */
  outbox(messageId: string): OutboxMessageStatus | undefined {
    const row = this.#context.vault.read((tx) => tx.outbox.byMessageId(fromHex(messageId)));
    return row && outboxStatus(row, (peer) => this.#sender.lastError(peer));
  }

  /**
   * Waits until everything that can leave now has left: publication, messages, acknowledgements. What cannot (a directory that
   * is down, a peer without prekeys) is left where it is.
   *
   * @returns true if nothing is under way any more; false if the time was over first
   */
  async flush(options: FlushOptions = {}): Promise<boolean> {
    const { timeoutSeconds = DEFAULT_FLUSH_SECONDS } = checkFlushOptions(options);
    const { clock, standing } = this.#context;
    this.#context.commits.flush();
    if (!standing.isActive) return true;
    const over = new AbortController();
    try {
      return await Promise.race([
        Promise.all([this.#firstPublish, this.#sender.quiet()]).then(() => true),
        clock.sleep(timeoutSeconds * 1000, over.signal).then(() => false),
      ]);
    } finally {
      over.abort();
    }
  }

  /**
   * Messages in the order of their arrival, from the first that is not acknowledged on; waits for more until the signal
   * aborts or the client is closed.
   *
   * @throws TalosError while iterating: INSTANCE_SUPERSEDED, GENERATION_FENCED; with `idleSeconds`, what kept the mailbox from
   *   being read (DIRECTORY_UNREACHABLE and others), after the messages that are here already
   */
  receive(options: ReceiveOptions = {}): AsyncGenerator<ReceivedMessage, void, void> {
    const { signal, idleSeconds } = checkReceiveOptions(options);
    const idle = idleSeconds === undefined ? undefined : { milliseconds: idleSeconds * 1000, caughtUp: () => this.#receiver.caughtUp() };
    return this.#inbox.messages(signal, idle);
  }

  /** Ends all loops, commits what this turn has accepted, and closes the data directory. May be called again. */
  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** The first attempt to publish is over: well or not. */
  async started(): Promise<this> {
    await this.#firstPublish;
    return this;
  }

  /** @returns a promise for the first attempt to publish */
  async #start(): Promise<void> {
    const { standing, home } = this.#context;
    if (!standing.isActive) return;
    this.#loops.push(new Maintenance(this.#context, this.#sender, this.#progress).run());
    this.#sender.start();
    if (home === undefined) return;
    this.#loops.push(this.#receiver.run(home));
    const first = Promise.withResolvers<void>();
    this.#loops.push(this.#publish(home, first.resolve));
    await first.promise;
  }

  async #publish(home: string, attempted: () => void): Promise<void> {
    const { standing, clock } = this.#context;
    const bell = new Wakeup();
    try {
      for (;;) {
        const pause = await runPublishPlan(this.#context, home);
        attempted();
        if (pause === undefined) return;
        await bell.wait(clock, pause, standing.signal);
        standing.requireActive();
      }
    } catch {
      // The agent may not act any more; whoever calls it hears why.
    } finally {
      attempted();
    }
  }

  async #waitFor(
    id: MessageId,
    target: "deposited" | "delivered",
    seconds: number | undefined,
    signal: AbortSignal | undefined,
  ): Promise<SendResult["state"]> {
    const { clock, standing } = this.#context;
    const over = new AbortController();
    const signals = [standing.signal, over.signal, ...(signal === undefined ? [] : [signal])];
    const done = new AbortController();
    if (seconds !== undefined) void clock.sleep(seconds * 1000, done.signal).then(() => over.abort());
    try {
      return await this.#progress.wait(id, target, signals);
    } finally {
      done.abort();
    }
  }

  async #close(): Promise<void> {
    const { standing } = this.#context;
    // What is under way may finish, acknowledgements above all: the peer should not wait for the next opening.
    await this.flush({ timeoutSeconds: CLOSING_SECONDS });
    standing.close();
    this.#inbox.arrived();
    await Promise.allSettled([...this.#loops, this.#sender.ended()]);
    this.#opened.close();
  }
}

/** As `TalosClient.create`, on given ground. For tests. */
export async function createIn(environment: Environment, name: string, options: CreateOptions = {}): Promise<TalosClient> {
  const checked = checkCreateOptions(options);
  const { ifMissing = "create", recoveryKit: _none, ...common } = checked;
  const open: OpenOptions = { ...common, name: checkName(name) };
  const dataDir = dataDirOf(open);
  if (ifMissing === "fail" || open.expectAgentId !== undefined || Vault.exists(dataDir)) return await openIn(environment, open);
  using password = await readPassword(open.password);
  const directory = open.directory === undefined ? undefined : parseDirectoryUrl(open.directory);
  const vault = await createAgent({
    name,
    dataDir,
    password,
    crypto: environment.crypto,
    now: environment.clock.now(),
    kdf: environment.kdf,
    keyBackend: open.keyBackend ?? "software",
    directories: directory === undefined ? [] : [directory],
  });
  return await clientOver(vault, environment, open);
}

/** As `TalosClient.open`, on given ground. For tests. */
export async function openIn(environment: Environment, options: OpenOptions): Promise<TalosClient> {
  const checked = checkOpenOptions(options);
  const dataDir = dataDirOf(checked);
  const expectAgentId = expectedAgent(checked);
  if (!Vault.exists(dataDir)) throw talosError("VAULT_NOT_FOUND", undefined, { details: { dataDir } });
  using password = await readPassword(checked.password);
  await checkAgentName(environment, checked);
  const { crypto, clock } = environment;
  const vault = await Vault.open({
    dataDir,
    password,
    crypto,
    now: clock.now(),
    ...(expectAgentId === undefined ? {} : { expectAgentId }),
  });
  return await clientOver(vault, environment, checked);
}

/** As `TalosClient.inspect`, on given ground. For tests. */
export async function inspectIn(environment: Environment, options: InspectOptions): Promise<Inspection> {
  const checked = checkInspectOptions(options);
  const expectAgentId = expectedAgent(checked);
  using password = checked.password === undefined ? undefined : await readPassword(checked.password);
  const inspection = await Vault.inspect({ dataDir: dataDirOf(checked), password, crypto: environment.crypto });
  const otherName = checked.name !== undefined && checked.name !== inspection.name;
  if (otherName || (expectAgentId !== undefined && !equalBytes(expectAgentId, inspection.agentId))) {
    inspection.close();
    throw talosError("VAULT_FOREIGN");
  }
  return new Inspection(inspection);
}

/** Before anything is written: a folder that holds another agent than the one meant is left alone. */
async function checkAgentName({ crypto }: Environment, options: OpenOptions): Promise<void> {
  if (options.name === undefined) return;
  using inspection = await Vault.inspect({ dataDir: dataDirOf(options), crypto });
  if (inspection.name !== options.name) throw talosError("VAULT_FOREIGN", undefined, { details: { name: inspection.name } });
}

async function clientOver(vault: Vault, environment: Environment, options: OpenOptions): Promise<TalosClient> {
  const opened = await openAgent({
    vault,
    environment,
    policy: { signMessages: options.signMessages ?? "instance", maxHeadAgeDays: options.maxHeadAgeDays ?? DEFAULT_MAX_HEAD_AGE_DAYS },
    directory: options.directory === undefined ? undefined : parseDirectoryUrl(options.directory),
  });
  return await TalosClient.over(opened).started();
}

function expectedAgent({ expectAgentId }: { readonly expectAgentId?: string }): AgentId | undefined {
  if (expectAgentId === undefined) return undefined;
  try {
    return didToAgentId(expectAgentId);
  } catch (error) {
    throw talosError("INVALID_ARGUMENT", "expectAgentId is a DID of the form did:talos:z...", {
      details: { option: "expectAgentId" },
      cause: error,
    });
  }
}

function bodyBytes(body: unknown): Uint8Array {
  // A copy: the caller may go on using its buffer before the turn's commit.
  const bytes = typeof body === "string" ? utf8(body) : body instanceof Uint8Array ? body : undefined;
  if (bytes === undefined) throw talosError("INVALID_ARGUMENT", "A message is text or bytes.", { details: { argument: "body" } });
  if (bytes.length > MAX_BODY_BYTES) throw talosError("MESSAGE_TOO_LARGE");
  return typeof body === "string" ? bytes : bytes.slice();
}
