import assert from "node:assert/strict";
import { test } from "node:test";
import { assertRefused } from "../../../testkit/src/vectors/refusals.ts";
import type { IdentityLog } from "../identity/log.ts";
import { nodeCrypto } from "../primitives/node-crypto.ts";
import { judgeSignature, type JudgementInput } from "./judge-signature.ts";
import { SigningStory, signatureUnder, unlocked } from "./signing-story.test.ts";

function judged(input: JudgementInput): string {
  const { verdict, ground } = judgeSignature(input, nodeCrypto);
  return `${verdict}: ${ground}`;
}

/** Alice with some entries, one signature among them, and more after it. */
function story(): { alice: SigningStory } & ReturnType<SigningStory["sign"]> & { before: IdentityLog } {
  const alice = new SigningStory();
  for (let i = 0; i < 5; i++) alice.record(unlocked(i));
  const signed = alice.sign("a message");
  for (let i = 0; i < 6; i++) alice.record(unlocked(10 + i));
  return { alice, ...signed, before: alice.log };
}

test("a signature by the key in force is valid, with or without proof and record", () => {
  const { alice, signature, index } = story();
  const { log } = alice;
  assert.equal(judged({ signature, log }), "valid: in-force");
  assert.equal(judged({ signature, log, proof: alice.prove(index), seenBefore: true }), "valid: in-force");
});

test("by a former key it is unproved, unless it was on record when the key ended, or this verifier saw it before", () => {
  const { alice, signature, index } = story();
  alice.rotate({ reason: "planned" });
  const { log } = alice;
  assert.equal(judged({ signature, log }), "unproved: no-proof");
  assert.equal(judged({ signature, log, seenBefore: true }), "valid-then-retired: seen-before");
  assert.equal(judged({ signature, log, proof: alice.prove(index) }), "valid-then-retired: on-record");
  alice.rotate({ reason: "planned" });
  assert.equal(judged({ signature, log: alice.log, proof: alice.prove(index) }), "valid-then-retired: on-record", "also later");
});

test("a proof counts for its own signature only, whole, and under a head that an event in time carries", () => {
  const { alice, signature, index } = story();
  const other = alice.sign("another message");
  const atRotation = alice.entries.length;
  alice.rotate({ reason: "planned" });
  const rotated = alice.log;
  for (let i = 0; i < 3; i++) alice.record(unlocked(30 + i));
  const proof = alice.prove(index, atRotation);
  const verdict = (changed: Partial<JudgementInput>): string => judged({ signature, log: rotated, proof, ...changed });
  assert.equal(verdict({}), "valid-then-retired: on-record");
  assert.equal(verdict({ signature: other.signature }), "unproved: proof-does-not-fit", "another signature's");
  assert.equal(verdict({ proof: alice.prove(index) }), "unproved: proof-does-not-fit", "under a head that nothing carries");
  for (const wrong of [
    { index: proof.index + 1 },
    { size: proof.size - 1 },
    { path: proof.path.slice(1) },
    { path: proof.path.toReversed() },
    { entry: alice.entries[index + 1] as Uint8Array },
  ]) {
    assert.equal(verdict({ proof: { ...proof, ...wrong } }), "unproved: proof-does-not-fit", Object.keys(wrong).join());
  }
});

test("a head that an event after the key's end carries proves nothing: by then a thief may have put entries in", () => {
  const { alice, signature, index } = story();
  alice.rotate({ reason: "planned", auditHead: null });
  alice.rotate({ reason: "planned" });
  assert.equal(judged({ signature, log: alice.log, proof: alice.prove(index) }), "unproved: proof-does-not-fit");
});

test("what stands on record from the point on from which the owner suspects the key is unproved, whichever later event says so", () => {
  const verdictFrom = (suspectFrom: (index: number) => number, rotatedBefore: boolean): string => {
    const { alice, signature, index } = story();
    const proof = alice.prove(index);
    if (rotatedBefore) alice.rotate({ reason: "planned" });
    alice.rotate({ reason: "compromise", suspectFrom: suspectFrom(index) });
    return judged({ signature, log: alice.log, proof });
  };
  for (const rotatedBefore of [false, true]) {
    assert.equal(
      verdictFrom((index) => index, rotatedBefore),
      "unproved: suspect",
    );
    assert.equal(
      verdictFrom((index) => index + 1, rotatedBefore),
      "valid-then-retired: on-record",
    );
  }
});

test("a revocation ends the key too, and nobody honest signs after it", () => {
  const { alice, signature, index, before } = story();
  alice.revoke();
  assert.equal(judged({ signature, log: alice.log }), "unproved: no-proof");
  assert.equal(judged({ signature, log: alice.log, proof: alice.prove(index) }), "valid-then-retired: on-record");
  const late = signatureUnder(alice.log, alice.key, "late");
  assert.equal(judged({ signature: late, log: alice.log, seenBefore: true }), "unproved: after-the-end");
  assert.equal(judged({ signature: late, log: before }), "unknown-key: no-such-event", "for who does not know of it yet");
});

