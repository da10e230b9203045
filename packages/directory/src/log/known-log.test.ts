import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { isTalosError, nodeCrypto, type Crypto } from "@talos/core";
import { DirectoryUser, TestDirectory } from "@talos/testkit";
import type { DirectoryContext } from "../context.ts";
import { openSqliteStore } from "../storage/sqlite/sqlite-store.ts";
import { findKnownLog } from "./known-log.ts";
import { VerifiedLogs } from "./verified-logs.ts";

interface Look {
  readonly verifications: number;
  readonly seq: number | undefined;
}

/** A second process over the same file: looks at the log, and says how many signatures it took. */
function observer(directory: TestDirectory): { look(user: DirectoryUser): Promise<Look>; close(): Promise<void> } {
  const store = openSqliteStore(directory.databasePath);
  let verifications = 0;
  const crypto: Crypto = {
    ...nodeCrypto,
    verifySignature(...args) {
      verifications += 1;
      return nodeCrypto.verifySignature(...args);
    },
  };
  const context = { store, crypto, now: () => directory.now, logs: new VerifiedLogs(50) } as Partial<DirectoryContext> as DirectoryContext;
  return {
    async look(user) {
      verifications = 0;
      const log = await findKnownLog(context, user.id);
      return { verifications, seq: log?.head.seq };
    },
    close: () => store.close(),
  };
}

test("what was verified when it came is not verified again, neither by another process nor after it fell out of the memory", async () => {
  await using directory = await TestDirectory.start();
  const user = new DirectoryUser(directory);
  const other = observer(directory);
  assert.deepEqual(await other.look(user), { verifications: 0, seq: undefined });
  await user.publish();
  await user.rotate({ reason: "lost" });
  assert.deepEqual(await other.look(user), { verifications: 0, seq: 1 });
  assert.deepEqual(await other.look(user), { verifications: 0, seq: 1 });
  await user.rotate({ reason: "lost" });
  assert.deepEqual(await other.look(user), { verifications: 0, seq: 2 });
  // A recovery event leaves nothing of what was verified after it.
  await user.rotate({ authority: "recovery", reason: "lost", after: 0 });
  assert.deepEqual(await other.look(user), { verifications: 0, seq: 1 });
  await other.close();
});

test("a database that lost the end of a log, or an event of it, is no log that anything is signed under", async () => {
  await using directory = await TestDirectory.start();
  const user = new DirectoryUser(directory);
  await user.publish();
  await user.rotate();
  await user.rotate();
  await directory.stop();
  const database = new DatabaseSync(directory.databasePath);
  database.exec("DELETE FROM events WHERE seq = 2");
  const other = observer(directory);
  await assert.rejects(other.look(user), (error) => isTalosError(error, "STORAGE_FAILED"));
  database.exec("DELETE FROM events WHERE seq = 0");
  database.close();
  await assert.rejects(other.look(user), (error) => isTalosError(error, "LOG_INVALID"));
  await other.close();
});

test("verified logs are kept within their bound, those last asked for", async () => {
  await using directory = await TestDirectory.start();
  const users = [1, 2, 3].map(() => {
    const user = new DirectoryUser(directory);
    for (let i = 1; i < 20; i++) user.identity.rotate({ time: directory.now });
    return user;
  });
  const logs = new VerifiedLogs(50);
  const [first, second, third] = users.map(({ log }) => log);
  assert.ok(first && second && third);
  for (const log of [first, second, first]) logs.put(log);
  assert.equal(logs.get(second.agentId), second);
  logs.put(third);
  assert.deepEqual([logs.get(first.agentId), logs.get(second.agentId), logs.get(third.agentId)], [undefined, second, third]);
  const small = new VerifiedLogs(19);
  small.put(first);
  assert.equal(small.get(first.agentId), undefined, "one that does not fit is not kept");
});
