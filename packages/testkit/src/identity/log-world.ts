// Everything that owners and thieves may make of one identity, as real signed events, and verifiers that hear of it. Every key and event
// follows from its place in the tree, so that what was signed once serves in every run. Must not know what verifiers should conclude:
// that is the model's (log-model.ts).
import { strict as assert } from "node:assert";
import {
  chainWith,
  isTalosError,
  nodeCrypto,
  sameHead,
  toHex,
  verifyLog,
  type Crypto,
  type IdentityLog,
  type LogVerdict,
} from "@talos/core";
import { inceptionOf, recovered, revoked, rotated, type Branch } from "../vectors/branch.ts";
import { signerOf, STORY_START } from "../vectors/cast.ts";
import { LogModel, type ModelEvent } from "./log-model.ts";

/** An event in the tree with the branch that ends with it, and the keys behind it. */
export interface LogNode {
  readonly chain: readonly ModelEvent[];
  readonly event: ModelEvent;
  readonly branch: Branch;
  readonly isEnd: boolean;
}

export const MOVES = ["rotate", "add-kit", "recover", "revoke", "revoke-by-recovery"] as const;
export type Move = (typeof MOVES)[number];

/** Events of the longest branch that a world makes. */
export const LONGEST_BRANCH = 13;

export class LogWorld {
  readonly crypto: Pick<Crypto, "sha256" | "verifySignature"> = remembering();
  readonly root: LogNode;
  readonly #nodes: Map<string, LogNode> = new Map();
  readonly #names: Map<string, string> = new Map();

  constructor(name: string, kit: boolean) {
    this.root = this.#keep({ id: name, parent: undefined, authority: "none", hasKit: kit }, [], inceptionOf(name, { kit }), false);
  }

  /** What that move makes after a node; undefined where nobody could make it. Variants of one move contend with each other. */
  make(at: LogNode, move: Move, variant: number): LogNode | undefined {
    const { hasKit, id } = at.event;
    if (at.isEnd || at.branch.wires.length >= LONGEST_BRANCH) return undefined;
    if ((move === "add-kit") === hasKit && move !== "rotate" && move !== "revoke") return undefined;
    const name = `${id} ${move} ${variant}`;
    const known = this.#nodes.get(name);
    if (known !== undefined) return known;
    const authority = move === "recover" || move === "revoke-by-recovery" ? "recovery" : "online";
    const event = { id: name, parent: id, authority, hasKit: hasKit || move === "add-kit" } as const;
    return this.#keep(event, at.chain, this.#grow(at.branch, move, name), move.startsWith("revoke"));
  }

  namesOf(log: IdentityLog): string[] {
    return log.states.map(({ head }) => this.#names.get(toHex(head.hash)) ?? "an event that nobody made");
  }

  #grow(branch: Branch, move: Move, name: string): Branch {
    if (move === "recover") return recovered(branch, name);
    if (move === "rotate") return rotated(branch, name, { reason: "compromise" });
    if (move === "add-kit") return rotated(branch, name, { kit: signerOf(`${name} recovery`) });
    // Two revocations differ in something, or they are one event.
    return revoked(branch, move === "revoke" ? "online" : "recovery", { time: STORY_START + Number(name.at(-1)) });
  }

  #keep(event: ModelEvent, before: readonly ModelEvent[], branch: Branch, isEnd: boolean): LogNode {
    const node = { chain: [...before, event], event, branch, isEnd };
    this.#nodes.set(event.id, node);
    this.#names.set(toHex(branch.head.hash), event.id);
    return node;
  }
}

/** A directory or a peer: holds one log, and is held against the model after everything that it hears. */
export class LogHolder {
  readonly #world: LogWorld;
  readonly #model: LogModel = new LogModel();
  log: IdentityLog | undefined;

  constructor(world: LogWorld) {
    this.#world = world;
  }

  /** Hears a branch of the world. */
  hear({ branch, chain }: LogNode): void {
    this.#take(branch.wires, chain);
  }

