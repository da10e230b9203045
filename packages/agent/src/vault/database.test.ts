import assert from "node:assert/strict";
import { cpSync, existsSync, lstatSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { isTalosError } from "@talos/core";
import { hasCode } from "@talos/testkit";
import { connect } from "./connect.ts";
import { atomically, openForWriting, raiseGeneration, readFacts, readOnce, readSlots, type StoredFacts, writeFirst } from "./database.ts";
import { record } from "./disk-fixture.test.ts";
import { APPLICATION_ID } from "./store/migrations.ts";
import { agent, changeFile, makeFile, NOW, temporaryFolder } from "./vault-fixture.test.ts";

const FACTS: StoredFacts = { agentId: agent(), name: "alice", createdAt: NOW, generation: 7, vaultKeyNumber: 3 };
const SLOTS = [
  { number: 2, record: Uint8Array.of(2) },
  { number: 5, record: Uint8Array.of(5) },
];

/** A folder with a database at rest in it. */
function folderWithDatabase(): ReturnType<typeof temporaryFolder> {
  const folder = temporaryFolder();
  mkdirSync(folder.dataDir, { mode: 0o700 });
  using database = openForWriting(folder.dataDir);
  atomically(database, () => writeFirst(database, FACTS, SLOTS));
  return folder;
}

test("failure 32: the database syncs its log at every commit, overwrites what it deletes, and keeps temporary tables off the disk", () => {
  using folder = temporaryFolder();
  mkdirSync(folder.dataDir, { mode: 0o700 });
  using database = openForWriting(folder.dataDir);
  const setting = (name: string): unknown => Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0];
  // synchronous 2 is FULL; with NORMAL a commit is lost with the power. temp_store 2 is MEMORY.
  for (const [name, value] of [
    ["journal_mode", "wal"],
    ["synchronous", 2],
    ["secure_delete", 1],
    ["foreign_keys", 1],
    ["temp_store", 2],
    ["trusted_schema", 0],
  ] as const) {
    assert.equal(setting(name), value, name);
  }
});

test("the file is made once, for its owner alone, and its name and that of its log are durable", () => {
  using folder = temporaryFolder();
  const { dataDir } = folder;
  mkdirSync(dataDir, { mode: 0o700 });
  const syncs = (): number => record(() => openForWriting(dataDir).close()).filter((call) => call === `sync ${dataDir}`).length;
  assert.equal(syncs(), 2);
  assert.equal(lstatSync(join(dataDir, "state.db")).mode & 0o777, 0o600);
  assert.equal(syncs(), 0);
});

test("what was written first is read again, by a writer and by who only looks", () => {
  using folder = folderWithDatabase();
  const database = openForWriting(folder.dataDir);
  assert.deepEqual(readFacts(database), FACTS);
  assert.deepEqual(readSlots(database), SLOTS);
  database.close();
  assert.deepEqual(readOnce(folder.dataDir, readFacts), FACTS);
});

test("no tables are no vault yet; another program's, a newer one's and a gutted one are told apart", () => {
  using empty = new DatabaseSync(":memory:");
  assert.equal(readFacts(empty), undefined);
  using folder = folderWithDatabase();
  using database = openForWriting(folder.dataDir);
  database.exec("PRAGMA user_version = 3");
  assert.throws(
    () => readFacts(database),
    (error) => isTalosError(error, "UNSUPPORTED_VERSION") && error.details["version"] === 3,
  );
  database.exec(`PRAGMA user_version = 1; PRAGMA application_id = ${APPLICATION_ID + 1}`);
  assert.throws(() => readFacts(database), hasCode("VAULT_CORRUPT"));
  database.exec(`PRAGMA application_id = ${APPLICATION_ID}; DELETE FROM vault`);
  assert.throws(() => readFacts(database), hasCode("VAULT_CORRUPT"));
  assert.throws(() => raiseGeneration(database), hasCode("VAULT_CORRUPT"));
});

test("the generation goes up by one each time, durably", () => {
  using folder = folderWithDatabase();
  using database = openForWriting(folder.dataDir);
  assert.deepEqual([raiseGeneration(database), raiseGeneration(database)], [8, 9]);
  assert.equal(readFacts(database)?.generation, 9);
});

test("what is no database is damage, and no connection stays open", (t) => {
  using folder = temporaryFolder();
  mkdirSync(folder.dataDir, { mode: 0o700 });
  makeFile(join(folder.dataDir, "state.db"), "nonsense".repeat(100));
  const close = t.mock.method(DatabaseSync.prototype, "close");
  assert.throws(() => openForWriting(folder.dataDir), hasCode("VAULT_CORRUPT"));
  assert.throws(() => readOnce(folder.dataDir, readFacts), hasCode("VAULT_CORRUPT"));
  assert.equal(close.mock.callCount(), 2);
});

