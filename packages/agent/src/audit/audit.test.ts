// The audit of running agents: what is in it, that it is signed, that a change of it is found, and that no secret is.
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { isTalosError, nodeCrypto, utf8, verifyAuditExport } from "@talos/core";
import { AgentWorld, hasCode, recordingCrypto, take, TEST_PASSWORD } from "@talos/testkit";
import type { TalosClient } from "../talos-client.ts";
import { TalosClient as Client } from "../talos-client.ts";
import type { ExportCheck } from "./check-exported.ts";
import type { AuditProblemCode } from "./check-audit.ts";

let world: AgentWorld;
before(async () => {
  world = await AgentWorld.start();
});
after(async () => await world[Symbol.asyncDispose]());

const kinds = (client: TalosClient): string[] => client.audit.list({ limit: 10_000 }).map(({ kind }) => kind);

test("an agent's audit begins with it, names its keys and what they signed, and every opening", async () => {
  const first = await world.create("alice");
  assert.deepEqual(kinds(first), [
    "vault-created",
    ...Array.from({ length: 5 }, () => "key-created"),
    "event-signed",
    "batch-signed",
    "certificate-signed",
    "key-first-used",
  ]);
  await first.close();
  const again = await world.open("alice");
  const entries = again.audit.list({ limit: 10_000 });
  assert.deepEqual(
    entries.slice(10).map(({ kind, generation }) => [kind, generation]),
    [
      ["unlocked", 2],
      ["certificate-signed", 2],
    ],
  );
  const check = again.audit.verify();
  assert.deepEqual([check.sound, check.entries, check.notYetSigned, check.signed?.entries], [true, 12, 1, 11]);
  await again.close();
});

test("the first use of a key is on record once: of the identity key, and by the first message of its prekey and the encryption key", async () => {
  const [from, to] = [await world.create("from"), await world.create("to")];
  await from.send(to.did, "one", { waitFor: "deposited" });
  await take(to, 1);
  await to.send(from.did, "two", { waitFor: "deposited" });
  const used = (client: TalosClient): unknown[] =>
    client.audit
      .list({ limit: 10_000 })
      .filter(({ kind }) => kind === "key-first-used")
      .map(({ details }) => details["of"]);
  assert.deepEqual(used(from), ["identity", "encryption"]);
  assert.deepEqual(used(to), ["identity", "signed-prekey", "encryption"]);
});

test("an export covers everything up to now, and is checked by anybody with public keys only", async () => {
  const client = await world.create("exporter");
  await client.sign("test", "x");
  const { text, entries, notYetSigned } = await client.audit.export();
  const { entries: read, log } = verifyAuditExport(text, nodeCrypto);
  assert.deepEqual([read.length, read.at(-1)?.kind, notYetSigned], [entries, "signature-made", 1]);
  assert.deepEqual(read, client.audit.list({ limit: entries }));
  assert.equal(log.events.length, 1);
  using inspection = await Client.inspect({ dataDir: client.dataDir });
  assert.equal(inspection.exportAudit().text, text, "a look exports what was signed last");
  const again = await client.audit.export({ renew: false });
  assert.equal(again.text, text);
});

test("an export is compared with the log of a directory, with one that is given, or with what an agent knows, and it says so", async () => {
  const [client, peer] = [await world.create("compared"), await world.create("comparer")];
  await peer.peers.add(`${client.did}@${new URL(world.url).host}`);
  const { text } = await client.audit.export();
  const directory = world.url;
  const { events } = verifyAuditExport(text, nodeCrypto).log;
  using inspection = await Client.inspect({ dataDir: peer.dataDir });
  using own = await Client.inspect({ dataDir: client.dataDir });
  const found = async (check: Promise<ExportCheck> | ExportCheck): Promise<unknown[]> => {
    const { did, comparedWith, seq, logSeq, earlierRecord } = await check;
    assert.deepEqual([did, earlierRecord], [client.did, []]);
    return [comparedWith, seq, logSeq];
  };
  assert.deepEqual(await found(Client.verifyAuditExport({ text, agent: client.did })), ["export", 0, 0]);
  assert.deepEqual(await found(Client.verifyAuditExport({ text, directory })), ["directory", 0, 0]);
  assert.deepEqual(await found(Client.verifyAuditExport({ text, log: events })), ["given", 0, 0]);
  assert.deepEqual(await found(inspection.verifyAuditExport({ text })), ["known", 0, 0]);
  assert.deepEqual(await found(own.verifyAuditExport({ text })), ["known", 0, 0]);
  await assert.rejects(Client.verifyAuditExport({ text, agent: peer.did }), hasCode("AUDIT_INVALID"));
  await assert.rejects(Client.verifyAuditExport({ text, log: events, directory }), hasCode("INVALID_ARGUMENT"));
  await assert.rejects(Client.verifyAuditExport({ directory } as never), hasCode("INVALID_ARGUMENT"));
  const strange = await world.create("stranger");
  const { text: theirs } = await strange.audit.export();
  assert.throws(() => inspection.verifyAuditExport({ text: theirs }), hasCode("PEER_UNKNOWN"));

  await client.emergencyRotate({});
  await assert.rejects(
    Client.verifyAuditExport({ text, directory }),
    (error) => isTalosError(error, "AUDIT_INVALID") && error.details["reason"] === "void-head",
  );
  assert.throws(() => own.verifyAuditExport({ text }), hasCode("AUDIT_INVALID"));
  assert.deepEqual(await found(Client.verifyAuditExport({ text })), ["export", 0, 0]);
  const renewed = await client.audit.export();
  assert.deepEqual(await found(Client.verifyAuditExport({ text: renewed.text, directory })), ["directory", 1, 1]);
});

