/** What one round of care for an agent's keys has done and left, also as the application gets it. Knows no key and no clock. */
import { isTalosError, type ErrorCode, type Task, type TaskKind } from "@talos/core";

/** A round is made at least so often. */
export const TICK_MILLISECONDS = 3_600_000;

/** Plain values, as the application gets them; times in milliseconds since 1970. */
export interface MaintenanceDone {
  readonly kind: TaskKind | "publish" | "backup-drill";
  /** Prekeys that were made, or keys that were ended. */
  readonly count?: number;
  /** Of the successor, where it is one key. */
  readonly keyId?: string;
}

export interface MaintenanceDue {
  readonly kind: TaskKind | "publish" | "backup-drill";
  readonly dueAt: number;
  /** Code of the error that was in the way; absent where it is somebody's decision. */
  readonly reason?: string;
}

export interface MaintenanceReport {
  readonly done: readonly MaintenanceDone[];
  /** Due, and not done. */
  readonly due: readonly MaintenanceDue[];
}

/** What one round has done and left. */
export class Round {
  readonly done: MaintenanceDone[] = [];
  readonly #due: MaintenanceDue[] = [];
  readonly failed: Task[] = [];

  get hasFailed(): boolean {
    return this.failed.length > 0;
  }

  async do(task: Task, work: () => Promise<MaintenanceDone>): Promise<void> {
    try {
      this.done.push(await work());
    } catch (error) {
      this.fail(task, error);
    }
  }

  fail(task: Task, error: unknown): void {
    const reason: ErrorCode = isTalosError(error) ? error.code : "INTERNAL";
    this.failed.push(task);
    this.#due.push({ kind: task.kind, dueAt: task.dueAt, reason });
  }

  leave(task: MaintenanceDue): void {
    if (!this.#due.some(({ kind }) => kind === task.kind)) this.#due.push(task);
  }

  report(): MaintenanceReport {
    return { done: this.done, due: this.#due };
  }
}

/** What comes again in its own time is none. */
export function isInTheWay({ kind, reason }: MaintenanceDue): boolean {
  return reason !== undefined && kind !== "backup-drill";
}
