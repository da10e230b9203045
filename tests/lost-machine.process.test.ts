/**
 * The machine of an agent is lost, and another one goes on from yesterday's backup: two agents and a directory, each agent in a process of
 * its own that is killed like one whose power goes. Nothing is done by hand at the other agent.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { startDirectory } from "@talos/directory";
import { IN_PROCESS_LIMITS, TEST_PASSWORD } from "@talos/testkit";
import { AgentChild } from "./lost-machine/agent-child.ts";

const DAY_MILLISECONDS = 86_400_000;
const BACKUP_PASSWORD = "granite heron violet anvil, in the safe";
const NEW_PASSWORD = "copper lantern meadow finch, on the new machine";

test("an agent whose machine is lost goes on from yesterday's backup: what its peer sent is there or comes again, and nothing comes twice", async () => {
  await using cleanup = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), "talos-lost-"));
  cleanup.defer(() => rmSync(folder, { recursive: true, force: true }));
  let daysAgo = 1;
  const server = await startDirectory({
    listen: { host: "127.0.0.1", port: 0 },
    store: `sqlite:${join(folder, "directory.db")}`,
    now: () => Date.now() - daysAgo * DAY_MILLISECONDS,
    limits: IN_PROCESS_LIMITS,
  });
  cleanup.defer(async () => await server.close());
  const directory = `http://127.0.0.1:${server.port}`;
  const at = (name: string): { dataDir: string; password: string; directory: string } => ({
    dataDir: join(folder, name),
    password: TEST_PASSWORD,
    directory,
  });
  const backup = join(folder, "yesterday.backup");

  // Yesterday: both talk, and a backup is made.
  const lost = cleanup.use(await AgentChild.start(daysAgo));
  const bobYesterday = cleanup.use(await AgentChild.start(daysAgo));
  const alice = await lost.create("alice", at("alice"));
  const bob = await bobYesterday.create("bob", at("bob"));
  await lost.send(bob, "before the backup, to bob");
  await bobYesterday.receive(1);
  const heard = await Promise.all([bobYesterday.send(alice, "before the backup, to alice", "delivered"), lost.receive(1)]);
  assert.deepEqual(await lost.exportKeys({ path: backup, password: BACKUP_PASSWORD }), [backup]);

  // After the backup, still yesterday.
  const told = await Promise.all([bobYesterday.send(alice, "acknowledged, and its sender knows", "delivered"), lost.receive(1)]);
  const acknowledged = new Set([heard[0], told[0]]);
  const toBob = await lost.send(bob, "left before the machine was lost");
  const expected = [
    await bobYesterday.send(alice, "acknowledged, and its sender never heard of it"),
    await bobYesterday.send(alice, "arrived, not acknowledged"),
    await bobYesterday.send(alice, "arrived too"),
  ];
  await lost.receive(expected.length, 1);
  // Killed and gone: not even a farewell.
  await lost.kill();
  rmSync(join(folder, "alice"), { recursive: true });

  // While alice is away.
  expected.push(await bobYesterday.send(alice, "sent to a machine that is gone"));
  await bobYesterday.kill();
  daysAgo = 0;
  const bobToday = cleanup.use(await AgentChild.start(daysAgo));
  await bobToday.open(at("bob"));
  expected.push(await bobToday.send(alice, "sent today, before the recovery"));

  // Today: another machine, nothing but the file.
  const found = cleanup.use(await AgentChild.start(daysAgo));
  const dataDir = join(folder, "new-machine");
  assert.equal(await found.recover({ backupPath: backup, password: BACKUP_PASSWORD, dataDir, newPassword: NEW_PASSWORD }), alice);
  const offered = await found.receive(expected.length);
  assert.deepEqual(
    offered.map(({ id }) => id),
    expected,
    "each once, in the order in which they were sent",
  );
  assert.ok(
    offered.every(({ resent }) => resent),
    "all of it was sent before",
  );
  assert.ok(offered.every(({ id }) => !acknowledged.has(id)));

  // Both talk on, and what bob had received before is acknowledged as ever.
  const [fromAlice] = await bobToday.receive(1);
  assert.equal(fromAlice?.id, toBob);
  const back = await Promise.all([found.send(bob, "I am back", "delivered"), bobToday.receive(1)]);
  assert.deepEqual(back[1], [{ id: back[0], text: "I am back", resent: false }]);
  const on = await Promise.all([bobToday.send(alice, "good", "delivered"), found.receive(1)]);
  assert.deepEqual(on[1], [{ id: on[0], text: "good", resent: false }]);
  assert.deepEqual(await bobToday.unfinished(), [], "everything that bob sent has arrived");
});
