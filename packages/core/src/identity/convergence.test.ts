// What many verifiers make of one identity, whoever made its events and in whatever order they hear of them.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { LogHolder, LogWorld, LONGEST_BRANCH, MOVES, type LogNode, type Move } from "../../../testkit/src/identity/log-world.ts";
import type { IdentityLog } from "./log.ts";

const VERIFIERS = 3;
const DIRECTORIES = 2;

/** Places are chosen by number, modulo what there is. */
type Step =
  | { readonly do: "make"; readonly at: number; readonly move: Move; readonly variant: number }
  | { readonly do: "publish"; readonly node: number; readonly holder: number }
  | { readonly do: "fetch"; readonly verifier: number; readonly directory: number; readonly after: number };

const nat = fc.nat(1000);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("make" as const), at: nat, move: fc.constantFrom(...MOVES), variant: fc.nat(1) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("publish" as const), node: nat, holder: nat }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("fetch" as const),
      verifier: fc.nat(VERIFIERS - 1),
      directory: fc.nat(DIRECTORIES - 1),
      after: fc.nat(6),
    }),
  },
);

class Scene {
  readonly world: LogWorld;
  readonly nodes: LogNode[];
  readonly verifiers: readonly LogHolder[];
  readonly directories: readonly LogHolder[];

  constructor(world: LogWorld) {
    this.world = world;
    this.nodes = [world.root];
    this.verifiers = Array.from({ length: VERIFIERS }, () => new LogHolder(world));
    this.directories = Array.from({ length: DIRECTORIES }, () => new LogHolder(world));
  }

  get holders(): readonly LogHolder[] {
    return [...this.directories, ...this.verifiers];
  }

  keep(node: LogNode | undefined): LogNode | undefined {
    if (node !== undefined && !this.nodes.includes(node)) this.nodes.push(node);
    return node;
  }

  publish(node: number, holder: number): void {
    (this.holders[holder % this.holders.length] as LogHolder).hear(this.nodes[node % this.nodes.length] as LogNode);
  }

  fetch(verifier: number, directory: number, after: number): void {
    const find = (id: string): LogNode => this.nodes.find(({ event }) => event.id === id) as LogNode;
    (this.verifiers[verifier] as LogHolder).hearFrom(this.directories[directory] as LogHolder, find, after);
  }

  /** Everything reaches everybody, in that order. */
  deliverAll(order: Iterable<number>): void {
    for (const at of order) for (const holder of this.holders) holder.hear(this.nodes[at] as LogNode);
  }
}

function checkAgainstModel(world: LogWorld): void {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80, size: "max" }), (steps) => {
      const scene = new Scene(world);
      for (const each of steps) {
        if (each.do === "make") scene.keep(world.make(scene.nodes[each.at % scene.nodes.length] as LogNode, each.move, each.variant));
        else if (each.do === "publish") scene.publish(each.node, each.holder);
        else scene.fetch(each.verifier, each.directory, each.after);
      }
    }),
    { numRuns: 100 },
  );
}

test("failure 28: whatever anybody makes and whoever hears it when, each verifier's log is what the model says", () => {
  checkAgainstModel(new LogWorld("agent with a kit", true));
});

test("failure 28: the same without a kit at first: what each branch adds for itself decides nothing", () => {
  checkAgainstModel(new LogWorld("agent without a kit", false));
});

/** The owner goes on from his own last event; the thief from whatever keys he copied or made since. */
type Turn =
  | { readonly who: "owner"; readonly move: "rotate" | "recover" }
  | { readonly who: "thief"; readonly move: "rotate" | "revoke"; readonly at: number }
  | { readonly who: "thief"; readonly move: "steal" }
  | { readonly who: "network"; readonly step: Exclude<Step, { readonly do: "make" }> };

const turn: fc.Arbitrary<Turn> = fc.oneof(
  fc.record({ who: fc.constant("owner" as const), move: fc.constantFrom("rotate" as const, "rotate" as const, "recover" as const) }),
  fc.record({ who: fc.constant("thief" as const), move: fc.constantFrom("rotate" as const, "revoke" as const), at: nat }),
  fc.record({ who: fc.constant("thief" as const), move: fc.constant("steal" as const) }),
  fc.record({
    who: fc.constant("network" as const),
    step: step.filter((each): each is Exclude<Step, { readonly do: "make" }> => each.do !== "make"),
  }),
);

test("failure 23: once the owner's recovery event reaches them all verifiers are with the owner, whatever the thief of the vault made, and stay there", () => {
  const world = new LogWorld("agent of the owner", true);
  const input = fc.record({
    turns: fc.array(turn, { maxLength: 30, size: "max" }),
    later: fc.array(nat, { maxLength: 6 }),
    order: fc.infiniteStream(nat),
  });
  fc.assert(
    fc.property(input, ({ turns, later, order }) => {
      const scene = new Scene(world);
      const owner = { at: world.root };
      const stolen: LogNode[] = [];
      const ownerMakes = (move: Move): void => {
        owner.at = scene.keep(world.make(owner.at, move, 0)) ?? owner.at;
      };
      const thiefMakes = (at: number, move: Move): void => {
        const node = stolen[at % Math.max(1, stolen.length)];
        const made = node && scene.keep(world.make(node, move, 1));
        if (made !== undefined) stolen.push(made);
      };
      for (const each of turns) {
        if (each.who === "owner") {
          // The last place of his branch is for the recovery event.
          if (owner.at.branch.wires.length < LONGEST_BRANCH - 1) ownerMakes(each.move);
        } else if (each.who === "network") {
          if (each.step.do === "publish") scene.publish(each.step.node, each.step.holder);
          else scene.fetch(each.step.verifier, each.step.directory, each.step.after);
        } else if (each.move === "steal") stolen.push(owner.at);
        else thiefMakes(each.at, each.move);
      }
      ownerMakes("recover");
      assert.equal(owner.at.event.authority, "recovery");
      const shuffled = scene.nodes.map((_, index) => ({ index, rank: order.next().value as number }));
      scene.deliverAll(shuffled.toSorted((a, b) => a.rank - b.rank).map(({ index }) => index));
      const expected = owner.at.chain.map(({ id }) => id);
      for (const holder of scene.holders) assert.deepEqual(world.namesOf(holder.log as IdentityLog), expected);

      // Whatever he still holds was cut off or precedes the recovery event.
      for (const at of later) thiefMakes(at, at % 2 === 0 ? "rotate" : "revoke");
      scene.deliverAll(scene.nodes.keys());
      for (const holder of scene.holders) assert.deepEqual(world.namesOf(holder.log as IdentityLog), expected);
    }),
    { numRuns: 60 },
  );
});
