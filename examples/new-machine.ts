// An agent whose machine is lost is back on another one. Run it: npx node examples/new-machine.ts
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TalosClient } from "@talos/agent";
import { startDirectory } from "@talos/directory";

const folder = await mkdtemp(join(tmpdir(), "talos-example-"));
const makePassword = (): string => randomBytes(24).toString("base64url");
const [password, newPassword, operators, inTheSafe] = [makePassword(), makePassword(), makePassword(), makePassword()];
const directory = await startDirectory({ listen: { host: "127.0.0.1", port: 0 }, store: "sqlite::memory:" });
// Two media that are not in the machine.
const [usb, safe] = [join(folder, "usb", "alice.backup"), join(folder, "safe", "alice.backup")];
await Promise.all([mkdir(join(folder, "usb")), mkdir(join(folder, "safe"))]);

{
  await using bob = await TalosClient.create("bob", { dataDir: join(folder, "bob"), password, directory: directory.url });
  const alice = await TalosClient.create("alice", { dataDir: join(folder, "alice"), password, directory: directory.url });
  await alice.flush();
  const alicesId = alice.did;

  const backup = await alice.exportKeys({ path: [usb, safe], password: [operators, inTheSafe] });
  console.log(`${backup.paths.length} copies, each opened by any of ${backup.slots} passwords.`);

  await bob.send(alicesId, "Are you there?", { waitFor: "deposited" });
  await alice.close();
  await rm(join(folder, "alice"), { recursive: true });
  console.log("Alice's machine is gone, and Bob has written to it.");

  const check = await TalosClient.verifyBackup({ path: safe, password: inTheSafe, directory: directory.url });
  console.log(`The backup is ${check.verdict}: ${check.keys.filter(({ proved }) => proved).length} keys were restored and used.`);

  await using back = await TalosClient.recover({
    backupPath: safe,
    password: inTheSafe,
    dataDir: join(folder, "alice-again"),
    newPassword,
  });
  console.log(`Alice is back${back.did === alicesId ? ", the agent id is the same" : ""}.`);
  for await (const message of back.receive()) {
    console.log(`Alice reads: ${message.text()}${message.resent ? " (sent again)" : ""}`);
    await message.ack();
    break;
  }
}

await directory.close();
await rm(folder, { recursive: true });
