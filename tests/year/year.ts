/**
 * The year itself: three agents, their directory and a clock that moves by steps, each time until what the step began is done. What is wrong
 * on the way is collected, and ends it. Knows nothing of disk or memory.
 */
import type { Environment, TalosClient } from "@talos/agent";
import { AgentWorld, type ManualClock } from "@talos/testkit";
import { wrongInAudit, type AuditNumbers } from "./audit-year.ts";
import { CERTIFICATE_DUE } from "./bounds.ts";
import { KeyWatch } from "./key-watch.ts";
import { Member } from "./member.ts";
import { Network } from "./network.ts";
import { DAY, NAMES, type Name, type StepPlan, type YearPlan } from "./year-plan.ts";

/** Before a step is given up: some hours of its clock, in ever longer pauses. */
const MAX_ROUNDS = 400;
const SNAPSHOT_DAYS = 50;
/** What an operator takes for it, from the warning on. */
const OPERATOR_DAYS = 12;
const VISITOR_ROTATION = { oneTimePrekeyTarget: 2, refillBelow: 1 } as const;

interface Sent {
  readonly id: string;
  readonly from: Name;
  readonly to: Name;
  readonly text: string;
}

interface Ground {
  readonly world: AgentWorld;
  readonly clock: ManualClock;
  readonly network: Network;
}

export interface YearNumbers {
  readonly messages: number;
  readonly visits: number;
  readonly openings: number;
  readonly rounds: number;
  readonly audits: Readonly<Record<Name, AuditNumbers>>;
}

export class Year implements AsyncDisposable {
  readonly #plan: YearPlan;
  readonly world: AgentWorld;
  readonly #clock: ManualClock;
  readonly #network: Network;
  readonly #beganAt: number;
  readonly members: Readonly<Record<Name, Member>>;
  readonly #watches: Readonly<Record<Name, KeyWatch>>;
  readonly #sent: Sent[] = [];
  #underWay: Sent[] = [];
  #isDirectoryUp = true;
  #rounds = 0;
  #visits = 0;
  /** When the operator of an agent first heard that its identity is due. */
  readonly #warned: Map<Name, number> = new Map();
  readonly #rotated: Set<Name> = new Set();

  private constructor(plan: YearPlan, { world, clock, network }: Ground, members: Readonly<Record<Name, Member>>) {
    this.#plan = plan;
    this.world = world;
    this.#network = network;
    this.#clock = clock;
    this.#beganAt = clock.now();
    this.members = members;
    const watch = (name: Name): KeyWatch => new KeyWatch(members[name]);
    this.#watches = { alice: watch("alice"), bob: watch("bob"), carol: watch("carol") };
    for (const name of NAMES) this.#listen(members[name]);
  }

  static async begin(plan: YearPlan, clock: ManualClock, environment: Partial<Environment>): Promise<Year> {
    const network = new Network();
    const world = await AgentWorld.start({ environment: { openDirectory: network.openDirectory, ...environment, clock } });
    const create = async (name: Name): Promise<Member> => Member.create(world, name, plan.members[name]);
    return new Year(
      plan,
      { world, clock, network },
      { alice: await create("alice"), bob: await create("bob"), carol: await create("carol") },
    );
  }

  /** @throws Error that says the day and what was wrong */
  async live(): Promise<void> {
    for (const [index, step] of this.#plan.steps.entries()) {
      try {
        await this.#step(index, step);
      } catch (error) {
        throw new Error(`day ${Math.floor(step.at / DAY)}, step ${index}: ${String(error)}`, { cause: error });
      }
    }
  }

