import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { linkSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { TalosClient } from "@talos/agent";
import { AgentWorld, hasCode, TEST_PASSWORD } from "@talos/testkit";

const OPEN = `import { TalosClient } from "@talos/agent";
  await TalosClient.open({ dataDir: process.env.DATA_DIR, password: process.env.TALOS_KEY_PASSWORD }).then(
    (client) => (console.log("opened"), client.close()), (error) => console.log(error.code));`;

/** Whether another process gets in. */
function openElsewhere(dataDir: string): string {
  const env = { ...process.env, DATA_DIR: dataDir, TALOS_KEY_PASSWORD: TEST_PASSWORD };
  const { stdout } = spawnSync(process.execPath, ["--input-type=module", "--eval", OPEN], {
    cwd: import.meta.dirname,
    env,
    encoding: "utf8",
  });
  return stdout.trim();
}

test("failure 33: a file that is named as a backup or a kit and is a database of this process costs it no lock, by whatever name", async () => {
  await using world = await AgentWorld.start();
  const client = await world.create("alice", {});
  const password = "granite heron violet anvil";
  for (const name of ["lock", "state.db"]) {
    const file = join(client.dataDir, name);
    const [symbolic, hard] = [join(world.folder, `${name}-symbolic`), join(world.folder, `${name}-hard`)];
    symlinkSync(file, symbolic);
    linkSync(file, hard);
    for (const path of [file, symbolic, hard]) {
      await assert.rejects(client.verifyBackup({ path, password }), hasCode("BACKUP_DAMAGED"));
      await assert.rejects(TalosClient.verifyBackup({ path, password }), hasCode("BACKUP_DAMAGED"));
      await assert.rejects(
        TalosClient.recover({ backupPath: path, password, dataDir: world.dataDir("new"), newPassword: TEST_PASSWORD }),
        hasCode("BACKUP_DAMAGED"),
      );
      await assert.rejects(client.recoveryKit.check({ path, password }), hasCode("RECOVERY_KIT_DAMAGED"));
    }
  }
  assert.equal(openElsewhere(client.dataDir), "VAULT_LOCKED");
  await client.close();
  assert.equal(openElsewhere(client.dataDir), "opened");
});
