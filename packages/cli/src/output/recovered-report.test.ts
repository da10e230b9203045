import assert from "node:assert/strict";
import { test } from "node:test";
import { heldLine, recoveredLines, type RecoveredAgent } from "./recovered-report.ts";

const HASH = "ab".repeat(32);
const AGENT: RecoveredAgent = {
  did: "did:talos:z1",
  name: "alice",
  dataDir: "/agents/alice",
  publication: "published",
  recovered: {
    way: "restored",
    backup: { id: "0123456789abcdef", createdAt: 0, head: { seq: 1, hash: HASH }, slot: 1 },
    recoveryKit: "not-given",
    peers: 1,
    auditEntries: 16,
  },
};

const textOf = (agent: Partial<RecoveredAgent>): string => recoveredLines({ ...AGENT, ...agent }).join("\n");

test("an agent that is back says from which backup, and that a kit which was given was left alone", () => {
  assert.match(
    textOf({}),
    /^alice lives again: did:talos:z1 \(published\)\n.*\nFrom backup 0123456789abcdef of 1970-01-01 00:00Z: 1 peer, 16 entries /,
  );
  assert.doesNotMatch(textOf({}), /recovery kit/);
  assert.match(
    textOf({ recovered: { ...AGENT.recovered, recoveryKit: "not-needed" } }),
    /\nThe recovery kit was not needed and not used: /,
  );
});

test("one that is held says so instead of what it would do, and for good where its directory knows more", () => {
  const held = { way: "restored", since: 0, backupAt: 0, reason: "DIRECTORY_UNREACHABLE" } as const;
  const text = textOf({ held, recovered: { ...AGENT.recovered, recoveryKit: "not-used" } });
  assert.match(text, /^alice is restored, and held: /);
  assert.match(text, /\nHELD: .* \(DIRECTORY_UNREACHABLE\)\./);
  assert.match(text, /\nThe recovery kit was not used: nobody could say/);
  assert.doesNotMatch(text, /peers are greeted/);
  assert.match(heldLine({ ...held, reason: "BACKUP_OUTDATED", eventsBehind: 2 }), /^HELD for good: the directory has 2 events /);
  assert.match(heldLine({ ...held, reason: "AGENT_REVOKED" }), /^HELD for good: .* revoked$/);
});

test("one that was recovered by an event which no directory has accepted says so, and that the backup is still needed", () => {
  const held = { way: "rotated", since: 0, backupAt: 0, reason: "DIRECTORY_UNREACHABLE" } as const;
  const event = { seq: 3, cutAfter: { seq: 2, hash: HASH }, reason: "lost", passed: [], cutOff: [] } as const;
  const text = textOf({ held, recovered: { ...AGENT.recovered, way: "rotated", recoveryKit: "used", event } });
  assert.match(text, /^alice is recovered, and held: /);
  assert.match(text, /\nHELD: its directory, or the one before it, has not accepted the event .* \(DIRECTORY_UNREACHABLE\)\./);
  assert.match(text, /\nKeep this backup and the recovery kit until /);
  assert.doesNotMatch(text, /destroy|peers are told/);
  assert.match(
    heldLine({ ...held, reason: "IDENTITY_MOVED", eventsBehind: 1 }),
    /^HELD for good: the directory has another event .* destroy this one$/,
  );
});

test("a recovery by the kit shows the events that are final now, those that are cut off, and what is in doubt", () => {
  const passed = { seq: 2, hash: HASH, time: 0, event: "rotation", authority: "online", reason: "planned", identityKey: "00" } as const;
  const cutOff = { ...passed, seq: 3, reason: "compromise" } as const;
  const event = {
    seq: 3,
    cutAfter: { seq: 2, hash: HASH },
    reason: "compromise",
    suspectFrom: 16,
    passed: [passed],
    cutOff: [cutOff],
  } as const;
  const text = textOf({ recovered: { ...AGENT.recovered, way: "rotated", recoveryKit: "used", event } });
  assert.match(text, /\nEvent 3 of its log, by the recovery key, follows event 2\.\n/);
  assert.match(
    text,
    /\nThe backup did not know these events, and they are final now\. [^\n]+\nEVENT [^\n]+\n2:abababababababab [^\n]+planned\n/,
  );
  assert.match(text, /\nThese are cut off, [^\n]+\nEVENT [^\n]+\n3:abababababababab [^\n]+compromise\n/);
  assert.match(text, /\nWhat was signed from entry 16 of the former record on is in doubt/);
  assert.match(text, /\nEvery backup from before is dangerous now: /);
});
