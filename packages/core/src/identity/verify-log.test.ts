import assert from "node:assert/strict";
import { test } from "node:test";
import { castMember, signAll, signerOf, STORY_START } from "../../../testkit/src/vectors/cast.ts";
import { inceptionOf, lastOf, logOfBranch, recovered, revoked, rotated, type Branch } from "../../../testkit/src/vectors/branch.ts";
import { assertNoMutationPasses, assertRefused } from "../../../testkit/src/vectors/refusals.ts";
import { isTalosError } from "../errors/talos-error.ts";
import { decodeSigned, encodeSigned } from "../keys/signed.ts";
import { nodeCrypto } from "../primitives/node-crypto.ts";
import { keysAt, logAt, stateAt, type IdentityLog } from "./log.ts";
import { prepareInception } from "./signed-event.ts";
import { chainWith, verifyLog, type LogVerdict } from "./verify-log.ts";

const alice = castMember("alice");
const bob = castMember("bob");
const [inception] = alice.log.events as [Uint8Array];
const start = inceptionOf("alice");
const one = rotated(start, "one");

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
  // As long as a log may be: it is read.
  assertInvalid(
    () =>
      verify(
        Array.from({ length: 10_000 }, () => inception),
        "nothing",
      ),
    "second-inception",
  );
  assertInvalid(() => verify([lastOf(one)], "nothing"), "not-an-inception");
  assertInvalid(() => verify([inception, inception]), "second-inception");
});

