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

test("format 1 does not say with whom an agent has corresponded: where a session, a message to the peer or an acknowledgement of one of its is left it has", () => {
  using database = new DatabaseSync(":memory:");
  migrate(database, [SCHEMA_1]);
  const put = (table: string, values: Readonly<Record<string, string | number | Uint8Array>>): void => {
    const names = Object.keys(values);
    database
      .prepare(`INSERT INTO ${table} (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")})`)
      .run(...Object.values(values));
  };
  const [heard, acknowledged, written, inSession, none] = [1, 2, 3, 4, 5].map((byte) => new Uint8Array(32).fill(byte));
  for (const peer of [heard, acknowledged, written, inSession, none] as Uint8Array[]) {
    put("peers", { agent_id: peer, trust: "unverified", first_seen_at: 7, head_seq: 0, head_hash: peer });
  }
  const id = new Uint8Array(16);
  put("seen", { sender: heard as Uint8Array, message_id: id, received_at: 8 });
  put("seen", { sender: acknowledged as Uint8Array, message_id: id, received_at: 8, acked_at: 9 });
  const row = { content_type: "", sign: "instance", frame_type: 1, created_at: 8, attempts: 0, next_attempt_at: 0, resent: 0 };
  put("outbox", { message_id: id, peer: written as Uint8Array, state: "waiting", ...row });
  const times = { created_at: 8, last_used_at: 8, sending: 1, answered: 0 };
  put("sessions", { session_id: id, handshake_id: id, transcript_hash: id, peer: inSession as Uint8Array, ...times, state: id });
  migrate(database);
  const rows = database.prepare("SELECT corresponded_at FROM peers ORDER BY agent_id").all();
  assert.deepEqual(
    rows.map((one) => one["corresponded_at"]),
    [null, 7, 7, 7, null],
  );
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
