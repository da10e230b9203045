import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { agentId, isTalosError, nodeCrypto } from "@talos/core";
import { testDirectoryStore } from "@talos/testkit";
import type { EventRecord } from "../contract/index.ts";
import { APPLICATION_ID, MIGRATIONS } from "./schema.ts";
import { inspectStore } from "./inspect-store.ts";
import { openSqliteStore } from "./sqlite-store.ts";

async function newFolder(): Promise<{ readonly path: string; [Symbol.asyncDispose](): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), "talos-sqlite-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

testDirectoryStore("sqlite", async () => {
  const folder = await newFolder();
  return {
    open: async () => openSqliteStore(join(folder.path, "directory.db")),
    remove: () => folder[Symbol.asyncDispose](),
  };
});

const isStorageFailed = (error: unknown): boolean => isTalosError(error, "STORAGE_FAILED");

test("the database is its owner's alone to read", async () => {
  await using folder = await newFolder();
  const path = join(folder.path, "directory.db");
  const store = openSqliteStore(path);
  for (const file of [path, `${path}-wal`]) assert.equal((await stat(file)).mode & 0o777, 0o600, file);
  await store.close();
});

test("a file of another program, of a later release or of no database is refused and left as it is", async () => {
  await using folder = await newFolder();
  const path = join(folder.path, "directory.db");
  for (const make of [
    () => writeFile(path, "not a database, and longer than the header of one would be: ".repeat(40)),
    async () => new DatabaseSync(path).exec("CREATE TABLE theirs (a)"),
    async () => {
      await openSqliteStore(path).close();
      new DatabaseSync(path).exec("PRAGMA user_version = 999");
    },
  ]) {
    await rm(path, { force: true });
    await make();
    const before = await readFile(path);
    assert.throws(() => openSqliteStore(path), isStorageFailed);
    if (before.includes("not a database")) assert.deepEqual(await readFile(path), before);
  }
});

test("a folder that is not there is a named error", async () => {
  await using folder = await newFolder();
  assert.throws(() => openSqliteStore(join(folder.path, "none", "directory.db")), isStorageFailed);
});

test("a file of the first release is migrated: its agents, certificates and batches stand, none is revoked", async () => {
  await using folder = await newFolder();
  const path = join(folder.path, "directory.db");
  const agent = agentId(nodeCrypto.randomBytes(32));
  const [head, key, id] = [nodeCrypto.randomBytes(32), nodeCrypto.randomBytes(32), nodeCrypto.randomBytes(8)];
  const old = new DatabaseSync(path);
  old.exec(MIGRATIONS[0] as string);
  old.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = 1`);
  old.prepare("INSERT INTO agents VALUES (?, 0, ?)").run(agent, head);
  old.prepare("INSERT INTO events VALUES (?, 0, ?, x'01')").run(agent, head);
  old.prepare("INSERT INTO certificates VALUES (?, 0, 3, ?, ?, 1, 2, x'02')").run(agent, key, head);
  old.prepare("INSERT INTO batches VALUES (?, ?, 1, 1000, ?, x'03', x'')").run(agent, key, id);
  old.prepare("INSERT INTO prekeys VALUES (?, ?, 0, 0, ?, 1000, x'04')").run(agent, id, key);
  old.close();

  const store = openSqliteStore(path);
  const record = await store.readAgent(agent);
  assert.deepEqual(record?.head, { seq: 0, hash: head });
  assert.deepEqual([record?.revoked, record?.certificate?.generation, record?.events.length], [false, 3, 1]);
  assert.deepEqual(await store.readLiveBatch(agent), { seq: 0, root: key, wire: Uint8Array.of(3), from: 1 });
  assert.deepEqual(await store.listEvidence(agent), []);
  const accepted = { events: [{ seq: 1, hash: key, wire: key }], voidBelow: 1, revoked: false };
  assert.equal(await store.acceptEvents(agent, { seq: 0, hash: head }, accepted, 5), "accepted");
  assert.equal(await store.readLiveBatch(agent), undefined);
  assert.deepEqual(await store.listAccepted(agent, 0, 9), [{ seq: 1, at: 5 }], "what was there before came long ago");
  await store.close();
});

test("an operator sees what is kept as evidence, agent by agent, and a file of an earlier release by name", async () => {
  await using folder = await newFolder();
  const path = join(folder.path, "directory.db");
  const store = openSqliteStore(path);
  const eventOf = (seq: number): EventRecord => ({ seq, hash: nodeCrypto.randomBytes(32), wire: nodeCrypto.randomBytes(50) });
  const [quiet, forked] = [agentId(new Uint8Array(32)), agentId(new Uint8Array(32).fill(1))];
  const [first, ...stolen] = [eventOf(0), eventOf(1), eventOf(2)] as const;
  await store.acceptEvents(quiet, undefined, { events: [eventOf(0)], voidBelow: 0, revoked: false }, 1);
  await store.acceptEvents(forked, undefined, { events: [first, ...stolen], voidBelow: 0, revoked: false }, 1);
  await store.keepContender(forked, eventOf(1), 2);
  await store.acceptEvents(forked, stolen[1], { events: [eventOf(1)], voidBelow: 1, revoked: false }, 3);
  const [one, two] = inspectStore(`sqlite:${path}`);
  assert.deepEqual([one?.contenders, one?.cutOffEvents], [0, 0]);
  assert.deepEqual([two?.contenders, two?.cutOffEvents], [1, 2]);
  await store.close();

  const old = join(folder.path, "old.db");
  const database = new DatabaseSync(old);
  database.exec(MIGRATIONS[0] as string);
  database.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = 1`);
  database.close();
  assert.throws(
    () => inspectStore(`sqlite:${old}`),
    (error: unknown) => isStorageFailed(error) && /earlier release/.test(String(error)),
  );
});

