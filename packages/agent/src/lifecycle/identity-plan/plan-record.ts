/**
 * The durable row of an operation on the agent's own identity: its signed event, which keys were staged for it, and what was
 * asked for. There is one at a time. Knows how nothing is done.
 */
import { encodeCbor, decodeEvent, readCborArray, toHex, type Crypto, type KeyId, type LogHead } from "@talos/core";
import type { Plan, PlanInfo, PlanKind, ReadTransaction, Transaction } from "../../vault/index.ts";

export type IdentityPlanKind = Extract<PlanKind, "rotate" | "emergency" | "revoke">;
const KINDS: readonly IdentityPlanKind[] = ["rotate", "emergency", "revoke"];

/**
 * `event`: no directory has said yes; `announced`: nor to this revocation, but peers have it; `commit`: one has, and the event is to be put in
 * force here. `set-aside`: another event may have taken the place; what was staged stays until one that is put in force here settles that.
 */
export type IdentityPlanStep = "event" | "announced" | "commit" | "set-aside";
const STEPS: readonly IdentityPlanStep[] = ["event", "announced", "commit", "set-aside"];

/** Keys that were made for an event; of a revocation none. */
export interface StagedIds {
  /** Of a recovery a fresh one; else the next key is revealed. */
  readonly identity?: KeyId | undefined;
  readonly next: KeyId;
  readonly encryption: KeyId;
}

export interface IdentityPlan {
  readonly id: string;
  readonly kind: IdentityPlanKind;
  readonly step: IdentityPlanStep;
  readonly attempts: number;
  readonly nextAttemptAt: number;
  /** As it travels: a retry sends these bytes. */
  readonly event: Uint8Array;
  readonly head: LogHead;
  readonly staged: StagedIds | undefined;
  readonly notifyPeers: boolean;
  /** Put in force without a directory's word. */
  readonly offline: boolean;
  /** Of an emergency: the facts of its report, JSON. */
  readonly report: string | undefined;
}

export type NewIdentityPlan = Pick<IdentityPlan, "kind" | "event" | "head" | "staged" | "notifyPeers" | "offline" | "report">;

const ID_CHARACTERS = 16;
const MAX_EVENT_BYTES = 4_096;
const MAX_REPORT_BYTES = 1_000_000;
const KEY_ID_TEXT = { maxBytes: 16 } as const;

export function planRow(plan: NewIdentityPlan, now: number): Plan {
  const { kind, head } = plan;
  const id = `identity-${head.seq}-${toHex(head.hash).slice(0, ID_CHARACTERS)}`;
  return { id, kind, step: "event", payload: payloadOf(plan), createdAt: now, updatedAt: now, attempts: 0, nextAttemptAt: now };
}

/** What may still change when its owner asks once more: not the event. */
export function rewritePlan(tx: Transaction, plan: IdentityPlan, now: number): void {
  const row = tx.plans.get(plan.id);
  if (row !== undefined) tx.plans.put({ ...row, payload: payloadOf(plan), updatedAt: now });
}

/** The one that is under way. */
export function openIdentityPlan(tx: ReadTransaction, crypto: Pick<Crypto, "sha256">): IdentityPlan | undefined {
  const info = tx.plans.open().find(isUnderWay);
  const row = info && tx.plans.get(info.id);
  return row && readPlan(row, crypto);
}

/** Those that another event may have taken the place of. */
export function setAsidePlans(tx: ReadTransaction, crypto: Pick<Crypto, "sha256">): readonly IdentityPlan[] {
  const infos = tx.plans.open().filter(({ kind, step }) => isIdentityPlan(kind) && step === "set-aside");
  return infos.flatMap(({ id }) => tx.plans.get(id) ?? []).map((row) => readPlan(row, crypto));
}

/** The identity is about to change by it. */
export function isUnderWay({ kind, step }: Pick<PlanInfo, "kind" | "step">): boolean {
  return isIdentityPlan(kind) && step !== "set-aside";
}

/** Its event was signed by the recovery key. */
export function isByRecovery({ event: wire }: IdentityPlan, crypto: Pick<Crypto, "sha256">): boolean {
  const { event } = decodeEvent(wire, crypto);
  return event.kind !== "inception" && event.authority === "recovery";
}

function payloadOf({ event, staged, notifyPeers, offline, report }: NewIdentityPlan): Uint8Array {
  const ids = [staged?.identity ?? "", staged?.next ?? "", staged?.encryption ?? ""];
  return encodeCbor([event, ids, notifyPeers, offline, report ?? ""]);
}

function isIdentityPlan(kind: PlanKind): kind is IdentityPlanKind {
  return KINDS.some((one) => one === kind);
}

function readPlan({ id, kind, step, attempts, nextAttemptAt, payload }: Plan, crypto: Pick<Crypto, "sha256">): IdentityPlan {
  const reader = readCborArray(payload, "identity plan", { length: 5 });
  const event = reader.bytes({ max: MAX_EVENT_BYTES });
  const ids = reader.array({ length: 3 });
  const [identity, next, encryption] = [ids.text(KEY_ID_TEXT), ids.text(KEY_ID_TEXT), ids.text(KEY_ID_TEXT)];
  const notifyPeers = reader.bool();
  const offline = reader.bool();
  const report = reader.text({ maxBytes: MAX_REPORT_BYTES });
  const { event: fields, hash } = decodeEvent(event, crypto);
  return {
    id,
    kind: isIdentityPlan(kind) ? kind : "rotate",
    step: STEPS.find((name) => name === step) ?? "event",
    attempts,
    nextAttemptAt,
    event,
    head: { seq: fields.kind === "inception" ? 0 : fields.seq, hash },
    staged:
      next === ""
        ? undefined
        : { identity: identity === "" ? undefined : (identity as KeyId), next: next as KeyId, encryption: encryption as KeyId },
    notifyPeers,
    offline,
    report: report === "" ? undefined : report,
  };
}
