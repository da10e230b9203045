import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { STORY_START } from "../../../testkit/src/vectors/cast.ts";
import { assertRefused } from "../../../testkit/src/vectors/refusals.ts";
import { encodeStruct } from "../codec/struct.ts";
import { isTalosError } from "../errors/talos-error.ts";
import { nodeCrypto } from "../primitives/node-crypto.ts";
import { SigningStory, unlocked } from "../signing/signing-story.test.ts";
import { AUDIT_KINDS, decodeAuditEntry, encodeAuditEntry, type NewAuditEntry } from "./entry.ts";
import { auditExportLines, verifyAuditExport, type ExportExpectation } from "./export.ts";

const name = fc
  .string({ minLength: 1, maxLength: 20 })
  .filter((text) => text.isWellFormed() && text !== "__proto__" && !/^[0-9]/.test(text));
const detail = fc.oneof(
  fc.string({ maxLength: 40 }).filter((text) => text.isWellFormed()),
  fc.maxSafeNat(),
);

test("every entry goes through its encoding and back; what could not be read again is not written", () => {
  const input = fc.record({
    kind: fc.constantFrom(...AUDIT_KINDS),
    at: fc.maxSafeNat(),
    details: fc.dictionary(name, detail, { maxKeys: 32, noNullPrototype: true }),
  });
  fc.assert(
    fc.property(input, fc.maxSafeNat(), (entry, generation) => {
      assert.deepEqual(decodeAuditEntry(encodeAuditEntry(entry, generation), 3), { order: 3, generation, ...entry });
    }),
  );
  const entry: NewAuditEntry = { kind: "unlocked", at: 1, details: {} };
  const long = Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`n${i}`, i]));
  for (const details of [long, { a: "x".repeat(1025) }, { a: -1 }, { a: 1.5 }, { 10: "x" }, { "0": 1 }, { "1a": 1 }]) {
    assertRefused(() => encodeAuditEntry({ ...entry, details }, 1), JSON.stringify(details).slice(0, 30));
  }
});

test("an entry whose details have a number for a name is not read: its export would say them in another order than it has them", () => {
  const body = encodeStruct(
    new Map<number, string | number | ReadonlyMap<string, string>>([
      [2, "unlocked"],
      [3, 1],
      [4, 1],
      [
        5,
        new Map([
          ["a", "first"],
          ["10", "second"],
        ]),
      ],
    ]),
  );
  assertRefused(() => decodeAuditEntry(body, 1), "a name that is a number", "MALFORMED");
});

function exportOf(story: SigningStory): string {
  const certificate = story.certify();
  return auditExportLines(story.log, certificate, story.entries.slice(0, certificate.auditHead.size)).join("");
}

function grown(entries: number): SigningStory {
  const alice = new SigningStory();
  for (let i = 0; i < entries; i++) alice.record(unlocked(STORY_START + i));
  return alice;
}

function verify(text: string, expected?: ExportExpectation): ReturnType<typeof verifyAuditExport> {
  return verifyAuditExport(text, nodeCrypto, expected);
}

function assertInvalid(action: () => unknown, reason: string, line?: number): void {
  assert.throws(action, (error: unknown) => {
    assert.ok(isTalosError(error, "AUDIT_INVALID"), String(error));
    assert.equal(error.details["reason"], reason);
    if (line !== undefined) assert.equal(error.details["line"], line);
    return true;
  });
}

test("an export verifies with public keys only and gives the entries back, through rotations, of any size", () => {
  for (const size of [1, 2, 7, 8, 9]) {
    const alice = grown(size);
    const { entries, log, certificate, earlierRecord } = verify(exportOf(alice));
    assert.deepEqual(
      entries,
      alice.entries.map((entry, i) => decodeAuditEntry(entry, i + 1)),
    );
    assert.deepEqual([log.agentId, certificate.auditHead, earlierRecord], [alice.log.agentId, alice.head, []]);
  }
  const alice = grown(5);
  alice.rotate({ reason: "planned" });
  alice.sign("after it");
  alice.rotate({ reason: "lost", auditHead: null });
  alice.record(unlocked(STORY_START + 50));
  const { entries, log } = verify(exportOf(alice), { agentId: alice.log.agentId });
  assert.deepEqual([entries.length, log.head.seq], [7, 2]);
});

