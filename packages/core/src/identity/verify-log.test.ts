import assert from "node:assert/strict";
import { test } from "node:test";
import { castMember, encryptionKeyOf, signAll, signerOf, STORY_START } from "../../../testkit/src/vectors/cast.ts";
import { assertNoMutationPasses, assertRefused } from "../../../testkit/src/vectors/refusals.ts";
import { isTalosError } from "../errors/talos-error.ts";
import { encodeSigned } from "../keys/signed.ts";
import { nodeCrypto } from "../primitives/node-crypto.ts";
import { logAt, stateAt, type IdentityLog } from "./log.ts";
import { assembleEvent, prepareInception, prepareRevocation, prepareRotation } from "./signed-event.ts";
import { verifyLog, type LogVerdict } from "./verify-log.ts";

const alice = castMember("alice");
const bob = castMember("bob");
const [inception] = alice.log.events as [Uint8Array];

function plannedRotation(): Uint8Array {
  const prepared = prepareRotation({
    seq: 1,
    previous: alice.log.head.hash,
    authority: "online",
    revealedKey: alice.next.key,
    time: STORY_START + 1,
    identityKey: alice.next.key,
    identityProtection: "software",
    encryptionKey: encryptionKeyOf("alice encryption 2"),
    encryptionProtection: "software",
    next: alice.inception.next,
    reason: "planned",
    migrationSeconds: 60,
  });
  return assembleEvent(
    prepared.body,
    signAll(prepared, { 1: alice.next, 2: alice.next, 3: alice.identity }),
    nodeCrypto,
    alice.log.identityKey,
  );
}

function verify(events: readonly Uint8Array[], known: IdentityLog | "nothing" = alice.log, expected = alice.log.agentId): LogVerdict {
  return verifyLog(known === "nothing" ? undefined : known, events, STORY_START, nodeCrypto, expected);
}

function assertInvalid(action: () => unknown, reason: string): void {
  assert.throws(action, (error: unknown) => isTalosError(error, "LOG_INVALID") && error.details["reason"] === reason);
}

test("an inception is accepted, and the same again changes nothing", () => {
  const accepted = verify([inception], "nothing");
  assert.equal(accepted.kind, "accepted");
  assert.deepEqual(accepted.log.head, { seq: 0, hash: accepted.log.agentId });
  assert.deepEqual(accepted.log.identityKey, alice.identity.key);
  const again = verify([inception], accepted.log);
  assert.equal(again.kind, "unchanged");
  assert.equal(again.log, accepted.log);
});

test("a log is refused: another agent's, empty, behind what is known, too long, another first event", () => {
  assertInvalid(() => verify(bob.log.events, "nothing"), "other-agent");
  assertInvalid(() => verify(bob.log.events), "other-agent");
  assertInvalid(() => verifyLog(alice.log, bob.log.events, STORY_START, nodeCrypto), "other-agent");
  assertInvalid(() => verify([], "nothing"), "empty");
  assertInvalid(() => verify([]), "empty");
  assertInvalid(() => verify([inception], "nothing", bob.log.agentId), "other-agent");
  assertInvalid(
    () =>
      verify(
        Array.from({ length: 10_001 }, () => inception),
        "nothing",
      ),
    "too-long",
  );
  assertInvalid(() => verify([plannedRotation()], "nothing"), "not-an-inception");
  assertInvalid(() => verify([inception, inception]), "second-inception");
});

test("an event of more than 4,096 bytes is refused before it is parsed", () => {
  assertRefused(() => verify([new Uint8Array(4097)], "nothing"), "oversized", "MALFORMED");
  const extensions = [{ id: 1, critical: false, value: new Uint8Array(4000) }];
  const prepared = prepareInception({ ...alice.inception, extensions });
  const wire = encodeSigned(prepared.body, signAll(prepared, { 1: alice.identity }));
  assertRefused(() => verifyLog(undefined, [wire], STORY_START, nodeCrypto), "oversized and signed", "MALFORMED");
});

test("a valid event after the inception is named as not supported, a forged one as forged", () => {
  const rotation = plannedRotation();
  assertRefused(() => verify([inception, rotation], "nothing"), "rotation", "LOG_NOT_SUPPORTED");
  assertRefused(() => verify([inception, rotation]), "rotation after what is known", "LOG_NOT_SUPPORTED");
  const revocation = prepareRevocation({
    seq: 1,
    previous: alice.log.head.hash,
    authority: "online",
    revealedKey: alice.next.key,
    time: 0,
    reason: "lost",
  });
  const revoked = assembleEvent(revocation.body, signAll(revocation, { 2: alice.next }), nodeCrypto);
  assertRefused(() => verify([inception, revoked]), "revocation", "LOG_NOT_SUPPORTED");
  const forged = encodeSigned(revocation.body, signAll(revocation, { 2: signerOf("mallory") }));
  assertRefused(() => verify([inception, forged]), "forged", "SIGNATURE_INVALID");
});

test("failure 57: a known event that comes with another signature leaves the log as it was", () => {
  const { body } = prepareInception(alice.inception);
  const resigned = encodeSigned(body, [{ role: 1, algorithm: 1, signature: new Uint8Array(64) }]);
  const verdict = verify([resigned]);
  assert.equal(verdict.kind, "unchanged");
  assert.deepEqual(verdict.log.events, [inception]);
  assertRefused(() => verify([resigned], "nothing"), "unknown, it must verify", "SIGNATURE_INVALID");
});

test("failure 6: no changed byte of an inception is accepted as the agent's log", () => {
  assertNoMutationPasses(inception, (bytes) => verify([bytes], "nothing"));
});

test("a head that is not in the log is unknown", () => {
  assert.equal(logAt(alice.log, alice.log.head), stateAt(alice.log, 0));
  assertRefused(() => logAt(alice.log, bob.log.head), "other hash", "HEAD_UNKNOWN");
  assertRefused(() => logAt(alice.log, { seq: 1, hash: alice.log.head.hash }), "beyond", "HEAD_UNKNOWN");
  assertRefused(() => stateAt(alice.log, 1), "beyond", "HEAD_UNKNOWN");
});

test("a verified log cannot be changed by who gave the bytes", () => {
  const given = inception.slice();
  const { log } = verify([given], "nothing");
  given.fill(0);
  assert.deepEqual(log.events[0], inception);
  assert.ok(Object.isFrozen(log));
});