  /** Everything that is left arrives, and the whole record is judged. */
  async conclude(): Promise<YearNumbers> {
    await this.#switchDirectory(false);
    await this.#settle(() => {
      for (const name of NAMES) this.members[name].wake();
      return this.#undelivered();
    });
    const faults = NAMES.flatMap((name) => this.#lastLook(name));
    const audits = { alice: this.#audit("alice", faults), bob: this.#audit("bob", faults), carol: this.#audit("carol", faults) };
    if (faults.length > 0) throw new Error(faults.join("\n"));
    const openings = NAMES.reduce((sum, name) => sum + this.members[name].openings.length, 0);
    return { messages: this.#sent.length, visits: this.#visits, openings, rounds: this.#rounds, audits };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.world[Symbol.asyncDispose]();
  }

  async #step(index: number, step: StepPlan): Promise<void> {
    await this.#pass(Math.max(0, this.#beganAt + step.at - this.#clock.now()));
    this.#noteArrived();
    await this.#switchDirectory(step.directoryIsDown);
    await this.#comeAndGo(index);
    for (const name of NAMES) {
      const member = this.members[name];
      if (step.dying.includes(name)) member.dieSoon();
      if (step.asleep.includes(name)) await member.sleep();
      else member.wake();
    }
    for (const { from, to, characters } of step.messages) await this.#send(index, from, to, characters);
    if (step.visit !== undefined && this.#isDirectoryUp) await this.#visit(this.members[step.visit]);
    await this.#careForIdentities(step);
    await this.#settle(() => this.#unsettled());
    if (step.endsDay) await this.#endDay(step.at / DAY);
  }

  async #switchDirectory(isDown: boolean): Promise<void> {
    if (isDown === !this.#isDirectoryUp) return;
    if (isDown) await this.world.stopDirectory();
    else await this.world.startDirectory();
    this.#isDirectoryUp = !isDown;
  }

  async #comeAndGo(index: number): Promise<void> {
    for (const name of NAMES) {
      const { absences } = this.#plan.members[name];
      const member = this.members[name];
      if (absences.some(({ from }) => from === index)) await member.close();
      if (!absences.some(({ to }) => to === index)) continue;
      await member.open();
      this.#listen(member);
    }
  }

  async #send(index: number, from: Name, to: Name, characters: number): Promise<void> {
    const text = `${index} ${this.#sent.length} `.padEnd(characters, "the quick brown fox ");
    const { messageId: id } = await this.members[from].client.send(this.members[to].did, text);
    const sent = { id, from, to, text };
    this.#sent.push(sent);
    this.#underWay.push(sent);
  }

  /** Somebody whom nobody knows, who is never seen again. */
  async #visit(member: Member): Promise<void> {
    const visitor = await this.world.create(`visitor-${this.#visits++}`, { rotation: VISITOR_ROTATION });
    const { messageId } = await visitor.send(member.did, "hello");
    await this.#settle(() => {
      if (this.#isDelivered(visitor, messageId)) return [];
      // Nobody has time to wait for the next step.
      member.wake();
      return [`a visitor's message to ${member.name}`];
    });
    await visitor.close();
  }

  #listen(member: Member): void {
    member.client.on("rotationDue", ({ kind }) => {
      if (kind === "rotate-identity" && !this.#warned.has(member.name)) this.#warned.set(member.name, this.#clock.now());
    });
  }

  /** Whom nothing reminds but a time table, and who waits for a person. */
  async #careForIdentities({ endsDay, directoryIsDown }: StepPlan): Promise<void> {
    for (const name of NAMES) {
      const member = this.members[name];
      if (!member.isOpen || directoryIsDown || !endsDay) continue;
      if (member.care === "cron") await member.maintain();
      const warnedAt = this.#warned.get(name) ?? Number.POSITIVE_INFINITY;
      if (member.care !== "operator" || this.#rotated.has(name) || this.#clock.now() < warnedAt + OPERATOR_DAYS * DAY) continue;
      await member.client.rotateIdentity();
      this.#rotated.add(name);
    }
  }

  async #endDay(day: number): Promise<void> {
    const open = NAMES.filter((name) => this.members[name].isOpen);
    await this.#settle(() => open.flatMap((name) => this.#watches[name].wrong(this.#clock.now())));
    const faults = open.flatMap((name) => this.#watches[name].nextDay(this.#clock.now()));
    faults.push(...NAMES.flatMap((name) => this.members[name].faults));
    if (faults.length > 0) throw new Error(faults.join("\n"));
    if (day % SNAPSHOT_DAYS === 0) for (const name of NAMES) this.world.copyDataDir(name, `${name}-day-${day}`);
  }

  async #pass(milliseconds: number): Promise<void> {
    await this.#clock.advance(milliseconds);
    await this.#network.calm();
  }

  /** Time goes on a little at a time, until nothing is left of it. */
  async #settle(left: () => readonly string[]): Promise<void> {
    for (let round = 0; ; round++) {
      const what = left();
      if (what.length === 0) return;
      if (round === MAX_ROUNDS) throw new Error(`it does not come to rest: ${what.join("\n")}`);
      this.#rounds += 1;
      await this.#pass(round < 100 ? 500 : 60_000);
    }
  }

  /** What two that are there have to tell each other, and certificates: a look at the clock has been taken in this step. */
  #unsettled(): readonly string[] {
    const overdue = NAMES.filter(
      (name) => this.members[name].isOpen && this.members[name].certifiedAt(this.#clock.now()) + CERTIFICATE_DUE < this.#clock.now(),
    );
    const undelivered = this.#undelivered(({ from, to }) => this.#isDirectoryUp && this.members[from].isOpen && this.members[to].isAwake);
    return [...overdue.map((name) => `${name}: the certificate is due`), ...undelivered];
  }

  #undelivered(counts: (sent: Sent) => boolean = () => true): readonly string[] {
    this.#noteArrived();
    return this.#underWay.filter(counts).map((sent) => this.#describe(sent));
  }

  /** At every look, whoever is away or asleep then: a sender forgets what was delivered a week later. */
  #noteArrived(): void {
    this.#underWay = this.#underWay.filter((sent) => !this.#hasArrived(sent));
  }

  #hasArrived({ id, from, to }: Sent): boolean {
    const sender = this.members[from];
    return this.members[to].effects.get(id)?.isAcknowledged === true && sender.isOpen && this.#isDelivered(sender.client, id);
  }

  #isDelivered(sender: TalosClient, id: string): boolean {
    return sender.outbox(id)?.state === "delivered";
  }

  #describe({ id, from, to }: Sent): string {
    const row = this.members[from].isOpen ? this.members[from].client.outbox(id) : undefined;
    const seen = this.members[to].effects.has(id) ? "seen" : "not seen";
    return `${from} to ${to}: ${id} ${seen}, ${row?.state} ${row?.reason ?? ""} ${row?.lastError ?? ""}`;
  }

  #lastLook(name: Name): readonly string[] {
    const { client, effects, did } = this.members[name];
    const status = client.status();
    const faults: string[] = [];
    const others = NAMES.filter((other) => other !== name).map((other) => this.members[other].did);
    const untold = status.notifications.flatMap(({ pending }) => pending.filter(({ peerDid }) => others.includes(peerDid)));
    if (untold.length > 0) faults.push(`${name}: not acknowledged by ${untold.map(({ peerDid }) => peerDid).join()}`);
    const texts = new Map(this.#sent.filter(({ to }) => to === name).map(({ id, text }) => [id, text]));
    for (const [id, { text, from }] of effects) {
      const isFromMember = others.includes(from);
      if (isFromMember && texts.get(id) !== text) faults.push(`${name}: ${id} was never sent to it`);
      texts.delete(id);
    }
    for (const id of texts.keys()) faults.push(`${name}: ${id} was lost`);
    if (status.did !== did) faults.push(`${name}: another agent id`);
    const { usedPrekeys } = this.#watches[name];
    if (usedPrekeys > this.#visits + effects.size) faults.push(`${name}: ${usedPrekeys} one-time prekeys ended before their time`);
    return faults;
  }

  #audit(name: Name, faults: string[]): AuditNumbers {
    const { numbers, wrong } = wrongInAudit(this.members[name], this.#beganAt, this.#plan.members[name]);
    faults.push(...wrong);
    return numbers;
  }
}
