/**
 * One agent through the year: opened and closed again and again over one data directory, with an application that records the id of every
 * message with its effect. Says what the application saw that it should not have seen. Knows no plan.
 */
import type { OpenOptions, TalosClient } from "@talos/agent";
import type { AgentWorld } from "@talos/testkit";
import { CERTIFICATE_DUE, type Opening } from "./bounds.ts";
import type { Care, MemberPlan, Name } from "./year-plan.ts";

/** An id that the application has recorded. */
interface Effect {
  readonly text: string;
  readonly from: string;
  isAcknowledged: boolean;
}

export class Member {
  readonly name: Name;
  readonly care: Care;
  readonly did: string;
  readonly effects: Map<string, Effect> = new Map();
  readonly openings: Opening[] = [];
  /** When it was told to do what is due. */
  readonly toldAt: number[] = [];
  readonly faults: string[] = [];
  readonly #world: AgentWorld;
  readonly #options: OpenOptions;
  #client: TalosClient | undefined;
  #application: { readonly stop: AbortController; readonly ended: Promise<void> } | undefined;
  #isDying = false;
  #certifiedAt = 0;

  private constructor(world: AgentWorld, name: Name, { care, rotation }: MemberPlan, client: TalosClient) {
    this.#world = world;
    this.name = name;
    this.care = care;
    this.did = client.did;
    this.#options = { rotation };
    this.#begin(client);
  }

  static async create(world: AgentWorld, name: Name, plan: MemberPlan): Promise<Member> {
    return new Member(world, name, plan, await world.create(name, { rotation: plan.rotation }));
  }

  get isOpen(): boolean {
    return this.#client !== undefined;
  }

  get isAwake(): boolean {
    return this.#application !== undefined;
  }

  /** Of an agent that is open. */
  get client(): TalosClient {
    if (this.#client === undefined) throw new Error(`${this.name} is away`);
    return this.#client;
  }

  /** When the certificate in use was signed. */
  certifiedAt(now: number): number {
    // The whole status is much to read for what changes once a day.
    if (now > this.#certifiedAt + CERTIFICATE_DUE) this.#certifiedAt = this.client.status().certificate?.from ?? 0;
    return this.#certifiedAt;
  }

  async open(): Promise<void> {
    this.#begin(await this.#world.open(this.name, this.#options));
  }

  async close(): Promise<void> {
    await this.sleep();
    const opening = this.openings.at(-1);
    if (opening !== undefined) opening.to = this.#world.environment.clock.now();
    await this.#client?.close();
    this.#client = undefined;
  }

  /** As a time table does it, once a day. */
  async maintain(): Promise<void> {
    this.toldAt.push(this.#world.environment.clock.now());
    await this.client.maintain();
  }

  /** The application takes messages. */
  wake(): void {
    if (this.#client === undefined || this.#application !== undefined) return;
    const stop = new AbortController();
    this.#application = { stop, ended: this.#work(this.#client, stop.signal) };
  }

  /** It dies after the effect of the next message, and is started again by `wake`. */
  dieSoon(): void {
    this.#isDying = true;
  }

  /** It stops once what it does is done. */
  async sleep(): Promise<void> {
    const application = this.#application;
    application?.stop.abort();
    await application?.ended;
    this.#application = undefined;
  }

  #begin(client: TalosClient): void {
    this.#client = client;
    this.openings.push({ from: this.#world.environment.clock.now(), to: undefined });
    if (this.care === "maintenance") client.startMaintenance();
    this.wake();
  }

  async #work(client: TalosClient, signal: AbortSignal): Promise<void> {
    try {
      for await (const message of client.receive({ signal })) {
        const effect = this.#record(message.id, { text: message.text(), from: message.from });
        if (this.#isDying) {
          this.#isDying = false;
          break;
        }
        await message.ack();
        effect.isAcknowledged = true;
      }
    } catch (error) {
      this.faults.push(`${this.name}: the application was stopped by ${String(error)}`);
    }
    if (!signal.aborted) this.#application = undefined;
  }

  #record(id: string, seen: Pick<Effect, "text" | "from">): Effect {
    const before = this.effects.get(id);
    if (before?.isAcknowledged === true) this.faults.push(`${this.name}: ${id} was offered after its acknowledgement`);
    if (before !== undefined && (before.text !== seen.text || before.from !== seen.from)) {
      this.faults.push(`${this.name}: ${id} came again as another message`);
    }
    const effect = before ?? { ...seen, isAcknowledged: false };
    this.effects.set(id, effect);
    return effect;
  }
}
