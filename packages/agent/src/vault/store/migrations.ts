/**
 * The formats of `state.db`, one step each: step n makes format n + 1 of format n, from an empty database on. The number stands in
 * `user_version`. A step that was released never changes. Tables `vault` and `slots` stay readable by every later version, since they are
 * read before the lock is taken.
 */
import type { DatabaseSync } from "node:sqlite";
import { number } from "./columns.ts";
import { SCHEMA_2, VIEW_OF_1_AS_2 } from "./schema-2.ts";
import { SCHEMA_1 } from "./schema.ts";

/** "TALO": tells our files from other SQLite databases. */
export const APPLICATION_ID = 0x54414c4f;

const STEPS: readonly string[] = [SCHEMA_1, SCHEMA_2];
/** How each older format is looked at: as if it had been brought on, without being. Of format 1 the first, and so on. */
const VIEWS: readonly string[] = [VIEW_OF_1_AS_2];

/** What this version writes. */
export const FORMAT: number = STEPS.length;

export function formatOf(database: DatabaseSync): number {
  return number(database.prepare("PRAGMA user_version").get() ?? {}, "user_version");
}

/** Inside a transaction: brings an older format, or an empty database, to the newest; a current one stays as it is. */
export function migrate(database: DatabaseSync, steps: readonly string[] = STEPS): void {
  const format = formatOf(database);
  if (format >= steps.length) return;
  for (const step of steps.slice(format)) database.exec(step);
  database.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${steps.length}`);
}

/** For a connection that only reads: an older format of ours looks like the newest. Changes nothing in the file. */
export function showAsNewest(database: DatabaseSync): void {
  const application = number(database.prepare("PRAGMA application_id").get() ?? {}, "application_id");
  if (application !== APPLICATION_ID) return;
  const view = VIEWS[formatOf(database) - 1];
  if (view !== undefined) database.exec(view);
}
