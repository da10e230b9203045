// A library application that awaits its agent, with nothing else that keeps the process alive.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { openIn, systemEnvironment } from "@talos/agent";
import { isTalosError } from "@talos/core";
import { AgentWorld, TEST_PASSWORD } from "@talos/testkit";

type Task = "delivered" | "flush" | "receive";

/** The application: says what came of it as its last act. */
async function runChild(task: Task, dataDir: string, did: string): Promise<void> {
  const client = await openIn(systemEnvironment, { dataDir, password: TEST_PASSWORD });
  let outcome = "nothing";
  try {
    if (task === "delivered") await client.send(did, "anybody there?", { waitFor: "delivered", timeoutSeconds: 1 });
    else if (task === "flush") outcome = String(await client.flush({ timeoutSeconds: 1 }));
    else for await (const message of client.receive({ idleSeconds: 1 })) outcome = message.text();
  } catch (error) {
    outcome = isTalosError(error) ? error.code : String(error);
  }
  await client.close();
  process.stdout.write(outcome);
}

async function said(task: Task, dataDir: string, did: string): Promise<{ code: unknown; text: string }> {
  const child = spawn(process.execPath, [import.meta.filename, "--as-child", task, dataDir, did], { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  const [code] = (await once(child, "close")) as [unknown];
  return { code, text };
}

const [flag, task, dataDir, did] = process.argv.slice(2);
if (flag === "--as-child") {
  await runChild(task as Task, dataDir ?? "", did ?? "");
} else {
  test("what an application awaits keeps its process alive until it is settled, while the directory is down", async () => {
    await using world = await AgentWorld.start();
    const alice = await world.create("alice");
    const bob = await world.create("bob");
    await alice.send(bob.did, "there is a session", { waitFor: "deposited" });
    await alice.close();
    await world.stopDirectory();
    const path = world.dataDir("alice");
    assert.deepEqual(await said("delivered", path, bob.did), { code: 0, text: "DELIVERY_NOT_REACHED" });
    assert.equal((await said("flush", path, bob.did)).code, 0);
    assert.match((await said("receive", path, bob.did)).text, /^(DIRECTORY_UNREACHABLE|nothing)$/);
  });
}
