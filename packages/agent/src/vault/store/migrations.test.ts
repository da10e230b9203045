import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { formatOf, FORMAT, migrate } from "./migrations.ts";
import { SCHEMA_1 } from "./schema.ts";

const LATER = "ALTER TABLE settings ADD COLUMN note TEXT";

test("an empty database is brought to the newest format, and a current one stays as it is", () => {
  using database = new DatabaseSync(":memory:");
  migrate(database);
  assert.equal(formatOf(database), FORMAT);
  database.exec("INSERT INTO settings (name, value) VALUES ('home', 'x')");
  migrate(database);
  assert.equal(database.prepare("SELECT value FROM settings").get()?.["value"], "x");
});

test("an older format is brought on by the steps that it lacks, with all that is in it", () => {
  using database = new DatabaseSync(":memory:");
  migrate(database, [SCHEMA_1]);
  database.exec("INSERT INTO settings (name, value) VALUES ('home', 'x')");
  migrate(database, [SCHEMA_1, LATER, "UPDATE settings SET note = 'new'"]);
  assert.equal(formatOf(database), 3);
  assert.deepEqual({ ...database.prepare("SELECT * FROM settings").get() }, { name: "home", value: "x", note: "new" });
});

test("a step that fails leaves the database in its old format", () => {
  using database = new DatabaseSync(":memory:");
  migrate(database, [SCHEMA_1]);
  database.exec("BEGIN");
  assert.throws(() => migrate(database, [SCHEMA_1, LATER, "UPDATE nothing SET a = 1"]));
  database.exec("ROLLBACK");
  assert.equal(formatOf(database), 1);
  assert.equal("note" in (database.prepare("SELECT count(*), max(value) AS value FROM settings").get() ?? {}), false);
  assert.throws(() => database.prepare("SELECT note FROM settings"));
});
