/** A machine of the story: the process with its agent, which may be killed like one whose power goes. */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { CreateOptions, ExportKeysOptions, OpenOptions, RecoverOptions } from "@talos/agent";
import type { Answer, Order, SeenMessage, Unfinished } from "./orders.ts";

const PROGRAM: string = join(import.meta.dirname, "agent-process.ts");

export class AgentChild implements AsyncDisposable {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** @param daysAgo by how much its clock is behind */
  static async start(daysAgo: number): Promise<AgentChild> {
    const child = fork(PROGRAM, { env: { ...process.env, LOST_DAYS_AGO: `${daysAgo}` }, stdio: ["ignore", "inherit", "inherit", "ipc"] });
    await once(child, "message");
    return new AgentChild(child);
  }

  async create(name: string, options: CreateOptions): Promise<string> {
    return await this.#ask({ kind: "create", name, options });
  }

  async open(options: OpenOptions): Promise<string> {
    return await this.#ask({ kind: "open", options });
  }

  async recover(options: RecoverOptions): Promise<string> {
    return await this.#ask({ kind: "recover", options });
  }

  /** @returns the message's id */
  async send(to: string, text: string, waitFor: "deposited" | "delivered" = "deposited"): Promise<string> {
    return await this.#ask({ kind: "send", to, text, waitFor });
  }

  /** @param acknowledge the first so many */
  async receive(count: number, acknowledge: number = count): Promise<readonly SeenMessage[]> {
    return await this.#ask({ kind: "receive", count, acknowledge });
  }

  async exportKeys(options: ExportKeysOptions): Promise<readonly string[]> {
    return await this.#ask({ kind: "export", options });
  }

  async unfinished(): Promise<readonly Unfinished[]> {
    return await this.#ask({ kind: "unfinished" });
  }

  /** SIGKILL: nothing is finished. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const over = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await over;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  async #ask<T>(order: Order): Promise<T> {
    const heard = Promise.race([once(this.#child, "message"), once(this.#child, "exit").then(() => [{ error: "the process ended" }])]);
    this.#child.send(order);
    const [answer] = (await heard) as [Answer];
    if ("error" in answer) throw new Error(`${order.kind}: ${answer.error}`);
    return answer.value as T;
  }
}