  /** Hears the log of another holder: what comes after event `after`, or all of it where that one is not known there (docs/protocol/directory.md). */
  hearFrom(other: LogHolder, node: (id: string) => LogNode, after: number): void {
    if (other.log === undefined) return;
    const mine = this.log?.states[after]?.head;
    const theirs = other.log.states[after]?.head;
    const isShared = mine !== undefined && theirs !== undefined && sameHead(mine, theirs);
    const wires = chainWith(this.log, isShared ? other.log.events.slice(after + 1) : other.log.events, this.#world.crypto);
    this.#take(wires, this.#chainOf(wires, node));
  }

  #chainOf(wires: readonly Uint8Array[], node: (id: string) => LogNode): readonly ModelEvent[] {
    const { log } = verifyLog(undefined, wires, STORY_START, this.#world.crypto);
    return node(this.#world.namesOf(log).at(-1) as string).chain;
  }

  #take(wires: readonly Uint8Array[], chain: readonly ModelEvent[]): void {
    const before = this.log;
    const verdict = verdictOf(before, wires, this.#world.crypto);
    this.#model.hear(chain);
    if (verdict !== "behind") {
      this.log = verdict.log;
      this.#checkStep(before, verdict, wires, chain);
    }
    const log = this.log as IdentityLog;
    assert.deepEqual(this.#world.namesOf(log), this.#model.standing());
    assert.deepEqual(verifyLog(undefined, log.events, STORY_START, this.#world.crypto).log, log, "step by step or at once: the same log");
  }

  /** Nobody goes back behind a head once seen, except by a recovery event, which takes no recovery event away. */
  #checkStep(before: IdentityLog | undefined, verdict: LogVerdict, wires: readonly Uint8Array[], chain: readonly ModelEvent[]): void {
    if (verdict.kind === "accepted") {
      assert.equal(before, undefined);
      return;
    }
    const known = before as IdentityLog;
    if (verdict.kind === "extended") assert.deepEqual(verdict.log.events, [...known.events, ...verdict.added]);
    else if (verdict.kind === "replaced") {
      const kept = known.events.length - verdict.cutOff.length;
      assert.deepEqual(verdict.log.events, [...known.events.slice(0, kept), ...verdict.added]);
      assert.deepEqual(known.events.slice(kept), verdict.cutOff);
      assert.equal(isRecovery(verdict.log, kept), true);
      assert.equal(isRecovery(known, kept), false);
    } else {
      assert.equal(verdict.log, known);
      if (verdict.kind === "unchanged") return;
      assert.ok(has(wires, verdict.contender) && !has(known.events, verdict.contender));
      assert.ok(has(known.events, verdict.standing) && !has(wires, verdict.standing));
      assert.equal(verdict.kind === "forked", this.#model.isAlarm(this.#world.namesOf(known), chain), "who raises an alarm");
    }
  }
}

/** A signature that verified once verifies again: every log is verified from scratch many times over. */
function remembering(): Pick<Crypto, "sha256" | "verifySignature"> {
  const known = new Map<string, boolean>();
  return {
    sha256: (...parts) => nodeCrypto.sha256(...parts),
    verifySignature(algorithm, key, message, signature) {
      const id = toHex(nodeCrypto.sha256(Uint8Array.of(algorithm, key.length), key, signature, message));
      const result = known.get(id) ?? nodeCrypto.verifySignature(algorithm, key, message, signature);
      known.set(id, result);
      return result;
    },
  };
}

function has(wires: readonly Uint8Array[], wire: Uint8Array): boolean {
  return wires.some((each) => toHex(each) === toHex(wire));
}

function isRecovery({ states }: IdentityLog, from: number): boolean {
  return states.slice(from).some(({ authority }) => authority === "recovery");
}

function verdictOf(known: IdentityLog | undefined, wires: readonly Uint8Array[], crypto: LogWorld["crypto"]): LogVerdict | "behind" {
  try {
    return verifyLog(known, wires, STORY_START, crypto);
  } catch (error) {
    if (isTalosError(error, "LOG_INVALID") && error.details["reason"] === "behind") return "behind";
    throw error;
  }
}
