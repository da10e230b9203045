/**
 * The backups whose restoration the care of an open agent tries on schedule, and what becomes of it: in the round's report, and announced.
 * Knows neither a seal nor how a restoration is tried.
 */
import { placeOf } from "../backup/backup-file.ts";
import type { BackupDrillOptions, VerifyBackupOptions } from "../backup/backup-options.ts";
import { isVerdict } from "../backup/backup-standing.ts";
import type { BackupCheck } from "../backup/backup-views.ts";
import { drillDueAt, tryBackup } from "../backup/scheduled-drill.ts";
import type { AgentContext } from "../context.ts";
import type { ReadTransaction } from "../vault/index.ts";
import { TICK_MILLISECONDS, type Round } from "./maintenance-round.ts";

export interface DrillParts {
  readonly context: AgentContext;
  /** Tries a restoration, and puts it on record. */
  readonly verifyBackup: (file: VerifyBackupOptions) => Promise<BackupCheck>;
}

export class BackupDrills {
  readonly #parts: DrillParts;
  /** Those in force, and before when each is not tried again, whatever the record says. */
  readonly #drills: Map<BackupDrillOptions, number> = new Map();

  constructor(parts: DrillParts) {
    this.#parts = parts;
  }

  /** @returns ends it */
  add(drill: BackupDrillOptions): () => void {
    // Of its own, so that the same one may be asked for twice.
    const own = { ...drill };
    this.#drills.set(own, 0);
    return () => {
      this.#drills.delete(own);
    };
  }

  /** Milliseconds since 1970. */
  dueTimes(tx: ReadTransaction, now: number): readonly number[] {
    return [...this.#drills.keys()].map((drill) => this.#dueAt(tx, drill, now));
  }

  /** What is wrong with a backup holds up nothing else. */
  async tryDue(round: Round): Promise<void> {
    for (const drill of this.#drills.keys()) await this.#try(round, drill);
  }

  async #try(round: Round, drill: BackupDrillOptions): Promise<void> {
    const { context, verifyBackup } = this.#parts;
    const { vault, clock, standing, events } = context;
    const now = clock.now();
    const dueAt = vault.read((tx) => this.#dueAt(tx, drill, now));
    if (dueAt > now || !standing.isActive) return;
    // Also where nothing can be put on record.
    this.#drills.set(drill, now + TICK_MILLISECONDS);
    const result = await tryBackup(drill, verifyBackup);
    if (isVerdict(result)) round.done.push({ kind: "backup-drill" });
    else round.leave({ kind: "backup-drill", dueAt, reason: result });
    events.emit("backupDrill", { at: now, path: placeOf(drill.path), result });
  }

  #dueAt(tx: ReadTransaction, drill: BackupDrillOptions, now: number): number {
    const notBefore = this.#drills.get(drill) ?? 0;
    // From before the clock went back.
    const isStale = notBefore > now + TICK_MILLISECONDS;
    return Math.max(isStale ? 0 : notBefore, drillDueAt(tx, drill, now));
  }
}
