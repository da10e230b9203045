import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Database } from "./database.ts";

test("a commit that fails fails everything of its turn, and the next one works", async () => {
  const folder = await mkdtemp(join(tmpdir(), "talos-database-"));
  const db = new Database(join(folder, "directory.db"));
  try {
    const insert = db.prepare("INSERT INTO events (agent_id, seq, hash, wire) VALUES (x'00', ?, x'00', ?)");
    const count = db.prepare("SELECT count(*) AS n FROM events");
    // The disk is full from here on.
    db.prepare("PRAGMA max_page_count = 1").get();
    const results = await Promise.allSettled([
      db.transaction(() => insert.run(1, new Uint8Array(10))),
      db.transaction(() => insert.run(2, new Uint8Array(100_000))),
      db.transaction(() => insert.run(3, new Uint8Array(10))),
    ]);
    assert.equal(results[1].status, "rejected");
    const kept = results.filter(({ status }) => status === "fulfilled").length;
    assert.equal(count.get()?.["n"], kept, "what was told to be durable is there, and nothing else");
    db.prepare("PRAGMA max_page_count = 1000000").get();
    await db.transaction(() => insert.run(4, new Uint8Array(100_000)));
    assert.equal(count.get()?.["n"], kept + 1);
  } finally {
    db.close();
    await rm(folder, { recursive: true, force: true });
  }
});

test("a transaction that throws is undone, those beside it are not", async () => {
  const db = new Database(":memory:");
  const insert = db.prepare("INSERT INTO events (agent_id, seq, hash, wire) VALUES (x'00', ?, x'00', x'00')");
  const fail = db.transaction(() => {
    insert.run(1);
    throw new Error("after a write");
  });
  const others = [2, 3].map((seq) => db.transaction(() => insert.run(seq)));
  await assert.rejects(fail, /after a write/);
  await Promise.all(others);
  assert.deepEqual(
    db
      .prepare("SELECT seq FROM events")
      .all()
      .map(({ seq }) => seq),
    [2, 3],
  );
  db.close();
  await assert.rejects(db.transaction(() => insert.run(4)));
});
