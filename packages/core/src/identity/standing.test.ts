import assert from "node:assert/strict";
import { test } from "node:test";
import { inceptionOf, logOfBranch, recovered, revoked, rotated, type Branch } from "../../../testkit/src/vectors/branch.ts";
import { DAY, STORY_START } from "../../../testkit/src/vectors/cast.ts";
import { assertRefused } from "../../../testkit/src/vectors/refusals.ts";
import { endsSessions, migrationEndsAt, standingOf, type HeadStanding } from "./standing.ts";

const start = inceptionOf("alice");
/** Its time is STORY_START + 1. */
const planned = rotated(start, "one", { migrationSeconds: 7 * 86_400 });
const SEEN = STORY_START + 1000;

function standing(branch: Branch, head: Branch, now: number, seenAt: (seq: number) => number = () => SEEN): HeadStanding {
  return standingOf(logOfBranch(branch), head.head, { seenAt, now });
}

test("what is made at the head counts, at any time", () => {
  assert.equal(standing(start, start, 0), "current");
  assert.equal(standing(planned, planned, Number.MAX_SAFE_INTEGER), "current");
});

test("after a planned rotation the old head is accepted until the migration is over, by the verifier's own clock", () => {
  assert.equal(standing(planned, start, SEEN), "migrating");
  assert.equal(standing(planned, start, SEEN + 7 * DAY - 1), "migrating");
  assert.equal(standing(planned, start, SEEN + 7 * DAY), "ended");
  const none = rotated(start, "one", { migrationSeconds: 0 });
  assert.equal(standing(none, start, SEEN), "ended");
  assert.equal(standing(none, start, SEEN - 1), "migrating");
});

test("a verifier that comes late grants a day beyond the event's own time, no more", () => {
  const event = { time: STORY_START, migrationSeconds: 86_400 };
  assert.equal(migrationEndsAt(event, STORY_START), STORY_START + DAY);
  assert.equal(migrationEndsAt(event, STORY_START + DAY - 1), STORY_START + 2 * DAY - 1);
  assert.equal(migrationEndsAt(event, STORY_START + DAY + 1), STORY_START + 2 * DAY);
  assert.equal(migrationEndsAt(event, STORY_START + 100 * DAY), STORY_START + 2 * DAY);
  assert.equal(migrationEndsAt({ time: STORY_START + 900 * DAY, migrationSeconds: 86_400 }, STORY_START), STORY_START + DAY, "postdated");
  assert.equal(migrationEndsAt({ time: STORY_START }, STORY_START + 5), STORY_START + 5);
  assert.equal(
    standing(planned, start, STORY_START + 300 * DAY, () => STORY_START + 300 * DAY),
    "ended",
  );
});

test("of several planned rotations the one that is over first decides, each by when it was seen", () => {
  const twice = rotated(planned, "two", { migrationSeconds: 30 * 86_400 });
  const seen = [0, SEEN, SEEN + 3 * DAY];
  const at = (now: number): HeadStanding[] =>
    [start, planned, twice].map((head) => standing(twice, head, now, (seq) => seen[seq] as number));
  assert.deepEqual(at(SEEN + 7 * DAY - 1), ["migrating", "migrating", "current"]);
  assert.deepEqual(at(SEEN + 7 * DAY), ["ended", "migrating", "current"]);
  assert.deepEqual(at(STORY_START + 31 * DAY + 2), ["ended", "ended", "current"], "a day after the event's own time");
});

test("after a loss the old head is good for nothing new, at once", () => {
  for (const lost of [rotated(start, "one", { reason: "lost" }), recovered(start, "one", { reason: "lost" })]) {
    assert.equal(standing(lost, start, SEEN), "ended");
    assert.equal(standing(rotated(lost, "two"), start, SEEN), "ended");
    assert.equal(standing(rotated(lost, "two"), lost, SEEN), "migrating");
  }
});

test("failure 23: after a compromise, or a revocation, nothing before it counts", () => {
  for (const bad of [rotated(start, "one", { reason: "compromise" }), recovered(start, "one")]) {
    assert.equal(standing(bad, start, SEEN), "void");
    assert.equal(standing(bad, bad, SEEN), "current");
    assert.equal(standing(rotated(bad, "two"), start, SEEN), "void");
    assert.equal(standing(rotated(bad, "two"), bad, SEEN), "migrating");
  }
  assert.equal(standing(recovered(planned, "two"), start, SEEN), "void");
  assert.equal(standing(recovered(planned, "two"), planned, SEEN), "void");
});

test("failure 27: of a revoked agent nothing counts, not even what names the revocation", () => {
  for (const reason of ["lost", "compromise", "decommissioned"] as const) {
    for (const authority of ["online", "recovery"] as const) {
      const end = revoked(planned, authority, { reason });
      for (const head of [start, planned, end]) assert.equal(standing(end, head, SEEN), "void");
    }
  }
});

test("a head that was cut off, or never was, is unknown", () => {
  const saved = recovered(start, "saved");
  assertRefused(() => standing(saved, planned, SEEN), "cut off", "HEAD_UNKNOWN");
  assertRefused(() => standing(start, planned, SEEN), "not known yet", "HEAD_UNKNOWN");
});

test("compromise and revocation end sessions; planned rotations, losses and the inception do not", () => {
  assert.equal(endsSessions({ event: "inception" }), false);
  assert.equal(endsSessions({ event: "rotation", reason: "planned" }), false);
  assert.equal(endsSessions({ event: "rotation", reason: "lost" }), false);
  assert.equal(endsSessions({ event: "rotation", reason: "compromise" }), true);
  assert.equal(endsSessions({ event: "revocation", reason: "lost" }), true);
  assert.equal(endsSessions({ event: "revocation", reason: "decommissioned" }), true);
});
