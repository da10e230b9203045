/**
 * Makes every commit of an agent fail, as a read-only or full file system does: another SQLite connection holds the write
 * lock of its `state.db`. Ends with `Symbol.dispose`.
 */
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";

export function holdWriteLock(dataDir: string): Disposable {
  const database = new DatabaseSync(join(dataDir, "state.db"));
  database.exec("BEGIN IMMEDIATE");
  return {
    [Symbol.dispose]: () => {
      database.exec("ROLLBACK");
      database.close();
    },
  };
}

/** Changes a data directory that nobody has open, as no agent ever would. */
export function tamper(dataDir: string, sql: string): void {
  const database = new DatabaseSync(join(dataDir, "state.db"));
  database.exec(sql);
  database.close();
}
