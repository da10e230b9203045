import assert from "node:assert/strict";
import { test } from "node:test";
import type { ExportCheck } from "@talos/agent";
import { exportLines } from "./audit-report.ts";

const check: ExportCheck = {
  did: "did:talos:zExample",
  entries: 12,
  seq: 2,
  generation: 4,
  certifiedAt: 0,
  earlierRecord: [],
  comparedWith: "export",
  logSeq: 2,
};

test("of an export a person reads by which log it counts, and which events stand for a record that is not in it", () => {
  const [whole, by, ...rest] = exportLines(check);
  assert.match(whole ?? "", /^The export is whole: 12 entries of did:talos:zExample/);
  assert.equal(by, "by the log in the file, up to event 2; not compared with a directory");
  assert.deepEqual(rest, []);
  const known = exportLines({ ...check, comparedWith: "directory", logSeq: 3, earlierRecord: [0, 1] });
  assert.equal(known[1], "by the log at the directory, up to event 3; the key of event 2 that signed is a former one, and not void");
  assert.match(known[2] ?? "", /^earlier events 0, 1 name another record/);
});
