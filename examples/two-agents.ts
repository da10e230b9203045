// Two agents and a directory in one program. Run it: npx node examples/two-agents.ts
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TalosClient } from "@talos/agent";
import { startDirectory } from "@talos/directory";

const folder = await mkdtemp(join(tmpdir(), "talos-example-"));
// A password comes from outside: a file, a credential, whoever starts the agent. Here each gets one made for it.
const passwords = { alice: randomBytes(24).toString("base64url"), bob: randomBytes(24).toString("base64url") };
const directory = await startDirectory({ listen: { host: "127.0.0.1", port: 0 }, store: "sqlite::memory:" });

{
  await using alice = await TalosClient.create("alice", {
    dataDir: join(folder, "alice"),
    password: passwords.alice,
    directory: directory.url,
  });
  const bob = await TalosClient.create("bob", {
    dataDir: join(folder, "bob"),
    password: passwords.bob,
    directory: directory.url,
  });
  await bob.flush();
  const bobsId = bob.did;
  await bob.close();
  console.log("Bob is offline.");

  const sent = await alice.send(bobsId, "Are you there?", { waitFor: "deposited" });
  console.log(`Alice's message is ${sent.state}.`);

  await using back = await TalosClient.open({
    dataDir: join(folder, "bob"),
    password: passwords.bob,
    expectAgentId: bobsId,
  });
  for await (const message of back.receive({ idleSeconds: 0 })) {
    console.log(`Bob reads: ${message.text()}`);
    await message.ack();
    await back.send(message.from, "Yes, back again.", { waitFor: "deposited" });
  }

  for await (const message of alice.receive({ idleSeconds: 0 })) {
    console.log(`Alice reads: ${message.text()}`);
    await message.ack();
  }
  console.log(`Alice's message is ${alice.outbox(sent.messageId)?.state}.`);

  const inspection = await TalosClient.inspect({ dataDir: join(folder, "bob") });
  const { oneTimePrekeys, sessions } = inspection.status();
  console.log(`Bob has ${oneTimePrekeys.live} of ${oneTimePrekeys.target} one-time prekeys and ${sessions.length} session.`);
  inspection.close();
}

await directory.close();
await rm(folder, { recursive: true });
