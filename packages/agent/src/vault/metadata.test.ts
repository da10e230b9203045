import assert from "node:assert/strict";
import { existsSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { agentIdToDid, decodeUtf8, type KeyId, nodeCrypto, toBase64Url, toHex, utf8 } from "@talos/core";
import { record } from "./disk-fixture.test.ts";
import { compareMetadata, describeMetadata, type Projection, recordedSlots, renderMetadata, writeMetadata } from "./metadata.ts";
import { HELD_MARK, HELD_PLACES, HOME_DIRECTORY } from "./store/settings.ts";
import { agent, makeClosedVault, makeVault, NOW, reopen, temporaryFolder } from "./vault-fixture.test.ts";
import { Vault } from "./vault.ts";

const PROJECTION: Projection = {
  facts: { agentId: agent(), name: 'a "name"\n  "generation": 99,', createdAt: NOW, generation: 7, vaultKeyNumber: 2 },
  keys: [],
  slots: [utf8("slot")],
  log: [utf8("inception"), utf8("rotation")],
  directory: "https://directory.example",
  held: undefined,
};

interface Shown {
  readonly generation: number;
  readonly log: readonly string[];
  readonly directory?: string;
  readonly held?: object;
}

function shown(dataDir: string): Shown {
  return JSON.parse(decodeUtf8(readFileSync(join(dataDir, "metadata.json")))) as Shown;
}

test("what a rescue needs stands in it: slots, log, home directory, generation", () => {
  const read = JSON.parse(decodeUtf8(renderMetadata(PROJECTION))) as Record<string, unknown>;
  assert.deepEqual(read["slots"], [toBase64Url(utf8("slot"))]);
  assert.deepEqual(read["log"], [utf8("inception"), utf8("rotation")].map(toBase64Url));
  assert.deepEqual([read["directory"], read["generation"], read["vaultKeyNumber"]], ["https://directory.example", 7, 2]);
});

test("of an agent that is held it says so, with what the settings say as JSON or as it is; of others nothing", () => {
  const heldIn = (changes: Partial<Projection>): unknown =>
    (JSON.parse(decodeUtf8(renderMetadata({ ...PROJECTION, ...changes }))) as Record<string, unknown>)["held"];
  assert.equal(heldIn({}), undefined);
  assert.deepEqual(heldIn({ held: { mark: '{"a":1}', places: '["b"]' } }), { mark: { a: 1 }, places: ["b"] });
  assert.deepEqual(heldIn({ held: { mark: "torn {", places: undefined } }), { mark: "torn {" });
});

test("every public fact of a key stands in it, a key a line, and nothing else", () => {
  const key = {
    keyId: "000000000000000a" as KeyId,
    kind: "identity",
    role: "next",
    state: "live",
    algorithm: 1,
    publicKey: utf8("public"),
    createdAt: NOW,
    dueAt: NOW + 1,
    expiresAt: NOW + 2,
    retiredAt: NOW + 3,
    backend: "software",
    protection: "software",
    statement: utf8("statement"),
  } as const;
  const text = decodeUtf8(renderMetadata({ ...PROJECTION, keys: [key, { ...key, keyId: "000000000000000b" as KeyId, role: undefined }] }));
  const { keyId, statement, ...facts } = key;
  assert.equal(text.includes(toBase64Url(statement)), false);
  const read = JSON.parse(text) as Record<string, unknown> & { readonly keys: readonly unknown[] };
  const { role, ...withoutRole } = { ...facts, publicKey: toBase64Url(key.publicKey) };
  assert.deepEqual(read.keys, [
    { id: keyId, role, ...withoutRole },
    { id: "000000000000000b", ...withoutRole },
  ]);
  assert.deepEqual(
    text.split("\n").filter((line) => line.includes('"id"')),
    read.keys.map((entry, i) => `    ${JSON.stringify(entry)}${i === 0 ? "," : ""}`),
  );
  assert.deepEqual(
    [read["format"], read["agentId"], read["did"], read["name"], read["createdAt"]],
    [1, toHex(agent()), agentIdToDid(agent()), PROJECTION.facts.name, NOW],
  );
  assert.ok(text.endsWith("}\n"));
});

test("the slots that stand in it are read as they are, sixteen at most, and none where it cannot be read", () => {
  using folder = temporaryFolder();
  const { parent } = folder;
  assert.deepEqual(recordedSlots(parent), []);
  const slots = Array.from({ length: 17 }, (_, i) => Uint8Array.of(i, 255));
  writeMetadata(parent, { ...PROJECTION, slots });
  assert.deepEqual(recordedSlots(parent), slots.slice(0, 16));
  for (const content of ["", "{}", '{ "slots": [7] }', '{ "slots": ["*"] }']) {
    writeFileSync(join(parent, "metadata.json"), content);
    assert.deepEqual(recordedSlots(parent), []);
  }
});

test("it is written by a temporary file, synced and renamed, over whatever an attempt before left", () => {
  using folder = temporaryFolder();
  const path = join(folder.parent, "metadata.json");
  writeFileSync(`${path}.new`, "half of an earlier");
  const calls = record(() => writeMetadata(folder.parent, PROJECTION)).filter((call) => !/^(?:open|close|write) /.test(call));
  assert.deepEqual(calls, [`unlink ${path}.new`, `sync ${path}.new`, `rename ${path}.new ${path}`, `sync ${folder.parent}`]);
  assert.deepEqual((["missing", "different", "newer"] as const).map(describeMetadata), [
    "missing",
    "different",
    "written under a higher generation than state.db has, which may be an older copy",
  ]);
});

test("what an attempt before left is removed beside a file that is as it should be, too", async () => {
  using folder = temporaryFolder();
  await makeClosedVault(folder.dataDir);
  const left = join(folder.dataDir, "metadata.json.new");
  writeFileSync(left, "torn", { mode: 0o600 });
  (await reopen(folder.dataDir)).close();
  assert.ok(!existsSync(left));
});

test("the generation of the last writing may be lower, never higher, and nothing else may differ", () => {
  using folder = temporaryFolder();
  const { parent } = folder;
  const compare = (changes: Partial<Projection> = {}): string => compareMetadata(parent, { ...PROJECTION, ...changes });
  assert.equal(compare(), "missing");
  assert.equal(writeMetadata(parent, PROJECTION), "missing");
  assert.equal(compare(), "as it should be");
  const before = readFileSync(join(parent, "metadata.json"));
  assert.equal(writeMetadata(parent, { ...PROJECTION, facts: { ...PROJECTION.facts, generation: 8 } }), "as it should be");
  assert.deepEqual(readFileSync(join(parent, "metadata.json")), before);
  assert.equal(compare({ facts: { ...PROJECTION.facts, generation: 6 } }), "newer");
  assert.match(describeMetadata("newer"), /older copy/);
  assert.equal(compare({ directory: undefined }), "different");
  assert.equal(compare({ log: PROJECTION.log.slice(0, 1) }), "different");
  assert.equal(compare({ slots: [] }), "different");
  const twelfth = { ...PROJECTION, facts: { ...PROJECTION.facts, generation: 12 } };
  assert.equal(writeMetadata(parent, { ...twelfth, slots: [] }), "different");
  assert.match(readFileSync(join(parent, "metadata.json"), "utf8"), /^ {2}"keys": \[\],$/m);
  assert.equal(compare({ facts: { ...PROJECTION.facts, generation: 13 }, slots: [] }), "as it should be");
  for (const content of [new Uint8Array(), Uint8Array.of(0xff), utf8("{}"), utf8('  "generation": 7,')]) {
    writeFileSync(join(parent, "metadata.json"), content);
    assert.equal(compare(), "different");
  }
});

test("one that was blown up is not read into memory: it is different, without slots, and written anew", () => {
  using folder = temporaryFolder();
  const { parent } = folder;
  const path = join(parent, "metadata.json");
  writeMetadata(parent, PROJECTION);
  const before = readFileSync(path);
  truncateSync(path, 3_000_000_000);
  assert.deepEqual(recordedSlots(parent), []);
  assert.equal(compareMetadata(parent, PROJECTION), "different");
  assert.equal(writeMetadata(parent, PROJECTION), "different");
  assert.deepEqual(readFileSync(path), before);
});

test("it follows the own log, the home directory and whether the agent is held, and opening alone leaves it as it is", async () => {
  using folder = temporaryFolder();
  const { dataDir } = folder;
  const { vault } = await makeVault(dataDir);
  assert.deepEqual([shown(dataDir).log, shown(dataDir).directory, shown(dataDir).generation], [[], undefined, 1]);
  vault.transaction((tx) => tx.log.append({ seq: 0, hash: new Uint8Array(32), wire: utf8("inception") }));
  assert.deepEqual(shown(dataDir).log, [toBase64Url(utf8("inception"))]);
  vault.transaction((tx) => tx.settings.set(HOME_DIRECTORY, "https://directory.example"));
  assert.equal(shown(dataDir).directory, "https://directory.example");
  vault.transaction((tx) => tx.settings.set(HELD_MARK, "{}"));
  vault.transaction((tx) => tx.settings.set(HELD_PLACES, "[]"));
  assert.deepEqual(shown(dataDir).held, { mark: {}, places: [] });
  vault.transaction((tx) => tx.settings.set(HELD_MARK, undefined));
  assert.equal(shown(dataDir).held, undefined);
  vault.close();

  const before = readFileSync(join(dataDir, "metadata.json"));
  using again = await reopen(dataDir);
  assert.deepEqual(again.findings, []);
  assert.deepEqual(readFileSync(join(dataDir, "metadata.json")), before);
  again.transaction((tx) => tx.settings.set("another", "setting"));
  assert.deepEqual(readFileSync(join(dataDir, "metadata.json")), before);
  using inspection = await Vault.inspect({ dataDir, crypto: nodeCrypto });
  assert.deepEqual(inspection.findings, []);
});

test("an older copy of state.db under a newer metadata.json is told", async () => {
  using folder = temporaryFolder();
  const { dataDir } = folder;
  await makeClosedVault(dataDir);
  const path = join(dataDir, "metadata.json");
  writeFileSync(path, readFileSync(path, "utf8").replace('"generation": 1,', '"generation": 5,'));
  using inspection = await Vault.inspect({ dataDir, crypto: nodeCrypto });
  assert.match(inspection.findings[0]?.message ?? "", /higher generation/);
  using vault = await reopen(dataDir);
  assert.match(vault.findings[0]?.message ?? "", /higher generation/);
  assert.equal(shown(dataDir).generation, 2);
});
