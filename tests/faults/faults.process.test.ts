// A sample of what `npm run test:faults` does in full.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { absentDiskFaults, runMatrix } from "@talos/testkit/disk-faults";
import { absentMounts, fillDisk } from "./full-disk.ts";
import { openingRaces } from "./opening-race.ts";
import { createVault, fixtureCrypto, openVault, putSession, sessionStep } from "./vault-fixture.ts";
import { vaultSubject } from "./vault-subject.ts";

const EVERY = 15;
const RACES = 8;

test(
  "failure 32: killed, failing, or without power at a sample of its calls, a vault is as before or as after, and every key opens",
  {
    skip: absentDiskFaults(),
  },
  async () => {
    const results = await runMatrix({ subject: vaultSubject, child: join(import.meta.dirname, "vault-child.ts"), every: EVERY, atOnce: 2 });
    assert.deepEqual(
      results.flatMap(({ bad }) => bad).map(({ operation, where, faults }) => `${operation}, ${where}: ${faults.join("; ")}`),
      [],
    );
    assert.equal(results.length, vaultSubject.operations.length);
    for (const { operation, killed, failed, cuts } of results) assert.ok(killed + failed + cuts > 0, operation);
  },
);

test("failure 33: of two processes that open at once one gets in, the other when that one is killed", async () => {
  const { faults, commits } = await openingRaces(RACES);
  assert.deepEqual(faults, []);
  assert.ok(commits > 0);
});

test("failure 33: a holder that was stopped, and whose lock was taken away meanwhile, cannot commit when it wakes up", async () => {
  const folder = mkdtempSync(join(tmpdir(), "talos-stopped-"));
  const dataDir = join(folder, "data");
  mkdirSync(dataDir, { mode: 0o700 });
  (await createVault(dataDir, fixtureCrypto("stopped"))).close();
  const child = spawn(process.execPath, [join(import.meta.dirname, "vault-holder.ts"), "sleep", dataDir], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  try {
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    assert.deepEqual(await lines.next(), { value: "open 2", done: false });
    child.stdin.write("commit\n");
    assert.deepEqual(await lines.next(), { value: "committed", done: false });
    child.kill("SIGSTOP");
    // As where a volume is shared without locks, or somebody removes what looks like a stale file.
    rmSync(join(dataDir, "lock"));
    {
      using vault = await openVault(dataDir, fixtureCrypto("second"));
      assert.equal(vault.generation, 3);
      vault.transaction((tx) => {
        putSession(tx, "second", 1);
      });
      child.kill("SIGCONT");
      child.stdin.write("commit\n");
      assert.deepEqual(await lines.next(), { value: "GENERATION_FENCED", done: false });
    }
    child.stdin.write("commit\n");
    assert.deepEqual(await lines.next(), { value: "GENERATION_FENCED", done: false });
    using vault = await openVault(dataDir, fixtureCrypto("third"));
    assert.deepEqual(
      ["sleeper", "second"].map((name) => sessionStep(vault, name)),
      [1, 1],
      "the one change of each while it was the newest",
    );
  } finally {
    child.kill("SIGKILL");
    await once(child, "close");
    rmSync(folder, { recursive: true, force: true });
  }
});

test(
  "failure 30: a disk that runs full while prekeys are made is a named error, loses no key, and is no trouble once there is space",
  {
    skip: absentMounts(),
  },
  () => {
    const { prekeys, error, addedAfterwards, unchanged, unchangedWhenReopened } = fillDisk();
    assert.ok(error === "STORAGE_FAILED" || error === "COMMIT_FAILED", error);
    assert.ok(prekeys > 20, `${prekeys}`);
    assert.ok(unchanged);
    assert.ok(addedAfterwards > 0);
    assert.ok(unchangedWhenReopened);
  },
);
