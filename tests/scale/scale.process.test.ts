// An agent after years: ten thousand sessions and a thousand one-time prekeys cost nothing until they are used. Times are in bench/.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { createIn, Vault } from "@talos/agent";
import { nodeCrypto, SecretBytes } from "@talos/core";
import { AgentWorld, loadVault, TEST_KDF, TEST_PASSWORD } from "@talos/testkit";
import type { Opening } from "./opening.ts";

const SESSIONS = 10_000;
const ONE_TIME_PREKEYS = 1_000;
const MOST_BYTES = 100_000_000;

function run(arguments_: readonly string[], dataDir: string = ""): string {
  const env = { ...process.env, SCALE_DATA_DIR: dataDir, SCALE_PASSWORD: TEST_PASSWORD };
  return execFileSync(process.execPath, ["--expose-gc", ...arguments_], { env, encoding: "utf8" });
}

function opening(dataDir: string): Opening {
  return JSON.parse(run([join(import.meta.dirname, "opening.ts")], dataDir)) as Opening;
}

test("opening 10,000 sessions and 1,000 one-time prekeys opens none of them, and takes less than 100 MB", async () => {
  await using world = await AgentWorld.start();
  const dataDir = world.dataDir("alice");
  // At home nowhere: a process that waits for this one cannot be answered by it.
  await (await createIn(world.environment, "alice", { dataDir, password: TEST_PASSWORD })).close();
  const empty = opening(dataDir);

  using password = SecretBytes.fromUtf8(TEST_PASSWORD);
  const unlock = { kind: "password", secret: password } as const;
  const now = Date.now();
  using vault = await Vault.open({ dataDir, unlock, crypto: nodeCrypto, now, kdf: TEST_KDF });
  loadVault(vault, { sessions: SESSIONS, oneTimePrekeys: ONE_TIME_PREKEYS - empty.oneTimePrekeys, now });
  vault.close();

  const loaded = opening(dataDir);
  assert.deepEqual([loaded.sessions, loaded.oneTimePrekeys], [SESSIONS, ONE_TIME_PREKEYS]);
  assert.deepEqual([loaded.unsealed, loaded.privateKeys], [empty.unsealed, empty.privateKeys]);
  assert.ok(empty.unsealed > 0);
  const bareBytes = Number(run(["-e", "process.stdout.write(`${process.memoryUsage.rss()}`)"]));
  assert.ok(bareBytes > 20_000_000 && loaded.residentBytes - bareBytes < MOST_BYTES, `${loaded.residentBytes} over ${bareBytes}`);
});
