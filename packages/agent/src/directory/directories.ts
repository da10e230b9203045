/**
 * All directories that this agent talks to: opened once each, with the agent's certificate registered there before the
 * first request that is signed (and its log, or the newest events of it, where they are not known yet). A refusal that proves a newer instance stops the
 * agent; one that claims it without proof is a directory that misbehaves.
 */
import { sameHead, talosError, type AgentId, type Certificate, type ErrorCode, type IdentityLog, type LogHead } from "@talos/core";
import { DirectoryRefusal, type Directory } from "./directory.ts";

export interface DirectoriesOptions {
  open(url: string): Directory;
  readonly log: IdentityLog;
  /** The certificate in force; renews it first where it has run out. */
  certificate(): Promise<Certificate>;
  /** True if the certificate proved that this instance is superseded. */
  hear(certificate: Uint8Array): boolean;
  /** A directory says that the agent's own log is another one. */
  doubted?(): void;
  /** @throws TalosError when the agent may not act any more */
  requireActive(): void;
}

/** Refusals of a certificate that the log abroad explains. */
const LOG_MOVED: readonly ErrorCode[] = ["IDENTITY_MOVED", "CERTIFICATE_VOID", "AGENT_REVOKED", "HEAD_UNKNOWN"];

/** Answers that mean: register first, then again. */
const UNREGISTERED: readonly ErrorCode[] = ["CERTIFICATE_UNKNOWN", "CERTIFICATE_EXPIRED"];
/** Answers that may mean: publish the log first, or what is new in it; then again. */
const BEHIND: readonly ErrorCode[] = ["AGENT_UNKNOWN", "IDENTITY_MOVED"];
/** Claims that count only with proof. */
const SUPERSESSION: readonly ErrorCode[] = ["INSTANCE_SUPERSEDED", "CERTIFICATE_CONFLICT"];

export class Directories {
  readonly #options: DirectoriesOptions;
  readonly #open: Map<string, Directory> = new Map();
  /** Certificate that was registered in this run, by URL. */
  readonly #registered: Map<string, Certificate> = new Map();
  readonly #registering: Map<string, Promise<void>> = new Map();
  readonly #apart: Set<Directory> = new Set();

  constructor(options: DirectoriesOptions) {
    this.#options = options;
  }

  /** URLs in use. */
  known(): readonly string[] {
    return [...this.#open.keys()];
  }

  /** A request that nobody signs. @throws TalosError as `Directory` */
  async ask<T>(url: string, request: (directory: Directory) => Promise<T>): Promise<T> {
    this.#options.requireActive();
    try {
      return await request(this.#directory(url));
    } catch (error) {
      if (error instanceof DirectoryRefusal) this.#judge(error);
      throw error;
    }
  }

  /**
   * A request in the agent's name.
   *
   * @throws TalosError as `Directory`; INSTANCE_SUPERSEDED once that is proved
   */
  async call<T>(url: string, request: (directory: Directory) => Promise<T>): Promise<T> {
    await this.register(url);
    try {
      return await request(this.#directory(url));
    } catch (error) {
      if (!(error instanceof DirectoryRefusal)) throw error;
      this.#judge(error);
      if (!UNREGISTERED.includes(error.code)) throw error;
      this.#registered.delete(url);
    }
    await this.register(url);
    return await request(this.#directory(url));
  }

  /** Makes the certificate in force known there; once a certificate. */
  async register(url: string): Promise<void> {
    this.#options.requireActive();
    const certificate = await this.#options.certificate();
    if (this.#registered.get(url) === certificate) return;
    let running = this.#registering.get(url);
    if (running === undefined) {
      running = this.#register(url, certificate).finally(() => this.#registering.delete(url));
      this.#registering.set(url, running);
    }
    await running;
  }

  /** A request that nobody signs, whatever the agent's standing is, over a connection of its own. @throws TalosError as `Directory` */
  async apart<T>(url: string, request: (directory: Directory) => Promise<T>): Promise<T> {
    const directory = this.#options.open(url);
    this.#apart.add(directory);
    try {
      return await request(directory);
    } finally {
      this.#apart.delete(directory);
      directory.close();
    }
  }

  /** Ends what is under way too: an answer may come a byte a minute. */
  close(): void {
    for (const directory of [...this.#open.values(), ...this.#apart]) directory.close();
  }

  async #register(url: string, certificate: Certificate): Promise<void> {
    const { log } = this.#options;
    const directory = this.#directory(url);
    const answer = await this.#put(directory, log.agentId, certificate).catch(async (error: unknown) => {
      if (!(error instanceof DirectoryRefusal) || !BEHIND.includes(error.code)) throw error;
      await directory.publishEvents(log.agentId, eventsAfter(log, error.head));
      return await this.#put(directory, log.agentId, certificate);
    });
    if (answer.seq !== certificate.head.seq || answer.generation !== certificate.generation) {
      throw talosError("DIRECTORY_MISBEHAVED", undefined, { details: { directory: url, reason: "another certificate registered" } });
    }
    this.#registered.set(url, certificate);
  }

  async #put(directory: Directory, agentId: AgentId, certificate: Certificate): Promise<{ seq: number; generation: number }> {
    try {
      return await directory.registerCertificate(agentId, certificate.wire);
    } catch (error) {
      if (error instanceof DirectoryRefusal && LOG_MOVED.includes(error.code)) this.#options.doubted?.();
      if (error instanceof DirectoryRefusal) this.#judge(error);
      throw error;
    }
  }

  #judge(refusal: DirectoryRefusal): void {
    const proved = refusal.certificate !== undefined && this.#options.hear(refusal.certificate);
    if (proved) this.#options.requireActive();
    if (SUPERSESSION.includes(refusal.code)) {
      throw talosError("DIRECTORY_MISBEHAVED", undefined, { details: { ...refusal.details, reason: `${refusal.code} without proof` } });
    }
  }

  #directory(url: string): Directory {
    let directory = this.#open.get(url);
    if (directory === undefined) {
      directory = this.#options.open(url);
      this.#open.set(url, directory);
    }
    return directory;
  }
}

/** What a directory with that head lacks; where it has another branch or tells no head, everything. */
function eventsAfter({ events, states, head: own }: IdentityLog, head: LogHead | undefined): readonly Uint8Array[] {
  const state = head && states[head.seq];
  return head !== undefined && state !== undefined && sameHead(state.head, head) && head.seq < own.seq
    ? events.slice(head.seq + 1)
    : events;
}