test("failure 28: while histories of the signer contend, a signature of one of them is unproved, and so is one that only its events prove", () => {
  const { alice, signature, index } = story();
  const proof = alice.prove(index);
  alice.rotate({ reason: "planned" });
  const contended = alice.sign("by whoever made event 1").signature;
  const { log } = alice;
  const first = { signature, log, proof };
  assert.equal(judged({ ...first, forkedFrom: 1 }), "unproved: forked");
  assert.equal(judged({ signature, log, forkedFrom: 1 }), "unproved: no-proof");
  assert.equal(judged({ ...first, forkedFrom: 1, seenBefore: true }), "valid-then-retired: seen-before", "the verifier's own word");
  assert.equal(judged({ ...first, forkedFrom: 2 }), "valid-then-retired: on-record", "what precedes the parting is nobody's but hers");
  assert.equal(judged({ signature: contended, log, forkedFrom: 1 }), "unproved: forked");
  assert.equal(judged({ signature: contended, log, forkedFrom: 1, seenBefore: true }), "unproved: forked");
  assert.equal(judged({ signature: contended, log, forkedFrom: 2 }), "valid: in-force");
});

test("a key that only the thief's branch brought in is disowned; an event that nobody knows names no key", () => {
  const { alice, signature, index, before } = story();
  const size = alice.entries.length;
  alice.rotate({ reason: "planned" });
  const thiefs = signatureUnder(alice.log, alice.key, "by the thief");
  const deeper = (() => {
    alice.rotate({ reason: "planned" });
    return signatureUnder(alice.log, alice.key, "by the thief, later");
  })();
  const cutOff = alice.log.events.slice(1);
  assert.equal(
    judged({ signature: thiefs, log: alice.log, seenBefore: true }),
    "valid-then-retired: seen-before",
    "until the owner speaks",
  );
  alice.rotate({ reason: "compromise", authority: "recovery", after: 0, suspectFrom: index + 1 });
  const { log } = alice;
  assert.equal(log.head.seq, 1);
  for (const gone of [thiefs, deeper]) {
    assert.equal(judged({ signature: gone, log, cutOff, seenBefore: true }), "disowned: cut-off");
    assert.equal(judged({ signature: gone, log }), "unknown-key: no-such-event");
    assert.equal(judged({ signature: gone, log: before }), "unknown-key: no-such-event");
  }
  assert.equal(
    judged({ signature, log, cutOff, proof: alice.prove(index, size) }),
    "valid-then-retired: on-record",
    "the owner's own stays",
  );
});

test("a key that the owner had too is not disowned with the branch, but nothing that names the branch is his", () => {
  const { alice } = story();
  const key = alice.key;
  alice.revoke();
  const thiefs = signatureUnder(alice.log, key, "after the thief's revocation");
  const cutOff = alice.log.events.slice(1);
  alice.rotate({ reason: "compromise", authority: "recovery", after: 0 });
  assert.equal(judged({ signature: thiefs, log: alice.log, cutOff }), "unproved: after-the-end");
});

test("what another key made, and what another agent made, is no signature", () => {
  const { alice, signature } = story();
  alice.rotate({ reason: "planned" });
  const forged = { ...signatureUnder(alice.log, alice.key, "x"), head: signature.head };
  assertRefused(() => judgeSignature({ signature: forged, log: alice.log }, nodeCrypto), "another key", "SIGNATURE_INVALID");
  const bob = new SigningStory("bob");
  assertRefused(() => judgeSignature({ signature, log: bob.log }, nodeCrypto), "another agent", "SIGNATURE_INVALID");
});

test("failure 26: a signature that a thief backdates is unproved; the same bytes seen before the rotation are not, nor with a proof for a stranger", () => {
  const { alice, signature, index, before } = story();
  const thief = alice.key;
  const atTheft = alice.entries.length;
  alice.rotate({ reason: "compromise" });
  const { log } = alice;
  // The thief has the old key, and says that he signed while it was in force.
  const backdated = signatureUnder(before, thief, "I owe the thief a house");
  assert.equal(judged({ signature: backdated, log }), "unproved: no-proof");
  // He can make an audit of his own, but no event carries its head.
  const own = new SigningStory();
  for (let i = 0; i < 11; i++) own.record(unlocked(i));
  const forged = own.sign("I owe the thief a house");
  assert.equal(own.entries.length, atTheft);
  assert.equal(judged({ signature: backdated, log, proof: own.prove(forged.index) }), "unproved: proof-does-not-fit");
  // The owner's own, made before.
  assert.equal(judged({ signature, log: before }), "valid: in-force");
  assert.equal(judged({ signature, log, seenBefore: true }), "valid-then-retired: seen-before");
  assert.equal(judged({ signature, log, proof: alice.prove(index, atTheft) }), "valid-then-retired: on-record");
});