test("any byte that is changed is found", () => {
  const alice = grown(3);
  alice.rotate({ reason: "planned" });
  alice.sign("x");
  const whole = Buffer.from(exportOf(alice), "latin1");
  verify(whole.toString("latin1"));
  const flip = fc.record({ at: fc.nat(whole.length - 1), by: fc.integer({ min: 1, max: 255 }) });
  fc.assert(
    fc.property(flip, ({ at, by }) => {
      const changed = Buffer.from(whole);
      changed[at] = (changed[at] ?? 0) ^ by;
      assert.throws(
        () => verify(changed.toString("latin1")),
        (error: unknown) => isTalosError(error, "AUDIT_INVALID"),
      );
    }),
    { numRuns: 1500 },
  );
});

test("any line that is missing, twice there, moved or put in is found", () => {
  const alice = grown(12);
  const lines = exportOf(alice).split("\n").slice(0, -1);
  const strange = exportOf(grown(14)).split("\n")[14] ?? assert.fail();
  const place = fc.nat(lines.length - 1);
  const change = fc.oneof(
    place.map((at) => lines.toSpliced(at, 1)),
    fc.tuple(place, fc.nat(lines.length)).map(([at, to]) => lines.toSpliced(to, 0, lines[at] ?? "")),
    fc
      .tuple(place, place)
      .filter(([a, b]) => a !== b)
      .map(([a, b]) => lines.with(a, lines[b] ?? "").with(b, lines[a] ?? "")),
    fc.nat(lines.length).map((to) => lines.toSpliced(to, 0, strange)),
    fc.nat(lines.length).map((to) => lines.toSpliced(to, 0, "")),
    fc.nat(lines.length - 1).map((end) => lines.slice(0, end)),
  );
  fc.assert(
    fc.property(change, (changed) => {
      assert.throws(
        () => verify(changed.map((line) => `${line}\n`).join("")),
        (error: unknown) => isTalosError(error, "AUDIT_INVALID"),
      );
    }),
    { numRuns: 500 },
  );
});

test("an entry that was written anew, with all that is said of it in words, does not fit the signed root", () => {
  const alice = grown(6);
  const certificate = alice.certify();
  const forged = alice.entries.with(2, encodeAuditEntry(unlocked(STORY_START + 77), 1));
  assertInvalid(() => verify(auditExportLines(alice.log, certificate, forged).join("")), "root", 1);
  assertInvalid(() => verify(auditExportLines(alice.log, certificate, forged.slice(1)).join("")), "too-few-entries");
  assertInvalid(() => verify(auditExportLines(alice.log, certificate, [...alice.entries, ...forged]).join("")), "too-many-entries", 8);
});

test("words that say something else than the signed bytes are found, and so is an end that is not there", () => {
  const text = exportOf(grown(4));
  assertInvalid(() => verify(text.replace('"kind":"unlocked"', '"kind":"certified"')), "entry", 2);
  assertInvalid(() => verify(text.replace('"size":4', '"size":5')), "header", 1);
  assertInvalid(() => verify(text.replace('{"order":2', '{ "order":2')), "entry", 3);
  assertInvalid(() => verify(text.slice(0, -1)), "no-line-end");
  assertInvalid(() => verify(""), "header", 1);
  assertInvalid(() => verify("null\n"), "header", 1);
  assertInvalid(() => verify("0123\n"), "header", 1);
});

test("another agent's export, and one that is older than what is known, are told", () => {
  const alice = grown(5);
  const old = exportOf(alice);
  const bob = new SigningStory("bob");
  assertInvalid(() => verify(old, { agentId: bob.log.agentId }), "other-agent");
  alice.record(unlocked(STORY_START + 9));
  const newer = alice.head;
  assertInvalid(() => verify(old, { atLeast: newer }), "older-than-expected");
  verify(exportOf(alice), { atLeast: newer });
  alice.record(unlocked(STORY_START + 10));
  verify(exportOf(alice), { atLeast: newer });
});

test("an export without an entry is none, and hides no events that carry heads", () => {
  assertInvalid(() => verify(exportOf(grown(0))), "empty", 1);
  const alice = grown(3);
  alice.rotate({ reason: "planned" });
  alice.entries.length = 0;
  assertInvalid(() => verify(exportOf(alice)), "empty", 1);
});

