/** Plans: what takes several steps and resumes at the next open. A payload is the plan's own bytes, sealed at rest. */
import { utf8 } from "@talos/core";
import { bytes, number, optionalNumber, optionalText, text, word } from "./columns.ts";
import type { SqlRow, Store } from "./store.ts";

export const PLAN_KINDS = ["publish", "rotate", "emergency", "recover", "revoke", "takeover"] as const;
export type PlanKind = (typeof PLAN_KINDS)[number];

export interface PlanInfo {
  /** Unique, at most 64 characters. */
  readonly id: string;
  readonly kind: PlanKind;
  /** The first step that was not answered; named by the plan. */
  readonly step: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly attempts: number;
  readonly nextAttemptAt: number;
  /** An error code. */
  readonly lastError?: string | undefined;
  readonly doneAt?: number | undefined;
}

export interface Plan extends PlanInfo {
  readonly payload: Uint8Array;
}

export class PlansReader {
  protected readonly store: Store;

  constructor(store: Store) {
    this.store = store;
  }

  get(id: string): Plan | undefined {
    const row = this.store.get("SELECT * FROM plans WHERE id = ?", id);
    return row && { ...toInfo(row), payload: this.store.unseal("plans", utf8(id), "payload", bytes(row, "payload")) };
  }

  /** Plans that are not done, oldest first; without payloads. */
  open(kind?: PlanKind): PlanInfo[] {
    return this.store
      .all("SELECT * FROM plans WHERE done_at IS NULL AND (?1 IS NULL OR kind = ?1) ORDER BY created_at, id", kind)
      .map(toInfo);
  }

  list(): PlanInfo[] {
    return this.store.all("SELECT * FROM plans ORDER BY created_at, id").map(toInfo);
  }
}

export class Plans extends PlansReader {
  /** Inserts or replaces. */
  put(plan: Plan): void {
    this.store.run(
      `INSERT INTO plans (id, kind, step, payload, created_at, updated_at, attempts, next_attempt_at, last_error, done_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET step = excluded.step, payload = excluded.payload, updated_at = excluded.updated_at,
         attempts = excluded.attempts, next_attempt_at = excluded.next_attempt_at, last_error = excluded.last_error,
         done_at = excluded.done_at`,
      plan.id,
      plan.kind,
      plan.step,
      this.store.seal("plans", utf8(plan.id), "payload", plan.payload),
      plan.createdAt,
      plan.updatedAt,
      plan.attempts,
      plan.nextAttemptAt,
      plan.lastError,
      plan.doneAt,
    );
  }

  /** A step was answered. */
  advance(id: string, step: string, at: number): void {
    this.store.run("UPDATE plans SET step = ?, updated_at = ?, attempts = 0, last_error = NULL WHERE id = ?", step, at, id);
  }

  /** An attempt that did not get through. @param code an error code */
  noteFailure(id: string, code: string, at: number, nextAttemptAt: number): void {
    this.store.run(
      "UPDATE plans SET attempts = attempts + 1, last_error = ?, updated_at = ?, next_attempt_at = ? WHERE id = ?",
      code,
      at,
      nextAttemptAt,
      id,
    );
  }

  done(id: string, at: number): void {
    this.store.run("UPDATE plans SET done_at = ?, updated_at = ?, last_error = NULL WHERE id = ?", at, at, id);
  }

  forgetDone(before: number): number {
    return this.store.run("DELETE FROM plans WHERE done_at < ?", before);
  }
}

function toInfo(row: SqlRow): PlanInfo {
  return {
    id: text(row, "id"),
    kind: word(row, "kind", PLAN_KINDS),
    step: text(row, "step"),
    createdAt: number(row, "created_at"),
    updatedAt: number(row, "updated_at"),
    attempts: number(row, "attempts"),
    nextAttemptAt: number(row, "next_attempt_at"),
    lastError: optionalText(row, "last_error"),
    doneAt: optionalNumber(row, "done_at"),
  };
}