test("an event and what it ends are one step: where the last part fails, nothing has happened", async () => {
  await using folder = await newFolder();
  const path = join(folder.path, "directory.db");
  const store = openSqliteStore(path);
  const agent = agentId(nodeCrypto.randomBytes(32));
  const eventOf = (seq: number): EventRecord => ({ seq, hash: nodeCrypto.randomBytes(32), wire: nodeCrypto.randomBytes(50) });
  const [first, second] = [eventOf(0), eventOf(1)];
  await store.acceptEvents(agent, undefined, { events: [first, second], voidBelow: 0, revoked: false }, 1);
  const bytes = nodeCrypto.randomBytes(32);
  await store.registerCertificate(
    agent,
    { seq: 1, generation: 1, instanceKey: bytes, hash: bytes, from: 1, to: 2, wire: bytes },
    second,
    1,
  );
  const signedPrekey = { id: nodeCrypto.randomBytes(8), kind: "signed-prekey", leafHash: bytes, to: 9, statement: bytes } as const;
  const batch = { seq: 1, root: bytes, wire: bytes, from: 1, to: 9, leaves: [signedPrekey], signedPrekey, carried: [], added: [] };
  await store.replaceBatch({ agentId: agent, nonce: nodeCrypto.randomBytes(16), expiresAt: 9 }, batch, second, 1);
  const before = await store.readAgent(agent);

  const saboteur = new DatabaseSync(path);
  saboteur.exec("CREATE TRIGGER fail BEFORE UPDATE ON prekeys BEGIN SELECT RAISE(ABORT, 'the disk is gone'); END");
  const recovery = { events: [eventOf(1)], voidBelow: 1, revoked: false };
  await assert.rejects(store.acceptEvents(agent, second, recovery, 2), /the disk is gone/);
  assert.deepEqual(await store.readAgent(agent), before);
  assert.deepEqual(await store.listEvidence(agent), []);
  assert.notEqual(await store.readLiveBatch(agent), undefined);
  saboteur.exec("DROP TRIGGER fail");
  saboteur.close();
  assert.equal(await store.acceptEvents(agent, second, recovery, 2), "accepted");
  assert.equal(await store.readLiveBatch(agent), undefined);
  await store.close();
});
