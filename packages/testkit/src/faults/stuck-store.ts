/**
 * Makes every commit of an agent fail, as a read-only or full file system does: another SQLite connection holds the write
 * lock of its `state.db` while `work` runs.
 */
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";

export async function withoutCommits(dataDir: string, work: () => Promise<void>): Promise<void> {
  const database = new DatabaseSync(join(dataDir, "state.db"));
  database.exec("BEGIN IMMEDIATE");
  try {
    await work();
  } finally {
    database.exec("ROLLBACK");
    database.close();
  }
}

/** Changes a data directory that nobody has open, as no agent ever would. */
export function tamper(dataDir: string, sql: string): void {
  const database = new DatabaseSync(join(dataDir, "state.db"));
  database.exec(sql);
  database.close();
}
