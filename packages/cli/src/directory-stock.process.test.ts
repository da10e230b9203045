// What an operator of a directory sees of its agents, beside the running server.
import assert from "node:assert/strict";
import { test } from "node:test";
import { didToAgentId, nodeCrypto } from "@talos/core";
import { openSqliteStore } from "@talos/directory";
import { CommandWorld } from "./testing/command-world.test.ts";

test("failure 49: the operator of a directory sees for which agents it keeps a contender", async () => {
  await using world = new CommandWorld();
  const password = world.passwordFile("password", "river otter lamp quartz");
  await world.startDirectory();
  const { did } = await world.init("alice", password);
  const stock = ["directory", "stock", "--store", `sqlite:${world.path("directory.db")}`];
  const quiet = await world.run(stock);
  assert.match(quiet.stdout, /AGENT ID +SEQ +ONE-TIME PREKEYS +MAILBOX ITEMS +CONTENDERS +CUT OFF/);
  assert.equal(quiet.stderr, "");

  const store = openSqliteStore(world.path("directory.db"));
  await store.keepContender(didToAgentId(did), { seq: 1, hash: nodeCrypto.randomBytes(32), wire: nodeCrypto.randomBytes(300) }, Date.now());
  await store.close();
  const { agents } = await world.json<{ agents: readonly unknown[] }>(stock);
  assert.deepEqual(agents, [{ did, seq: 0, oneTimePrekeys: 100, mailboxItems: 0, contenders: 1, cutOffEvents: 0 }]);
  assert.match((await world.run(stock)).stderr, /A contender is well signed and came second/);
});