test("a change that throws is undone whole, and one whose commit fails is doubtful, too", (t) => {
  using folder = folderWithDatabase();
  using database = openForWriting(folder.dataDir);
  const raise = (): void => database.exec("UPDATE vault SET generation = generation + 1");
  let doubts = 0;
  const doubtful = (): void => {
    doubts++;
  };
  assert.throws(
    () =>
      atomically(
        database,
        () => {
          raise();
          throw new RangeError("no");
        },
        doubtful,
      ),
    RangeError,
  );
  assert.deepEqual([readFacts(database)?.generation, database.isTransaction, doubts], [7, false, 0]);

  const failNextExec = (): void => {
    const { mock } = t.mock.method(DatabaseSync.prototype, "exec", (sql: string): void => {
      mock.restore();
      assert.equal(sql, "COMMIT");
      throw Object.assign(new Error("disk full"), { errcode: 13 });
    });
  };
  assert.throws(
    () =>
      atomically(
        database,
        () => {
          raise();
          failNextExec();
        },
        doubtful,
      ),
    hasCode("COMMIT_FAILED"),
  );
  assert.deepEqual([readFacts(database)?.generation, database.isTransaction, doubts], [7, false, 1]);
  assert.throws(() => atomically(database, failNextExec), hasCode("COMMIT_FAILED"), "also where nobody asks");
  assert.equal(
    atomically(database, () => "done", doubtful),
    "done",
  );
  assert.equal(doubts, 1);
});

test("who looks reads anew when an agent opened the database meanwhile", () => {
  using folder = folderWithDatabase();
  const { dataDir } = folder;
  let reads = 0;
  let writer: DatabaseSync | undefined;
  const generation = readOnce(dataDir, (database) => {
    reads++;
    if (writer === undefined) raiseGeneration((writer = openForWriting(dataDir)));
    return readFacts(database)?.generation;
  });
  writer?.close();
  assert.deepEqual([reads, generation], [2, 8], "the second read saw the new state");
});

test("who looks reads anew also when what was read in between made no sense, but not for ever", (t) => {
  using folder = folderWithDatabase();
  /** An agent that comes while it is read, and is gone before it is read again. */
  const comesAndGoes = (): void => {
    const coming = openForWriting(folder.dataDir);
    const { mock } = t.mock.method(DatabaseSync.prototype, "close", function closeBoth(this: DatabaseSync): void {
      mock.restore();
      this.close();
      coming.close();
    });
  };
  let reads = 0;
  const facts = readOnce(folder.dataDir, (database) => {
    reads++;
    if (reads > 1) return readFacts(database);
    comesAndGoes();
    throw new RangeError("torn");
  });
  assert.deepEqual([reads, facts], [2, FACTS]);
  reads = 0;
  readOnce(folder.dataDir, () => {
    reads++;
    comesAndGoes();
  });
  assert.equal(reads, 5);
});

test("beside an agent that runs, one state is read, and nothing can be written", () => {
  using folder = folderWithDatabase();
  const { dataDir } = folder;
  using agents = openForWriting(dataDir);
  raiseGeneration(agents);
  const generation = (database: DatabaseSync): unknown => readFacts(database)?.generation;
  const seen = readOnce(dataDir, (database) => {
    const before = generation(database);
    raiseGeneration(agents);
    return [before, generation(database)];
  });
  assert.deepEqual(seen, [8, 8]);
  assert.equal(readOnce(dataDir, generation), 9);
  assert.throws(() => readOnce(dataDir, (database) => database.exec("DELETE FROM slots")), hasCode("STORAGE_FAILED"));
  const settings = readOnce(dataDir, (database) =>
    ["temp_store", "trusted_schema"].map((name) => Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0]),
  );
  assert.deepEqual(settings, [2, 0]);
});

test("a -shm that a killed process left half made is made anew by who looks", () => {
  using folder = folderWithDatabase();
  using agents = openForWriting(folder.dataDir);
  raiseGeneration(agents);
  // What is on disk while an agent runs is what a killed one leaves.
  const left = join(folder.parent, "left");
  cpSync(folder.dataDir, left, { recursive: true });
  changeFile(join(left, "state.db-shm"), () => new Uint8Array());
  assert.equal(readOnce(left, readFacts)?.generation, 8);
  changeFile(join(left, "state.db-wal"), (content) => content.subarray(0, 32));
  rmSync(join(left, "state.db-shm"));
  assert.equal(readOnce(left, readFacts)?.generation, 7, "a log that was only begun holds no commit");
});

test("a database that cannot be opened at all has a name, too", () => {
  using folder = temporaryFolder();
  assert.throws(() => connect(join(folder.dataDir, "state.db")), hasCode("STORAGE_FAILED"));
});

test("a disk that fails when the database is opened has a name, and no connection stays open", (t) => {
  using folder = folderWithDatabase();
  const close = t.mock.method(DatabaseSync.prototype, "close");
  for (const open of [() => openForWriting(folder.dataDir), () => readOnce(folder.dataDir, readFacts)]) {
    const { mock } = t.mock.method(DatabaseSync.prototype, "exec", () => {
      throw Object.assign(new Error("disk full"), { errcode: 13 });
    });
    assert.throws(open, hasCode("STORAGE_FAILED"));
    mock.restore();
  }
  assert.equal(close.mock.callCount(), 2);
});

test("an error of what is read is passed on, one of the database has a name, and the connection is closed", (t) => {
  using folder = folderWithDatabase();
  const close = t.mock.method(DatabaseSync.prototype, "close");
  const own = new RangeError("no");
  assert.throws(
    () =>
      readOnce(folder.dataDir, () => {
        throw own;
      }),
    (error) => error === own,
  );
  assert.throws(() => readOnce(folder.dataDir, (database) => database.exec("SELECT * FROM nowhere")), hasCode("STORAGE_FAILED"));
  assert.equal(close.mock.callCount(), 2);
  assert.equal(existsSync(join(folder.dataDir, "state.db-wal")), false, "looking makes no file");
});
