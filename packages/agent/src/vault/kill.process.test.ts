// What a SIGKILL leaves behind: a child makes a vault, or refills its prekeys, and is killed at a random moment, many times.
// After each, opening gives the state before or after the interrupted commit, with every live key and nothing else.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { isTalosError, type KeyId, nodeCrypto } from "@talos/core";
import { listModes } from "@talos/testkit";
import { DATABASE_FILE, LOCK_FILE, METADATA_FILE } from "./keys/layout.ts";
import { makeVault, NOW, password, prekeyEntry, reopen, stagePrekey, temporaryFolder } from "./vault-fixture.test.ts";
import { Vault } from "./vault.ts";

const CREATE_ROUNDS = 8;
const REFILL_ROUNDS = 12;
const PREKEYS = 6;
const CHILD = "--as-child";

/** The child: creates, or opens and refills until it is killed, and says what has been committed. */
async function runChild(task: string, dataDir: string): Promise<void> {
  process.stdout.write("start\n");
  if (task === "create") {
    await makeVault(dataDir, { oneTimePrekeys: PREKEYS });
    process.stdout.write("created\n");
    return;
  }
  const vault = await reopen(dataDir);
  process.stdout.write("open\n");
  for (;;) {
    const fresh = Array.from({ length: PREKEYS }, () => stagePrekey(vault.files, "one-time-prekey"));
    const signed = stagePrekey(vault.files, "signed-prekey");
    vault.transaction((tx) => {
      for (const { keyId } of tx.inventory.list({ kind: "signed-prekey", state: "retired" })) tx.inventory.setState(keyId, "ended", NOW);
      for (const { keyId } of tx.inventory.list({ kind: "one-time-prekey", state: "live" })) tx.inventory.setState(keyId, "ended", NOW);
      tx.inventory.setState(tx.inventory.live("signed-prekey")?.keyId ?? assert.fail(), "retired", NOW);
      tx.inventory.put(prekeyEntry("signed-prekey", signed));
      for (const keyId of fresh) tx.inventory.put(prekeyEntry("one-time-prekey", keyId));
    });
    process.stdout.write(`committed ${signed}\n`);
  }
}

function start(task: string, dataDir: string): ChildProcess {
  return spawn(process.execPath, [import.meta.filename, CHILD, task, dataDir], { stdio: ["ignore", "pipe", "inherit"] });
}

/** Kills the child so many milliseconds after it said that word; returns everything that it said. */
async function killAfter(child: ChildProcess, word: string, milliseconds: number): Promise<string[]> {
  const said: string[] = [];
  const lines = createInterface({ input: child.stdout ?? assert.fail() });
  lines.on("line", (line) => {
    said.push(line);
    if (line === word) setTimeout(() => child.kill("SIGKILL"), milliseconds);
  });
  const ended = once(child, "close");
  await once(lines, "close");
  await ended;
  return said;
}

/** Every live key opens, its file has its place, and there is no other file. */
function checkWhole(vault: Vault, dataDir: string): void {
  const entries = vault.read((tx) => tx.inventory.listPublic());
  for (const { keyId, kind } of entries) vault.files.load(kind, keyId).dispose();
  const files = listModes(dataDir).filter((line) => !line.endsWith("/"));
  const others = [DATABASE_FILE, `${DATABASE_FILE}-wal`, `${DATABASE_FILE}-shm`, LOCK_FILE, METADATA_FILE];
  assert.equal(files.length, entries.length + others.length, files.join("\n"));
  assert.equal(entries.filter(({ kind }) => kind === "one-time-prekey").length, PREKEYS);
}

async function killDuringCreate(): Promise<void> {
  for (let round = 0; round < CREATE_ROUNDS; round++) {
    using folder = temporaryFolder();
    const said = await killAfter(start("create", folder.dataDir), "start", Math.random() * 120);
    const exists = Vault.exists(folder.dataDir);
    assert.ok(exists || !said.includes("created"));
    if (!exists) (await makeVault(folder.dataDir, { oneTimePrekeys: PREKEYS })).vault.close();
    using vault = await reopen(folder.dataDir);
    checkWhole(vault, folder.dataDir);
  }
}

async function killDuringRefill(): Promise<void> {
  using folder = temporaryFolder();
  (await makeVault(folder.dataDir, { oneTimePrekeys: PREKEYS })).vault.close();
  let generation = 1;
  for (let round = 0; round < REFILL_ROUNDS; round++) {
    const before = await inForce(folder.dataDir);
    const said = await killAfter(start("refill", folder.dataDir), "open", Math.random() * 60);
    const committed = said.filter((line) => line.startsWith("committed")).map((line) => line.slice("committed ".length) as KeyId);
    using vault = await reopen(folder.dataDir);
    checkWhole(vault, folder.dataDir);
    assert.ok(vault.generation > generation);
    ({ generation } = vault);
    // The last commit that was reported is in force, or the one after it that was not reported any more.
    const now = vault.read((tx) => tx.inventory.live("signed-prekey")?.keyId);
    const reported = committed.at(-1) ?? before;
    const retired = vault.read((tx) => tx.inventory.list({ kind: "signed-prekey", state: "retired" })).map(({ keyId }) => keyId);
    assert.ok(now === reported || retired.includes(reported), "a commit that was reported is lost");
  }
}

async function inForce(dataDir: string): Promise<KeyId> {
  using inspection = await Vault.inspect({ dataDir, crypto: nodeCrypto });
  return inspection.read((tx) => tx.inventory.live("signed-prekey")?.keyId) ?? assert.fail();
}

async function killedHolder(): Promise<void> {
  using folder = temporaryFolder();
  (await makeVault(folder.dataDir)).vault.close();
  const child = start("refill", folder.dataDir);
  const lines = createInterface({ input: child.stdout ?? assert.fail() });
  for await (const line of lines) if (line === "open") break;
  await assert.rejects(
    Vault.open({ dataDir: folder.dataDir, unlock: password(), crypto: nodeCrypto, now: NOW }),
    (error) => isTalosError(error, "VAULT_LOCKED") && error.details["pid"] === child.pid,
  );
  child.stdout?.destroy();
  child.kill("SIGKILL");
  await once(child, "close");
  using inspection = await Vault.inspect({ dataDir: folder.dataDir, crypto: nodeCrypto });
  assert.equal(inspection.holder, undefined, "the row names a process that is gone");
  using vault = await reopen(folder.dataDir);
  assert.ok(vault.generation >= 2);
}

if (process.argv[2] === CHILD) {
  await runChild(process.argv[3] ?? "", process.argv[4] ?? "");
} else {
  test("a process killed while it creates leaves no agent or a whole one", killDuringCreate);
  test("failure 32: a process killed while it refills leaves the state before or after, and every live key", killDuringRefill);
  test("failure 33: the lock names a running holder and falls with a killed one", killedHolder);
}
