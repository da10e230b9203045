// A key that was stolen and replaced: what its owner signed with it while it was his, and what the thief signs with it now.
import assert from "node:assert/strict";
import { test } from "node:test";
import { TalosClient } from "@talos/agent";
import { nodeCrypto, verifyAuditExport } from "@talos/core";
import { AgentWorld, hasCode } from "@talos/testkit";

test("failure 26: a backdated signature is unproved; what was seen before the rotation, or is proved, is not", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  const honest = { namespace: "contract", message: "the terms", signature: (await alice.sign("contract", "the terms")).text };
  await bob.verify({ ...honest, signer: alice.did });
  world.copyDataDir("alice", "stolen");
  const carol = await world.create("carol");
  await carol.peers.add(alice.did);

  await alice.emergencyRotate({ reason: "the folder was copied" });
  const proof = alice.signatureProof(honest.signature).text;

  // The thief has folder and password, and signs as if nothing had happened.
  await world.stopDirectory();
  const thief = await world.open("stolen");
  const message = "I owe the thief a house";
  const backdated = { namespace: "contract", message, signature: (await thief.sign("contract", message)).text };
  assert.throws(() => thief.signatureProof(backdated.signature), hasCode("PROOF_NOT_POSSIBLE"));
  await thief.close();
  await world.startDirectory();

  const verdict = async (check: Promise<{ verdict: string; ground: string }>): Promise<string> => {
    const { verdict: found, ground } = await check;
    return `${found}: ${ground}`;
  };
  const stranger = { directory: world.url };
  assert.equal(await verdict(TalosClient.verify({ ...backdated, ...stranger })), "unproved: no-proof");
  assert.equal(await verdict(TalosClient.verify({ ...backdated, ...stranger, proof })), "unproved: proof-does-not-fit");
  assert.equal(await verdict(bob.verify(backdated)), "unproved: no-proof");
  assert.equal(await verdict(alice.verify(backdated)), "unproved: no-proof");

  assert.equal(await verdict(bob.verify(honest)), "valid-then-retired: seen-before");
  assert.equal(await verdict(carol.verify(honest)), "unproved: no-proof", "knew the signer, not the signature");
  assert.equal(await verdict(carol.verify({ ...honest, proof })), "valid-then-retired: on-record");
  assert.equal(await verdict(TalosClient.verify({ ...honest, ...stranger, proof })), "valid-then-retired: on-record");

  const { entries, log } = verifyAuditExport((await alice.audit.export()).text, nodeCrypto);
  assert.equal(log.head.seq, 1);
  assert.ok(entries.some(({ kind }) => kind === "emergency"));
  assert.equal(alice.audit.verify().sound, true);
});

test("what is signed while the identity rotates is good for ever: under the old key it is on record in time, else it is under the new one", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const signed: { message: string; signature: string; seq: number }[] = [];
  const rotation = alice.rotateIdentity();
  for (let i = 0; i < 40; i++) {
    const message = `number ${i}`;
    const { text, seq } = await alice.sign("test", message);
    signed.push({ message, signature: text, seq });
    await new Promise((resolve) => setImmediate(resolve));
  }
  await rotation;
  assert.equal(signed.at(-1)?.seq, 1);
  for (const { seq, ...given } of signed) {
    const proof = seq === 0 ? { proof: alice.signatureProof(given.signature).text } : {};
    const { verdict } = await TalosClient.verify({ ...given, ...proof, namespace: "test", directory: world.url });
    assert.equal(verdict, seq === 0 ? "valid-then-retired" : "valid");
  }
});

test("a revoked agent signs nothing more, and what it signed before can still be proved", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const { text } = await alice.sign("test", "before");
  await alice.revokeIdentity({ reason: "decommissioned" });
  await assert.rejects(alice.sign("test", "after"), hasCode("AGENT_REVOKED"));
  using inspection = await TalosClient.inspect({ dataDir: alice.dataDir });
  const proof = inspection.signatureProof(text).text;
  const given = { namespace: "test", message: "before", signature: text, directory: world.url };
  assert.equal((await TalosClient.verify(given)).verdict, "unproved");
  assert.equal((await TalosClient.verify({ ...given, proof })).verdict, "valid-then-retired");
});
