// The ways into a data directory, from a program's side: key files, slots, another password, another vault key.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { inspect } from "node:util";
import { custodyIn, type Environment, inspectIn, type TalosClient } from "@talos/agent";
import { type ErrorCode, isTalosError } from "@talos/core";
import { AgentWorld, take, TEST_PASSWORD } from "@talos/testkit";

const ANOTHER = "seven ladders under a brass moon";
const WEAK = "umbrella17";

function keyFile(world: AgentWorld, name: string): string {
  const path = join(world.folder, name);
  writeFileSync(path, randomBytes(32), { mode: 0o600 });
  return path;
}

function isCode(code: ErrorCode): (error: unknown) => boolean {
  return (error) => isTalosError(error, code);
}

/** As an application has it: passwords are measured. */
function measuring(world: AgentWorld): Environment {
  return { ...world.environment, allowWeakPasswords: false };
}

async function opensWith(world: AgentWorld, name: string, options: { password?: string; keyFile?: string }): Promise<boolean> {
  const unlock = { password: undefined, ...options } as object;
  try {
    (await inspectIn(world.environment, { dataDir: world.dataDir(name), ...unlock })).close();
    return true;
  } catch (error) {
    if (isTalosError(error, "WRONG_PASSWORD") || isTalosError(error, "WRONG_UNLOCK_KEY")) return false;
    throw error;
  }
}

test("an agent made with a key file opens with that file alone", async () => {
  await using world = await AgentWorld.start();
  const own = keyFile(world, "own.key");
  const other = keyFile(world, "other.key");
  const made = await world.create("alice", { password: undefined, keyFile: own } as object);
  assert.deepEqual(
    made.slots.list().map(({ kind, label, opened }) => [kind, label, opened]),
    [["key-file", "", true]],
  );
  await made.close();
  await assert.rejects(world.open("alice", { password: undefined, keyFile: other } as object), isCode("WRONG_UNLOCK_KEY"));
  await assert.rejects(world.open("alice"), isCode("WRONG_PASSWORD"));
  await assert.rejects(world.open("alice", { keyFile: own }), isCode("INVALID_ARGUMENT"));
  const opened = await world.open("alice", { password: undefined, keyFile: own } as object);
  assert.equal(opened.did, made.did);
});

test("slots are added, shown and taken away without touching a key; the last one stays", async () => {
  await using world = await AgentWorld.start();
  const path = keyFile(world, "backup.key");
  const alice = await world.create("alice");
  const keys = alice.status().keys;
  const added = await alice.slots.add({ keyFile: path, label: "backup" });
  assert.deepEqual([added.kind, added.label, added.opened], ["key-file", "backup", false]);
  const second = await alice.slots.add({ password: ANOTHER });
  assert.deepEqual(
    alice.slots.list().map(({ kind, opened }) => [kind, opened]),
    [
      ["password", true],
      ["key-file", false],
      ["password", false],
    ],
  );
  assert.deepEqual(alice.status().keys, keys);
  assert.ok(await opensWith(world, "alice", { keyFile: path }));
  assert.ok(await opensWith(world, "alice", { password: ANOTHER }));
  await alice.slots.remove(1);
  assert.ok(!(await opensWith(world, "alice", { password: TEST_PASSWORD })));
  await alice.slots.remove(second.number);
  await assert.rejects(alice.slots.remove(added.number), isCode("LAST_SLOT"));
  await assert.rejects(alice.slots.remove(7), isCode("SLOT_NOT_FOUND"));
  await assert.rejects(alice.slots.remove(0.5), isCode("INVALID_ARGUMENT"));
  assert.ok(await opensWith(world, "alice", { keyFile: path }));
  await alice.close();
  await assert.rejects(alice.slots.remove(added.number), isCode("CLIENT_CLOSED"));
  assert.throws(() => alice.slots.list(), isCode("CLIENT_CLOSED"));
});

test("a way in that is refused changes nothing: weak, none, several, unknown, misspelt", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice", {}, measuring(world));
  const before = alice.slots.list();
  for (const [options, code] of [
    [{ password: WEAK }, "WEAK_PASSWORD"],
    [{ password: "changeme", allowWeakPassword: true }, "WEAK_PASSWORD"],
    [{ password: "alice-alice-2026" }, "WEAK_PASSWORD"],
    [{}, "PASSWORD_REQUIRED"],
    [{ password: "" }, "PASSWORD_REQUIRED"],
    [{ password: ANOTHER, keyFile: "x" }, "INVALID_ARGUMENT"],
    [{ keyFile: join(world.folder, "absent") }, "FILE_NOT_FOUND"],
    [{ credential: "../key" }, "INVALID_ARGUMENT"],
    [{ password: ANOTHER, label: "x".repeat(65) }, "INVALID_ARGUMENT"],
    [{ password: ANOTHER, lable: "x" }, "UNKNOWN_OPTION"],
  ] as const) {
    await assert.rejects(alice.slots.add(options as object), isCode(code), JSON.stringify(options));
  }
  assert.deepEqual(alice.slots.list(), before);
  assert.equal((await alice.slots.add({ password: WEAK, allowWeakPassword: true })).number, 2);
});