test("failure 25: a former key's export is whole in itself, and void by a log that knows of the key's end", () => {
  const alice = grown(3);
  const thief = new SigningStory();
  thief.record(unlocked(STORY_START + 66));
  const forged = exportOf(thief);
  verify(forged, { agentId: alice.log.agentId, log: alice.log });
  alice.rotate({ reason: "compromise", authority: "recovery" });
  verify(forged, { agentId: alice.log.agentId });
  assertInvalid(() => verify(forged, { log: alice.log }), "void-head", 1);
  alice.record(unlocked(STORY_START + 70));
  verify(exportOf(alice), { log: alice.log });

  // A branch that was cut off, a log that is behind, another agent's, one that is revoked.
  const [before, theirs] = [thief.log, thief];
  theirs.rotate({ reason: "planned" });
  assertInvalid(() => verify(exportOf(theirs), { log: alice.log }), "unknown-head");
  assertInvalid(() => verify(exportOf(theirs), { log: before }), "unknown-head");
  assertInvalid(() => verify(forged, { log: new SigningStory("bob").log }), "other-agent");
  for (const reason of ["planned", "lost"] as const) {
    const bob = new SigningStory("bob");
    bob.record(unlocked(STORY_START));
    const old = exportOf(bob);
    bob.rotate({ reason });
    verify(old, { log: bob.log });
    bob.revoke();
    assertInvalid(() => verify(old, { log: bob.log }), "void-head");
  }
});

test("an event's audit head has to fit the entries, unless it is from before this record began", () => {
  const alice = grown(4);
  const lie = { size: 3, root: nodeCrypto.sha256(Uint8Array.of(1)) };
  alice.rotate({ reason: "planned", auditHead: lie });
  alice.record(unlocked(STORY_START + 20));
  assertInvalid(() => verify(exportOf(alice)), "event-audit-head");

  const fresh = grown(4);
  fresh.rotate({ reason: "lost" });
  fresh.entries.length = 0;
  fresh.record({ kind: "vault-rescued", at: STORY_START + 5000, details: {} });
  assert.deepEqual(verify(exportOf(fresh)).earlierRecord, [1]);
});

/** Two rotations after a backup of four entries, whose own record is lost; then the recovery event, and what the restored record says of it. */
function comeBack(
  details: NewAuditEntry["details"],
  kind: NewAuditEntry["kind"] = "backup-restored",
  headOf: (alice: SigningStory) => SigningStory["head"] | null = ({ head }) => head,
  isSaidBefore: boolean = false,
): SigningStory {
  const alice = grown(4);
  const saved = [...alice.entries];
  for (const at of [30, 31]) {
    alice.record(unlocked(STORY_START + at));
    alice.rotate({ reason: "planned" });
  }
  alice.entries.splice(0, alice.entries.length, ...saved);
  const before = headOf(alice);
  alice.record({ kind, at: STORY_START + 40, details });
  const auditHead = isSaidBefore ? headOf(alice) : before;
  alice.rotate({ reason: "compromise", authority: "recovery", auditHead });
  alice.record(unlocked(STORY_START + 50));
  return alice;
}

test("a record that goes on from a backup may lack what was made between it and the recovery event, and nothing else", () => {
  assert.deepEqual(verify(exportOf(comeBack({ seq: 0, event: 3, entries: 4 }))).earlierRecord, [1, 2]);
  for (const details of [
    {},
    { seq: 0 },
    { event: 3 },
    { seq: 1, event: 3 },
    { seq: 0, event: 2 },
    { seq: 0, event: 4 },
    { seq: 0, event: "3" },
  ]) {
    assertInvalid(() => verify(exportOf(comeBack(details))), "event-audit-head");
  }
  assertInvalid(() => verify(exportOf(comeBack({ seq: 0, event: 3 }, "backup-created"))), "event-audit-head");
  // The event has to say which record went on.
  assertInvalid(() => verify(exportOf(comeBack({ seq: 0, event: 3 }, "backup-restored", () => null))), "event-audit-head");
  // It was said before the point from which that record went on.
  assertInvalid(() => verify(exportOf(comeBack({ seq: 0, event: 3 }, "backup-restored", ({ head }) => head, true))), "event-audit-head");
  // Once for each event, and the first counts.
  for (const [first, second, isRefused] of [
    [1, 0, true],
    [0, 1, false],
  ] as const) {
    const twice = comeBack({ seq: first, event: 3 });
    twice.record({ kind: "backup-restored", at: STORY_START + 60, details: { seq: second, event: 3 } });
    if (isRefused) assertInvalid(() => verify(exportOf(twice)), "event-audit-head");
    else assert.deepEqual(verify(exportOf(twice)).earlierRecord, [1, 2]);
  }
  // Only the recovery key says that a record was lost: a holder of the keys of before cannot drop what he had on record.
  const own = grown(4);
  own.rotate({ reason: "planned" });
  own.entries.splice(2);
  own.record({ kind: "backup-restored", at: STORY_START + 40, details: { seq: 0, event: 2 } });
  own.rotate({ reason: "planned" });
  own.record(unlocked(STORY_START + 50));
  assertInvalid(() => verify(exportOf(own)), "event-audit-head");
});
