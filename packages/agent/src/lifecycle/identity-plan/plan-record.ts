/**
 * The durable row of an operation on the agent's own identity: its signed event, which keys were staged for it, and what was
 * asked for. There is one at a time. Knows how nothing is done.
 */
import { encodeCbor, decodeEvent, readCborArray, toHex, type Crypto, type KeyId, type LogHead } from "@talos/core";
import type { Plan, PlanKind, ReadTransaction } from "../../vault/index.ts";

export type IdentityPlanKind = Extract<PlanKind, "rotate" | "emergency" | "revoke">;
const KINDS: readonly IdentityPlanKind[] = ["rotate", "emergency", "revoke"];

/** `event`: no directory has said yes; `commit`: it has, and the event is to be put in force here. */
export type IdentityPlanStep = "event" | "commit";

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
  const { kind, event, head, staged, notifyPeers, offline, report } = plan;
  const ids = [staged?.identity ?? "", staged?.next ?? "", staged?.encryption ?? ""];
  const payload = encodeCbor([event, ids, notifyPeers, offline, report ?? ""]);
  const id = `identity-${head.seq}-${toHex(head.hash).slice(0, ID_CHARACTERS)}`;
  return { id, kind, step: "event", payload, createdAt: now, updatedAt: now, attempts: 0, nextAttemptAt: now };
}

/** The one that is not finished. */
export function openIdentityPlan(tx: ReadTransaction, crypto: Pick<Crypto, "sha256">): IdentityPlan | undefined {
  const [info] = tx.plans.open().filter(({ kind }) => isIdentityPlan(kind));
  const row = info && tx.plans.get(info.id);
  return row && readPlan(row, crypto);
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
    step: step === "commit" ? "commit" : "event",
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
