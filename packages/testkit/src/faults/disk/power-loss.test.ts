import assert from "node:assert/strict";
import { test } from "node:test";
import type { FolderImage } from "./folder-image.ts";
import { type Loss, PowerLossModel } from "./power-loss.ts";
import { seededRandom } from "./random.ts";
import type { TraceRecord } from "./trace.ts";

const before: FolderImage = new Map([
  ["old", { mode: 0o600, content: bytes("old") }],
  ["sub", { mode: 0o700 }],
]);

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function record(kind: TraceRecord["kind"], path: string, rest: Partial<TraceRecord> = {}): TraceRecord {
  return { kind, path, call: 0, to: "", offset: 0, mode: 0o600, data: new Uint8Array(), ...rest };
}

/** `name:content` of each file, `name/` of each folder. */
function show(image: FolderImage): string {
  return [...image]
    .map(([path, { content }]) => (content === undefined ? `${path}/` : `${path}:${new TextDecoder().decode(content)}`))
    .join(" ");
}

function stateAfter(records: readonly TraceRecord[], loss: Loss): string {
  const model = new PowerLossModel(before);
  for (const one of records) model.apply(one);
  return show(model.state(loss, seededRandom(1)));
}

/** Every state that many draws come to. */
function drawn(records: readonly TraceRecord[]): Set<string> {
  const model = new PowerLossModel(before);
  for (const one of records) model.apply(one);
  const random = seededRandom(7);
  return new Set(Array.from({ length: 300 }, () => show(model.state("drawn", random))));
}

const CREATE = [record("create", "new"), record("write", "new", { data: bytes("content") })];

test("of a file that was neither synced nor its folder, anything may be left", () => {
  assert.equal(stateAfter(CREATE, "all"), "old:old sub/");
  assert.equal(stateAfter(CREATE, "none"), "new:content old:old sub/");
  assert.equal(stateAfter(CREATE, "contents"), "new: old:old sub/");
  assert.equal(stateAfter(CREATE, "entries"), "old:old sub/");
  const states = drawn(CREATE);
  for (const one of ["old:old sub/", "new: old:old sub/", "new:content old:old sub/", "new:con old:old sub/"])
    assert.ok(states.has(one), one);
});

test("what was synced stays, file and entry each by its own", () => {
  assert.equal(stateAfter([...CREATE, record("sync", "new")], "all"), "old:old sub/");
  assert.equal(stateAfter([...CREATE, record("sync", "")], "all"), "new: old:old sub/");
  assert.equal(stateAfter([...CREATE, record("sync", "new"), record("sync", "")], "all"), "new:content old:old sub/");
});

test("a file renamed over another: one of the two is there, and empty where its content was never synced", () => {
  const renamed = [...CREATE, record("rename", "new", { to: "old" })];
  assert.equal(stateAfter(renamed, "none"), "old:content sub/");
  assert.equal(stateAfter(renamed, "contents"), "old: sub/");
  assert.equal(stateAfter([...CREATE, record("sync", "new"), record("rename", "new", { to: "old" })], "all"), "old:old sub/");
  assert.equal(
    stateAfter([...CREATE, record("sync", "new"), record("rename", "new", { to: "old" }), record("sync", "")], "all"),
    "old:content sub/",
  );
});

test("of two renames the later may be there without the earlier", () => {
  const states = drawn([record("rename", "old", { to: "older" }), record("create", "old"), record("sync", "old")]);
  for (const one of ["old:old sub/", "older:old sub/", "old: sub/", "old: older:old sub/"]) assert.ok(states.has(one), one);
});

test("a rename between folders is certain once both are synced", () => {
  const moved = [record("rename", "old", { to: "sub/old" })];
  assert.equal(stateAfter([...moved, record("sync", "sub")], "all"), "old:old sub/");
  assert.equal(stateAfter([...moved, record("sync", "sub"), record("sync", "")], "all"), "sub/ sub/old:old");
});

test("what was removed or cut may come back, and what lies in a folder that was never there is not", () => {
  assert.equal(stateAfter([record("unlink", "old")], "all"), "old:old sub/");
  assert.equal(stateAfter([record("unlink", "old"), record("sync", "")], "all"), "sub/");
  assert.equal(stateAfter([record("truncate", "old", { offset: 1 })], "all"), "old:old sub/");
  assert.equal(stateAfter([record("truncate", "old", { offset: 1 }), record("sync", "old")], "all"), "old:o sub/");
  const nested = [record("mkdir", "a", { mode: 0o700 }), record("create", "a/b"), record("sync", "a")];
  assert.equal(stateAfter(nested, "all"), "old:old sub/");
});

test("memory that processes share is gone", () => {
  assert.equal(stateAfter([record("create", "db-shm"), record("sync", "")], "none"), "old:old sub/");
});
