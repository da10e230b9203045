/** How a database is opened: what SQLite says when it cannot, too many open files among it, is an error of ours. Knows no table. */
import { DatabaseSync, type DatabaseSyncOptions } from "node:sqlite";
import { fromSqlite } from "./sqlite-error.ts";

/** @throws TalosError STORAGE_FAILED where the file cannot be opened */
export function connect(path: string | URL, options: DatabaseSyncOptions = {}): DatabaseSync {
  try {
    return new DatabaseSync(path, options);
  } catch (error) {
    throw fromSqlite(error, "STORAGE_FAILED");
  }
}
