/**
 * A directory that is not what it should be: everything goes to a real one, and a test may change what comes back, withhold
 * it, or look at what passes. Knows nothing of what it changes.
 */
import {
  HttpDirectory,
  type Directory,
  type Environment,
  type FetchOptions,
  type HttpDirectoryOptions,
  type Resolution,
} from "@talos/agent";
import type { AgentId, BatchReplacement, EnvelopeId, EnvelopeKind, LogHead, MailboxPage, PrekeyStock, UnverifiedBundle } from "@talos/core";

/** Each may change the answer, throw, or leave it as it is. */
export interface DirectoryHooks {
  resolve?(answer: Resolution, agentId: AgentId): Resolution | Promise<Resolution>;
  /** Before events are published. */
  publishEvents?(events: readonly Uint8Array[]): void | Promise<void>;
  /** After it, before the agent hears of it. */
  eventsPublished?(head: LogHead): void | Promise<void>;
  /** Before a certificate is registered. */
  registerCertificate?(certificate: Uint8Array): void | Promise<void>;
  claim?(bundle: UnverifiedBundle, target: AgentId): UnverifiedBundle | Promise<UnverifiedBundle>;
  prekeyStock?(stock: PrekeyStock): PrekeyStock | Promise<PrekeyStock>;
  /** Before the batch is replaced: what is sent in its place. */
  replaceBatch?(replacement: BatchReplacement): BatchReplacement | Promise<BatchReplacement>;
  /** After it, before the agent hears of it. */
  batchReplaced?(replacement: BatchReplacement): void | Promise<void>;
  /** Before the deposit: what is deposited in its place. */
  deposit?(item: Uint8Array, recipient: AgentId): Uint8Array | Promise<Uint8Array>;
  /** After the deposit, before the depositor hears of it. */
  deposited?(item: Uint8Array, recipient: AgentId): void | Promise<void>;
  fetch?(page: MailboxPage): MailboxPage | Promise<MailboxPage>;
  /** Before the mailbox is told. */
  acknowledge?(envelopeIds: readonly EnvelopeId[]): void | Promise<void>;
}

export class InterceptedDirectory implements Directory {
  readonly url: string;
  readonly #real: Directory;
  readonly #hooks: DirectoryHooks;

  constructor(real: Directory, hooks: DirectoryHooks) {
    this.url = real.url;
    this.#real = real;
    this.#hooks = hooks;
  }

  async resolve(agentId: AgentId, known?: LogHead): Promise<Resolution> {
    const answer = await this.#real.resolve(agentId, known);
    return (await this.#hooks.resolve?.(answer, agentId)) ?? answer;
  }

  async publishEvents(agentId: AgentId, events: readonly Uint8Array[]): Promise<LogHead> {
    await this.#hooks.publishEvents?.(events);
    const head = await this.#real.publishEvents(agentId, events);
    await this.#hooks.eventsPublished?.(head);
    return head;
  }

  async registerCertificate(agentId: AgentId, certificate: Uint8Array): Promise<{ readonly seq: number; readonly generation: number }> {
    await this.#hooks.registerCertificate?.(certificate);
    return await this.#real.registerCertificate(agentId, certificate);
  }

  async replaceBatch(replacement: BatchReplacement): Promise<{ readonly oneTimePrekeys: number; readonly root: Uint8Array }> {
    const changed = (await this.#hooks.replaceBatch?.(replacement)) ?? replacement;
    const answer = await this.#real.replaceBatch(changed);
    await this.#hooks.batchReplaced?.(changed);
    return answer;
  }

  async prekeyStock(): Promise<PrekeyStock> {
    const stock = await this.#real.prekeyStock();
    return (await this.#hooks.prekeyStock?.(stock)) ?? stock;
  }

  async claim(target: AgentId): Promise<UnverifiedBundle> {
    const bundle = await this.#real.claim(target);
    return (await this.#hooks.claim?.(bundle, target)) ?? bundle;
  }

  async deposit(recipient: AgentId, kind: EnvelopeKind, item: Uint8Array): Promise<EnvelopeId> {
    const changed = (await this.#hooks.deposit?.(item, recipient)) ?? item;
    const id = await this.#real.deposit(recipient, kind, changed);
    await this.#hooks.deposited?.(changed, recipient);
    return id;
  }

  async fetch(options: FetchOptions): Promise<MailboxPage> {
    const page = await this.#real.fetch(options);
    return (await this.#hooks.fetch?.(page)) ?? page;
  }

  async acknowledge(envelopeIds: readonly EnvelopeId[]): Promise<void> {
    await this.#hooks.acknowledge?.(envelopeIds);
    await this.#real.acknowledge(envelopeIds);
  }

  close(): void {
    this.#real.close();
  }
}

/** An environment whose every directory is intercepted; the hooks may be changed while it runs. */
export function intercepting(environment: Environment, hooks: DirectoryHooks): Environment {
  return { ...environment, openDirectory: (options: HttpDirectoryOptions) => new InterceptedDirectory(new HttpDirectory(options), hooks) };
}