test("another password: the new one opens, the old one does not, except a copy made before, and the result says so", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice", {}, measuring(world));
  await alice.close();
  world.copyDataDir("alice", "copy");
  const again = await world.open("alice", {}, measuring(world));
  const change = await again.changePassword({ currentPassword: TEST_PASSWORD, newPassword: ANOTHER });
  assert.deepEqual([change.slot.kind, change.slot.number, change.rekeyed, change.toAddAgain], ["password", 1, false, []]);
  assert.match(change.notes.join(" "), /Copies of the data directory made before still open with the old password/);
  assert.match(change.notes.join(" "), /rekey/);
  assert.ok(!inspect(change, { depth: 9 }).includes(ANOTHER) && !inspect(change, { depth: 9 }).includes(TEST_PASSWORD));
  assert.ok(await opensWith(world, "alice", { password: ANOTHER }));
  assert.ok(!(await opensWith(world, "alice", { password: TEST_PASSWORD })));
  assert.ok(await opensWith(world, "copy", { password: TEST_PASSWORD }));
});

test("a password that cannot be changed so is named, and the old one goes on opening", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice", {}, measuring(world));
  for (const [options, code] of [
    [{ currentPassword: TEST_PASSWORD, newPassword: TEST_PASSWORD }, "PASSWORD_UNCHANGED"],
    [{ currentPassword: "something else", newPassword: ANOTHER }, "WRONG_PASSWORD"],
    [{ currentPassword: TEST_PASSWORD, newPassword: WEAK }, "WEAK_PASSWORD"],
    [{ currentPassword: TEST_PASSWORD, newPassword: "password", allowWeakPassword: true }, "WEAK_PASSWORD"],
    [{ currentPassword: TEST_PASSWORD }, "PASSWORD_REQUIRED"],
    [{ newPassword: ANOTHER }, "PASSWORD_REQUIRED"],
    [{ currentPassword: TEST_PASSWORD, newPassword: ANOTHER, rekye: true }, "UNKNOWN_OPTION"],
    [{ currentPassword: TEST_PASSWORD, newPassword: ANOTHER, rekey: "yes" }, "INVALID_ARGUMENT"],
  ] as const) {
    await assert.rejects(alice.changePassword(options as never), isCode(code), JSON.stringify(options));
  }
  assert.ok(await opensWith(world, "alice", { password: TEST_PASSWORD }));
});

test("a new vault key in a running agent: other ways in end and are named, and peers talk on, also after it is opened again", async () => {
  await using world = await AgentWorld.start();
  const path = keyFile(world, "backup.key");
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  await alice.send(bob.did, "before", { waitFor: "deposited" });
  await bob.send(alice.did, "from bob", { waitFor: "deposited" });
  await alice.slots.add({ keyFile: path, label: "backup" });
  const change = await alice.changePassword({ currentPassword: TEST_PASSWORD, newPassword: ANOTHER, rekey: true });
  assert.deepEqual(
    change.toAddAgain.map(({ kind, label }) => [kind, label]),
    [["key-file", "backup"]],
  );
  assert.match(change.notes.join(" "), /added again: 2 \(key-file backup\)/);
  assert.ok(!(await opensWith(world, "alice", { keyFile: path })));
  await talk(alice, bob, "after");
  await alice.close();
  const again = await world.open("alice", { password: ANOTHER });
  await talk(again, bob, "and again");
  assert.deepEqual(
    (await take(again, 1)).map((message) => message.text()),
    ["from bob"],
  );
  assert.equal((await again.slots.add({ keyFile: path, label: "backup" })).number, 2);
  assert.ok(await opensWith(world, "alice", { keyFile: path }));
});

test("the ways in are changed without network, instance or certificate: it supersedes nobody", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  await alice.flush();
  await assert.rejects(custodyIn(world.environment, { dataDir: alice.dataDir, password: TEST_PASSWORD }), isCode("VAULT_LOCKED"));
  await alice.close();
  world.copyDataDir("alice", "copy");
  const running = await world.open("alice");
  const silent: Environment = { ...world.environment, openDirectory: () => assert.fail("a directory was asked") };
  using custody = await custodyIn(silent, { dataDir: world.dataDir("copy"), password: TEST_PASSWORD, name: "alice" });
  await custody.changePassword({ currentPassword: TEST_PASSWORD, newPassword: ANOTHER });
  assert.equal(custody.slots.list().length, 1);
  const bob = await world.create("bob");
  await running.send(bob.did, "still here", { waitFor: "deposited" });
  assert.equal(running.superseded, false);
  await assert.rejects(
    custodyIn(silent, { dataDir: world.dataDir("alice"), password: TEST_PASSWORD, name: "bob" }),
    isCode("VAULT_FOREIGN"),
  );
});

async function talk(from: TalosClient, to: TalosClient, text: string): Promise<void> {
  await from.send(to.did, text, { waitFor: "deposited" });
  for (;;) {
    const [message] = await take(to, 1);
    if (message?.text() === text) return;
  }
}
