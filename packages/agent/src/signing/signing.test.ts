// Signatures of running agents: made on record, judged by others, by strangers, and by a later self.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { hasCode, AgentWorld } from "@talos/testkit";
import { decodeUserSignature, nodeCrypto, toHex, utf8 } from "@talos/core";
import { TalosClient } from "../talos-client.ts";

let world: AgentWorld;
let alice: TalosClient;
let bob: TalosClient;

before(async () => {
  world = await AgentWorld.start();
  alice = await world.create("alice");
  bob = await world.create("bob");
});
after(async () => await world[Symbol.asyncDispose]());

const DEPLOY = { namespace: "deploy", message: "version 7" };

test("a signature is on record, with its digest and without its message, when it is returned", async () => {
  const made = await alice.sign("deploy", "version 7");
  const entry = alice.audit.list({ limit: 10_000 }).at(-1) ?? assert.fail();
  assert.deepEqual([entry.kind, entry.details], ["signature-made", { namespace: "deploy", digest: made.digest, seq: 0 }]);
  assert.equal(made.digest, toHex(nodeCrypto.sha256(utf8("version 7"))));
  assert.deepEqual([made.did, made.namespace, made.seq], [alice.did, "deploy", 0]);
  assert.deepEqual(decodeUserSignature(made.wire, nodeCrypto).digest, nodeCrypto.sha256(utf8("version 7")));
});

test("everybody can judge it: a peer, a stranger with the directory or the log, and the signer", async () => {
  const { text, wire } = await alice.sign("deploy", "version 7");
  const address = `${alice.did}@${new URL(world.url).host}`;
  await assert.rejects(bob.verify({ ...DEPLOY, signature: text, offline: true }), hasCode("PEER_UNKNOWN"));
  const ways = [
    async () => await bob.verify({ ...DEPLOY, signature: text, signer: address }),
    async () => await bob.verify({ ...DEPLOY, signature: wire, offline: true }),
    async () => await TalosClient.verify({ ...DEPLOY, signature: text, directory: world.url }),
    async () => await TalosClient.verify({ ...DEPLOY, signature: text, signer: address }),
    async () => await alice.verify({ ...DEPLOY, signature: text }),
  ];
  for (const way of ways) {
    const { verdict, ground, signer } = await way();
    assert.deepEqual([verdict, ground, signer], ["valid", "in-force", alice.did]);
  }
  using inspection = await TalosClient.inspect({ dataDir: bob.dataDir });
  assert.equal(inspection.verify({ ...DEPLOY, signature: text }).verdict, "valid");
});

test("another message, namespace or signer is refused, and what is none", async () => {
  const { text } = await alice.sign("deploy", "version 7");
  const given = { ...DEPLOY, signature: text, directory: world.url };
  for (const changed of [{ message: "version 8" }, { namespace: "release" }, { signer: bob.did }]) {
    await assert.rejects(TalosClient.verify({ ...given, ...changed }), hasCode("SIGNATURE_INVALID"));
  }
  await assert.rejects(TalosClient.verify({ ...given, signature: "AAAA" }), hasCode("MALFORMED"));
  await assert.rejects(TalosClient.verify({ ...DEPLOY, signature: text }), hasCode("INVALID_ARGUMENT"));
  await assert.rejects(TalosClient.verify({ ...given, log: [] }), hasCode("INVALID_ARGUMENT"));
  await assert.rejects(TalosClient.verify({ ...given, nameSpace: "x" } as never), hasCode("UNKNOWN_OPTION"));
  await assert.rejects(alice.sign("two words", "x"), hasCode("INVALID_ARGUMENT"));
  await assert.rejects(alice.sign("deploy", 7 as never), hasCode("INVALID_ARGUMENT"));
});

test("this agent remembers what it found valid, and when first", async () => {
  const { text } = await alice.sign("deploy", "remembered");
  const options = { signature: text, namespace: "deploy", message: "remembered" };
  const first = await bob.verify(options);
  const again = await bob.verify(options);
  assert.ok(first.seenAt !== undefined);
  assert.equal(again.seenAt, first.seenAt);
});

test("while the key is in force there is nothing to prove, and another agent's signature cannot be proved", async () => {
  const { text } = await alice.sign("deploy", "x");
  assert.throws(() => alice.signatureProof(text), hasCode("PROOF_NOT_POSSIBLE"));
  assert.throws(() => bob.signatureProof(text), hasCode("SIGNATURE_INVALID"));
});

test("a signature that cannot be put on record is not handed out", async () => {
  const client = await world.create("carol");
  const { length } = client.audit.list({ limit: 10_000 });
  await client.close();
  await assert.rejects(client.sign("deploy", "x"), hasCode("CLIENT_CLOSED"));
  using inspection = await TalosClient.inspect({ dataDir: client.dataDir });
  assert.equal(inspection.auditEntries({ limit: 10_000 }).length, length);
});
