import assert from "node:assert/strict";
import { test } from "node:test";
import type { BackupCheck, BackupReport } from "@talos/agent";
import { backupCheckLines, backupPlanLines, backupRows, createdBackupLines } from "./backup-report.ts";

const HEAD = { seq: 2, hash: "ab".repeat(32) };
const KEY = { kind: "identity", keyId: "0011223344556677" } as const;
const REPORT: BackupReport = {
  id: "0123456789abcdef",
  paths: ["/usb/\u001b[2Jalice.backup"],
  createdAt: 0,
  head: HEAD,
  bytes: 65_933,
  slots: 1,
  keys: [{ ...KEY, included: false, backend: "tpm", protection: "hardware" }],
  notIncluded: [{ kind: "identity", backend: "tpm", advice: "Keep the kit." }],
  peers: 1,
  auditEntries: 1,
  leftOut: { peers: 0 },
};
const CHECK: BackupCheck = {
  id: "0123456789abcdef",
  did: "did:talos:z1",
  name: "alice",
  createdAt: 0,
  ageDays: 1,
  head: HEAD,
  bytes: 65_933,
  slot: 1,
  slots: 2,
  verdict: "good",
  eventsBehind: 0,
  comparedWith: "directory",
  keys: [{ ...KEY, proved: false, reason: "not-included" }],
  peers: 0,
  auditEntries: 7,
  leftOut: { peers: 0 },
};

test("a key that its hardware keeps is named with what to do instead, and a path cannot steer a terminal", () => {
  const text = createdBackupLines({ did: "did:talos:z1", name: "alice" }, REPORT).join("\n");
  assert.match(text, /\nidentity +0011223344556677 +no, in tpm +hardware\n/);
  assert.match(text, /\nNot in it: the identity key, which stays in tpm\. Keep the kit\.\n/);
  assert.match(text, /With 1 peer, 1 entry of the record/);
  const full = createdBackupLines({ did: "did:talos:z1", name: "alice" }, { ...REPORT, leftOut: { peers: 2 } }).join("\n");
  assert.match(full, /With 1 peer \(without 2 strangers for which there was no room\), 1 entry of the record/);
  assert.ok(!text.includes("\u001b"));
});

test("the verdict on a backup says what it was compared with, and that nothing is known where that is nothing", () => {
  const lastOf = (check: Partial<BackupCheck>): string => backupCheckLines({ ...CHECK, ...check }).at(-1) ?? "";
  assert.match(lastOf({}), /^Good: .* \(compared with the log at the directory\)\.$/);
  assert.match(lastOf({ comparedWith: "nothing" }), /^Its keys work\. Whether they still count is not known/);
  assert.match(lastOf({ verdict: "dangerous", eventsBehind: 2 }), /^DANGEROUS, destroy it: the identity has moved on by 2 events since/);
  assert.match(lastOf({ verdict: "dangerous" }), /^DANGEROUS, destroy it: the agent is revoked/);
  const keep = [
    lastOf({ verdict: "ahead", eventsAhead: 1, comparedWith: "agent" }),
    lastOf({ verdict: "other-branch" }),
    lastOf({ verdict: "unsettled" }),
  ];
  for (const line of keep) assert.match(line, /^KEEP IT: /);
  assert.match(keep[0] ?? "", /it has 1 event of the identity .*\(compared with the agent\)/);
  assert.match(lastOf({ verdict: "incomplete", comparedWith: "nothing" }), /^INCOMPLETE: not every key/);
  assert.match(lastOf({ left: "/tmp/talos-drill-abcdef" }), /could not be removed.*talos-drill-abcdef\.$/);
  const lines = backupCheckLines(CHECK);
  assert.ok(lines.some((line) => /^identity +0011223344556677 +no: not-included$/.test(line)));
  assert.match(lines[1] ?? "", /^Made 1970-01-01 00:00Z, 1 day ago, at event 2:abababababababab; with 0 peers, 7 entries of the record\.$/);
});

test("every copy of a backup has its line, with its danger and when it was last tried", () => {
  const backup = { id: CHECK.id, createdAt: 0, seq: 2, slots: 1 };
  const rows = backupRows([
    { ...backup, state: "current", paths: ["/a", "/b"], verifiedAt: 60_000, verifyResult: "good" },
    { ...backup, state: "dangerous", paths: ["/c"] },
    { ...backup, state: "ahead", paths: ["/d"] },
  ]);
  const [, , one, other, old, newer] = rows;
  assert.match(one ?? "", /current +1970-01-01 00:01Z good +\/a$/);
  assert.match(other ?? "", /\/b$/);
  assert.match(old ?? "", /DANGEROUS, destroy it +never +\/c$/);
  assert.match(newer ?? "", /AHEAD of this data directory, keep it/);
  assert.deepEqual(backupRows([]), []);
  const moved = {
    ...backup,
    state: "dangerous",
    paths: ["/c", "/e"],
    copies: [
      { path: "/c", state: "replaced" },
      { path: "/e", state: "apart" },
    ],
  } as const;
  const [, , , , ...planned] = backupPlanLines({
    practices: [{ practice: "current", state: "bad", detail: "It is old." }],
    backups: [moved],
    unlisted: 0,
  });
  assert.match(planned[0] ?? "", /DANGEROUS, destroy it +never +ANOTHER FILE lies there +\/c$/);
  assert.match(planned[1] ?? "", /DANGEROUS, destroy it +never +there +\/e$/);
  const plan = backupPlanLines({
    practices: [{ practice: "current", state: "bad", detail: "It is old.", hint: "Make one." }],
    backups: [],
    unlisted: 3,
  });
  const more = ["", "3 more were made here, and are not listed any more."];
  assert.deepEqual(plan, ["PRACTICE  STATE", "current   bad    It is old.", "", "current: Make one.", ...more]);
});