test("a review begins at that time and sorts what happened", async () => {
  const client = await world.create("reviewed");
  const since = Date.now();
  await client.sign("test", "one");
  await client.sign("test", "two");
  const { entries, themes, signedUnder } = client.audit.review({ since });
  assert.ok(entries >= 2);
  assert.equal(themes.signed.filter(({ kind }) => kind === "signature-made").length, 2);
  assert.deepEqual(
    signedUnder.map(({ seq, signatures }) => [seq, signatures]),
    [[0, 2]],
  );
  assert.equal(client.audit.review({ since: Date.now() + 60_000 }).entries, 0);
  const all = client.audit.review({ since: 0 });
  assert.deepEqual([all.themes.keys.length, all.themes.access[0]?.kind], [6, "vault-created"]);
  assert.throws(() => client.audit.review({} as never), hasCode("INVALID_ARGUMENT"));
  assert.throws(() => client.audit.list({ limit: 0 }), hasCode("INVALID_ARGUMENT"));
});

const TAMPERINGS: readonly (readonly [string, string, AuditProblemCode])[] = [
  ["an entry changed", "UPDATE audit SET entry = (SELECT entry FROM audit WHERE ord = 2) WHERE ord = 3", "certificate-head-differs"],
  ["an entry taken out", "DELETE FROM audit WHERE ord = 4", "gap"],
  [
    "an entry taken out, the others moved up and the edge forgotten",
    "DELETE FROM audit WHERE ord = 4; UPDATE audit SET ord = ord - 1 WHERE ord > 4; DELETE FROM audit_edge",
    "certificate-head-differs",
  ],
  ["the newest cut off", "DELETE FROM audit WHERE ord > 8", "edge-differs"],
  [
    "two swapped",
    "UPDATE audit SET ord = -2 WHERE ord = 2; UPDATE audit SET ord = 2 WHERE ord = 3; UPDATE audit SET ord = 3 WHERE ord = -2",
    "certificate-head-differs",
  ],
  ["noise", "UPDATE audit SET entry = x'00' WHERE ord = 5", "entry-damaged"],
  ["everything gone", "DELETE FROM audit; DELETE FROM audit_edge", "empty"],
];

test("a record that somebody changed in the database is found, and the agent goes on and keeps saying so", async () => {
  for (const [index, [what, sql, code]] of TAMPERINGS.entries()) {
    const name = `tampered-${index}`;
    const client = await world.create(name, { directory: undefined } as never);
    await client.close();
    {
      using database = new DatabaseSync(join(world.dataDir(name), "state.db"));
      database.exec(sql);
    }
    using inspection = await Client.inspect({ dataDir: world.dataDir(name) });
    const { sound, problems } = inspection.verifyAudit();
    assert.equal(sound, false, what);
    assert.ok(
      problems.some((problem) => problem.code === code),
      `${what}: ${problems.map((problem) => problem.code).join()}`,
    );
    const report = await Client.doctor({ dataDir: world.dataDir(name) });
    assert.ok(
      report.findings.some((finding) => finding.code === "AUDIT_DAMAGED"),
      what,
    );
    const again = await world.open(name);
    await again.sign("test", "goes on");
    await again.close();
  }
});

test("an entry holds no secret: neither a password nor a private part, nor what was signed", async () => {
  const crypto = recordingCrypto();
  const next = `${TEST_PASSWORD} anew`;
  const guess = "a wrong guess of somebody";
  for (const [kind, text] of Object.entries({ password: TEST_PASSWORD, next, guess, message: "the message itself" })) {
    crypto.remember(kind, utf8(text));
  }
  const client = await world.create("discreet", {}, { ...world.environment, crypto });
  await client.sign("test", "the message itself");
  await client.changePassword({ currentPassword: TEST_PASSWORD, newPassword: next, rekey: true });
  await assert.rejects(client.changePassword({ currentPassword: guess, newPassword: "another one" }), hasCode("WRONG_PASSWORD"));
  assert.equal(kinds(client).at(-1), "unlock-failed");
  const { text } = await client.audit.export();
  assert.ok(crypto.secrets.length > 100);
  assert.deepEqual(crypto.findSecretsIn(utf8(text)), []);
  for (const entry of client.audit.list({ limit: 10_000 })) assert.deepEqual(crypto.findSecretsIn(utf8(JSON.stringify(entry))), []);
});