test("an event of more than 4,096 bytes is refused before it is parsed", () => {
  assertRefused(() => verify([new Uint8Array(4097)], "nothing"), "oversized", "MALFORMED");
  const extensions = [{ id: 1, critical: false, value: new Uint8Array(4000) }];
  const prepared = prepareInception({ ...alice.inception, extensions });
  const wire = encodeSigned(prepared.body, signAll(prepared, { 1: alice.identity }));
  assertRefused(() => verifyLog(undefined, [wire], STORY_START, nodeCrypto), "oversized and signed", "MALFORMED");
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

/** What a verifier that saw one branch first says of the other. */
function judged(first: Branch, second: Branch): LogVerdict {
  return verify(second.wires, logOfBranch(first), logOfBranch(first).agentId);
}

function assertStands(verdict: LogVerdict, kind: LogVerdict["kind"], branch: Branch): void {
  assert.equal(verdict.kind, kind);
  assert.deepEqual(verdict.log, logOfBranch(branch));
}

function assertEvidence(verdict: LogVerdict, contender: Uint8Array, standing: Uint8Array): void {
  assert.ok(verdict.kind === "forked" || verdict.kind === "refused");
  assert.deepEqual([verdict.contender, verdict.standing], [contender, standing]);
}

const two = rotated(one, "two");
const thief = rotated(start, "thief");
const saved = recovered(start, "saved");

test("a longer log extends what is known, by any number of events, and only they are verified", () => {
  const verdict = judged(start, two);
  assertStands(verdict, "extended", two);
  assert.deepEqual(verdict.kind === "extended" && verdict.added, two.wires.slice(1));
  assertStands(judged(one, recovered(one, "three")), "extended", recovered(one, "three"));
  assertStands(judged(one, revoked(one, "online")), "extended", revoked(one, "online"));
  assertStands(verify(two.wires, "nothing"), "accepted", two);

  let checked = 0;
  const counting = {
    sha256: (...parts: readonly Uint8Array[]): Uint8Array => nodeCrypto.sha256(...parts),
    verifySignature: (...parts: Parameters<typeof nodeCrypto.verifySignature>): boolean => {
      checked += 1;
      return nodeCrypto.verifySignature(...parts);
    },
  };
  verifyLog(logOfBranch(one), two.wires, STORY_START, counting);
  assert.equal(checked, 3);
  verifyLog(logOfBranch(two), two.wires, STORY_START, counting);
  verifyLog(logOfBranch(two), saved.wires, STORY_START, counting);
  assert.equal(checked, 5);
});

test("failure 28: nobody goes back behind a head once seen", () => {
  assertInvalid(() => judged(two, one), "behind");
  assertInvalid(() => judged(saved, start), "behind");
  assertInvalid(() => judged(revoked(one, "online"), one), "behind");
  assertInvalid(() => verify([], logOfBranch(two)), "empty");
});

test("an invalid event changes nothing, however many valid ones stand before it", () => {
  const forged = rotated(two, "three", { signers: { 1: signerOf("mallory") } });
  const known = logOfBranch(start);
  assertRefused(() => verify(forged.wires, known), "forged", "SIGNATURE_INVALID");
  assertRefused(
    () => judged(one, recovered(rotated({ ...start, next: signerOf("mallory") }, "x"), "y")),
    "cuts off by a forgery",
    "LOG_INVALID",
  );
  assert.deepEqual(known, logOfBranch(start));
});

test("failure 23: a recovery event cuts off what the thief of the vault made after the event that it follows", () => {
  const long = rotated(rotated(thief, "thief 2"), "thief 3");
  const verdict = judged(long, saved);
  assertStands(verdict, "replaced", saved);
  assert.ok(verdict.kind === "replaced");
  assert.deepEqual(verdict.added, saved.wires.slice(1));
  assert.deepEqual(verdict.cutOff, long.wires.slice(1));
  assertRefused(() => logAt(verdict.log, thief.head), "what was cut off is unknown", "HEAD_UNKNOWN");
  assert.throws(() => logAt(verdict.log, long.head));
  assertStands(judged(two, recovered(one, "saved")), "replaced", recovered(one, "saved"));
  assertStands(judged(rotated(saved, "after"), recovered(saved, "again")), "replaced", recovered(saved, "again"));
});

test("failure 23: whoever saw the recovery first refuses the thief's branch, and keeps the evidence", () => {
  for (const branch of [thief, rotated(thief, "thief 2"), revoked(start, "online")]) {
    const verdict = judged(saved, branch);
    assertStands(verdict, "refused", saved);
    assertEvidence(verdict, branch.wires[1] as Uint8Array, lastOf(saved));
  }
});

test("failure 23: a recovery event decides a fork, also one that follows the branch seen second", () => {
  assertStands(judged(thief, recovered(one, "three")), "replaced", recovered(one, "three"));
  assertStands(judged(one, recovered(thief, "three")), "replaced", recovered(thief, "three"));
});

test("failure 28: two events of one authority after one event are a fork: the one seen first stands, both are evidence", () => {
  for (const [first, second] of [
    [one, thief],
    [thief, one],
    [two, rotated(thief, "thief 2")],
    [revoked(start, "online"), one],
    [one, revoked(start, "online")],
    [saved, recovered(start, "another")],
    [saved, revoked(start, "recovery")],
    [revoked(start, "recovery"), saved],
  ] as const) {
    const verdict = judged(first, second);
    assertStands(verdict, "forked", first);
    assertEvidence(verdict, second.wires[1] as Uint8Array, first.wires[1] as Uint8Array);
  }
});

test("failure 49: an old backup forks the log for nobody who knows it, and nothing at all once a recovery event has decided", () => {
  const owner = rotated(two, "three");
  for (const old of [thief, rotated(one, "old backup"), revoked(start, "online"), revoked(one, "online")]) {
    assertStands(judged(owner, old), "forked", owner);
    const decided = recovered(owner, "decided");
    assertStands(verify(decided.wires, judged(owner, old).log), "extended", decided);
    assertStands(judged(decided, old), "refused", decided);
    assertStands(judged(rotated(decided, "on"), old), "refused", rotated(decided, "on"));
    assertStands(judged(old, decided), "replaced", decided);
  }
});

test("failure 28: what precedes a recovery event is final: neither another recovery by the same key nor an older fork goes behind it", () => {
  const late = recovered(two, "late");
  const fork = judged(late, saved);
  assertStands(fork, "forked", late);
  assertEvidence(fork, lastOf(saved), lastOf(late));
  assertEvidence(judged(saved, late), lastOf(late), lastOf(saved));
  assertEvidence(judged(late, recovered(thief, "theirs")), lastOf(recovered(thief, "theirs")), lastOf(late));
  assertStands(judged(rotated(late, "three"), saved), "forked", rotated(late, "three"));
  const old = judged(late, rotated(thief, "thief 2"));
  assertStands(old, "refused", late);
  assertEvidence(old, lastOf(thief), lastOf(late));
  const second = recovered(rotated(saved, "after"), "second");
  assertStands(judged(second, recovered(saved, "contending")), "forked", second);
  assertStands(judged(second, recovered(start, "contending")), "forked", second);
  assertStands(judged(second, rotated(saved, "thief")), "refused", second);
});

test("failure 27: a revocation by the online key is cut off by a recovery event alone; one by the recovery key by nothing", () => {
  const ended = revoked(one, "online");
  assertStands(judged(ended, recovered(one, "back")), "replaced", recovered(one, "back"));
  assertStands(judged(ended, saved), "replaced", saved);
  assertStands(judged(ended, revoked(one, "recovery")), "replaced", revoked(one, "recovery"));
  assertStands(judged(ended, two), "forked", ended);
  assertInvalid(() => judged(ended, recovered(ended, "after it")), "after-revocation");
  const final = revoked(one, "recovery");
  for (const branch of [recovered(one, "back"), saved, recovered(two, "back"), revoked(start, "recovery")]) {
    assertStands(judged(final, branch), "forked", final);
  }
  assertStands(judged(final, two), "refused", final);
  assertStands(judged(final, thief), "refused", final);
});

test("failure 23: without a kit before the fork no branch's own kit decides: the one seen first stands", () => {
  const dora = inceptionOf("dora", { kit: false });
  const owner = rotated(dora, "owner", { kit: signerOf("owner recovery") });
  const theft = rotated(dora, "theft", { kit: signerOf("theft recovery") });
  const theirs = recovered(theft, "theirs");
  const ours = recovered(owner, "ours");
  const verdict = judged(owner, theirs);
  assertStands(verdict, "forked", owner);
  assertEvidence(verdict, lastOf(theft), lastOf(owner));
  for (const [known, heard] of [
    [ours, theirs],
    [theirs, ours],
    [theirs, owner],
    [rotated(theirs, "more"), rotated(dora, "owner without")],
  ] as const) {
    const after = judged(known, heard);
    assertStands(after, "forked", known);
    assertEvidence(after, heard.wires[1] as Uint8Array, known.wires[1] as Uint8Array);
  }
  assertStands(judged(theft, ours), "forked", theft);
  assertStands(judged(rotated(owner, "x"), recovered(owner, "y")), "replaced", recovered(owner, "y"));
  assertStands(judged(rotated(dora, "owner"), theft), "forked", rotated(dora, "owner"));
});

test("of a replaced log the part that is kept keeps its bytes, and the new part has the given ones", () => {
  const { body } = prepareInception(alice.inception);
  const resigned = encodeSigned(body, [{ role: 1, algorithm: 1, signature: new Uint8Array(64) }]);
  const given = [resigned, lastOf(saved).slice()];
  const verdict = verify(given, logOfBranch(thief));
  (given[1] as Uint8Array).fill(0);
  assertStands(verdict, "replaced", saved);
});

test("a chain is put together from what is known and what came", () => {
  const known = logOfBranch(two);
  const three = rotated(two, "three");
  assert.deepEqual(chainWith(known, [lastOf(three)], nodeCrypto), three.wires);
  assert.deepEqual(chainWith(known, [lastOf(saved)], nodeCrypto), saved.wires);
  assert.deepEqual(chainWith(known, saved.wires, nodeCrypto), saved.wires);
  assert.deepEqual(chainWith(undefined, saved.wires, nodeCrypto), saved.wires);
  assert.deepEqual(chainWith(undefined, [], nodeCrypto), []);
  for (const already of [[], [lastOf(one)], [lastOf(two)], [lastOf(one), lastOf(two)], two.wires, start.wires]) {
    assert.deepEqual(chainWith(known, already, nodeCrypto), two.wires);
  }
  assert.deepEqual(chainWith(known, [lastOf(two), lastOf(three)], nodeCrypto), three.wires);
  assertInvalid(() => chainWith(logOfBranch(one), [lastOf(three)], nodeCrypto), "gap");
  assertInvalid(() => chainWith(undefined, [lastOf(one)], nodeCrypto), "gap");
  assertRefused(() => chainWith(known, [new Uint8Array(3)], nodeCrypto), "no event", "MALFORMED");
  const resigned = two.wires.map((wire) => {
    const { body, signatures } = decodeSigned(wire, "event", 4096);
    return encodeSigned(
      body,
      signatures.map((entry) => ({ ...entry, signature: new Uint8Array(64) })),
    );
  });
  for (const from of [0, 1, 2]) assert.deepEqual(chainWith(known, resigned.slice(from), nodeCrypto), two.wires);
  assert.deepEqual(chainWith(undefined, resigned, nodeCrypto), resigned);
});

test("at a head there are the keys of its event; at a revocation there are none to make anything with", () => {
  const log = logOfBranch(revoked(two, "online"));
  assert.deepEqual(keysAt(log, one.head).identityKey, one.identity.key);
  assert.deepEqual(keysAt(log, two.head).identityKey, two.identity.key);
  assertRefused(() => keysAt(log, log.head), "revoked", "AGENT_REVOKED");
  assertRefused(() => keysAt(log, saved.head), "another", "HEAD_UNKNOWN");
  assert.equal(logAt(log, log.head).event, "revocation");
});
