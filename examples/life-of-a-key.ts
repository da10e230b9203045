// What becomes of an agent's identity over the years: a kit, a planned rotation, a theft. Run it: npx node examples/life-of-a-key.ts
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TalosClient } from "@talos/agent";
import { startDirectory } from "@talos/directory";

const folder = await mkdtemp(join(tmpdir(), "talos-example-"));
const made = (): string => randomBytes(24).toString("base64url");
const [password, newPassword, kitPassword] = [made(), made(), made()];
const directory = await startDirectory({ listen: { host: "127.0.0.1", port: 0 }, store: "sqlite::memory:" });
const recoveryKit = { path: join(folder, "alice.kit"), password: kitPassword };

{
  await using alice = await TalosClient.create("alice", {
    dataDir: join(folder, "alice"),
    password,
    directory: directory.url,
    recoveryKit,
  });
  const { did } = alice;
  alice.on("rotationDone", ({ kind }) => console.log(`Done: ${kind}.`));

  // Of the keys that are due, most replace themselves; this says what it did.
  const { done } = await alice.maintain();
  console.log(`${done.length} keys were due.`);
  await alice.rotateSignedPrekey();

  const { text: signature } = await alice.sign("release", "talos 1.0.0");

  const planned = await alice.rotateIdentity({ migrationDays: 7 });
  console.log(`Identity key ${planned.seq} is in force, the agent id is ${alice.did === did ? "the same" : "another"}.`);

  const stolen = await alice.emergencyRotate({ reason: "laptop stolen", recoveryKit, newPassword });
  console.log(`Identity key ${stolen.seq} is in force, ${stolen.contestable ? "contestable" : "beyond dispute"}.`);

  await alice.flush();
  const { text: proof } = alice.signatureProof(signature);
  const check = await TalosClient.verify({ signature, namespace: "release", message: "talos 1.0.0", directory: directory.url, proof });
  console.log(`The signature from before is ${check.verdict}.`);
}

await directory.close();
await rm(folder, { recursive: true });
