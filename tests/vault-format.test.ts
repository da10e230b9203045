// The frozen vaults of every format that was ever written: read by the specification alone, and opened by the agent of today.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { chmodSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { TalosClient, Vault } from "@talos/agent";
import { FORMAT } from "../packages/agent/src/vault/store/migrations.ts";
import { SCHEMA_1 } from "../packages/agent/src/vault/store/schema.ts";
import { decodeSession, fromHex, isTalosError, nodeCrypto, SecretBytes, toHex, wipeSession } from "@talos/core";
import { AgentWorld, snapshotFolder, TEST_KDF, VaultReader } from "@talos/testkit";

const FIXTURE = fileURLToPath(new URL("../fixtures/vault/v1/", import.meta.url));

interface Content {
  readonly text?: string;
  readonly sha256?: string;
}

interface Expected {
  readonly did: string;
  readonly name: string;
  readonly identityKey: string;
  readonly directory: string;
  readonly time: number;
  readonly password: string;
  readonly keyFile: string;
  readonly credential: { readonly name: string; readonly content: string };
  readonly peers: readonly string[];
  readonly inbox: readonly Content[];
  readonly outbox: readonly Content[];
  readonly oneTimePrekeys: number;
}

const EXPECTED = JSON.parse(readFileSync(join(FIXTURE, "expected.json"), "utf8")) as Expected;

/** A copy with the modes that version control does not keep. */
class Copy implements Disposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), "talos-format-"));
  readonly dataDir: string = join(this.folder, "data");

  constructor() {
    cpSync(join(FIXTURE, "data"), this.dataDir, { recursive: true });
    for (const entry of readdirSync(this.dataDir, { recursive: true, withFileTypes: true }))
      chmodSync(join(entry.parentPath, entry.name), entry.isDirectory() ? 0o700 : 0o600);
    chmodSync(this.dataDir, 0o700);
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function contentOf(bytes: Uint8Array, like: Content | undefined): Content {
  if (like?.text !== undefined) return { text: Buffer.from(bytes).toString("utf8") };
  return { sha256: createHash("sha256").update(bytes).digest("hex") };
}

const WAYS_IN: readonly (readonly [number, string, Uint8Array])[] = [
  [1, "", Buffer.from(EXPECTED.password)],
  [2, "in the safe", fromHex(EXPECTED.keyFile)],
  [3, EXPECTED.credential.name, fromHex(EXPECTED.credential.content)],
];

for (const [kind, label, secret] of WAYS_IN) {
  test(`the vault of format 1 opens by the specification alone, through a slot of kind ${kind}`, () => {
    using copy = new Copy();
    using reader = new VaultReader(copy.dataDir, secret);
    assert.deepEqual([reader.slot.kind, reader.slot.label, reader.vaultKeyNumber], [kind, label, 1]);
    const files = reader.keyFiles();
    const kinds = [...files.values()].map((file) => file.kind);
    assert.equal(kinds.filter((name) => name === "one-time-prekey").length, EXPECTED.oneTimePrekeys);
    assert.deepEqual(kinds.filter((name) => name !== "one-time-prekey").sort(), [
      "encryption",
      "identity",
      "identity",
      "signed-prekey",
      "signed-prekey",
    ]);
    using seed = SecretBytes.from(files.get("identity.key.enc")?.secret ?? new Uint8Array());
    assert.equal(toHex(nodeCrypto.signingKeyFromSeed(seed).publicKey), EXPECTED.identityKey);
  });
}

const tablesIn = (dataDir: string): unknown[] => {
  using database = new DatabaseSync(join(dataDir, "state.db"), { readOnly: true });
  return database.prepare("SELECT type, name, sql FROM sqlite_schema ORDER BY name").all();
};

function formatIn(dataDir: string): unknown {
  using database = new DatabaseSync(join(dataDir, "state.db"), { readOnly: true });
  return database.prepare("PRAGMA user_version").get()?.["user_version"];
}

test("the tables of format 1 are those that the specification points to", () => {
  using copy = new Copy();
  using specified = new DatabaseSync(":memory:");
  specified.exec(SCHEMA_1);
  assert.deepEqual(tablesIn(copy.dataDir), specified.prepare("SELECT type, name, sql FROM sqlite_schema ORDER BY name").all());
});

test("a look at format 1 shows what there is, and changes no byte", async () => {
  using copy = new Copy();
  const before = snapshotFolder(copy.dataDir);
  {
    using inspection = await TalosClient.inspect({ dataDir: copy.dataDir });
    assert.equal(inspection.status().did, EXPECTED.did);
    assert.deepEqual(
      inspection.peers().map(({ did }) => did),
      EXPECTED.peers,
    );
  }
  const { counts } = await TalosClient.doctor({ dataDir: copy.dataDir, password: EXPECTED.password });
  assert.equal(counts?.peers, EXPECTED.peers.length);
  assert.deepEqual(snapshotFolder(copy.dataDir), before);
});

test("every sealed column of format 1 opens by the specification alone", () => {
  using copy = new Copy();
  using reader = new VaultReader(copy.dataDir, Buffer.from(EXPECTED.password));
  const large = (owner: string, order: unknown): Uint8Array =>
    reader.rows(`SELECT bytes FROM large_values WHERE owner = '${owner}' AND ord = ${Number(order)}`)[0]?.["bytes"] as Uint8Array;
  const sessions = reader.rows("SELECT session_id, state FROM sessions");
  assert.equal(sessions.length, 1);
  for (const row of sessions) {
    using state = SecretBytes.from(reader.unseal("sessions", "state", row["session_id"] as Uint8Array, row["state"] as Uint8Array));
    const session = decodeSession(state);
    assert.equal(toHex(session.id), toHex(row["session_id"] as Uint8Array));
    wipeSession(session);
  }
  const inbox = reader.rows("SELECT ord, sender, message_id, body FROM inbox ORDER BY ord").map((row, i) => {
    const rowId = Buffer.concat([row["sender"] as Uint8Array, row["message_id"] as Uint8Array]);
    const plain = reader.unseal("inbox", "body", rowId, (row["body"] ?? large("inbox-body", row["ord"])) as Uint8Array);
    const length = Buffer.from(plain).readUInt32BE(0);
    return contentOf(plain.subarray(4, 4 + length), EXPECTED.inbox[i]);
  });
  assert.deepEqual(inbox, EXPECTED.inbox);
  const waiting = "SELECT ord, message_id, body FROM outbox WHERE finished_at IS NULL AND frame_type = 1 ORDER BY ord";
  const outbox = reader.rows(waiting).map((row, i) => {
    const sealed = (row["body"] ?? large("outbox-body", row["ord"])) as Uint8Array;
    return contentOf(reader.unseal("outbox", "body", row["message_id"] as Uint8Array, sealed), EXPECTED.outbox[i]);
  });
  assert.deepEqual(outbox, EXPECTED.outbox);
  for (const row of reader.rows("SELECT id, payload FROM plans")) {
    reader.unseal("plans", "payload", Buffer.from(String(row["id"])), row["payload"] as Uint8Array);
  }
});

test("the agent of today opens the vault of format 1, brings it to the newest format, reads its mail and loses nothing", async () => {
  using copy = new Copy();
  await using world = await AgentWorld.start();
  const clock = { now: () => EXPECTED.time + 60_000, sleep: (ms: number) => world.environment.clock.sleep(ms) };
  const environment = { ...world.environment, clock };
  const client = await world.open("alice", { dataDir: copy.dataDir, password: EXPECTED.password, directory: world.url }, environment);
  assert.deepEqual([client.did, client.name, client.identityKey], [EXPECTED.did, EXPECTED.name, EXPECTED.identityKey]);
  const status = client.status();
  assert.deepEqual(status.findings, []);
  assert.equal(client.slots.list().length, 3);
  const read: Content[] = [];
  for await (const message of client.receive({ idleSeconds: 0 })) {
    read.push(contentOf(message.body, EXPECTED.inbox[read.length]));
    await message.ack();
    if (read.length === EXPECTED.inbox.length) break;
  }
  assert.deepEqual(read, EXPECTED.inbox);
  await client.close();
  await (await world.create("new")).close();
  assert.deepEqual([formatIn(copy.dataDir), tablesIn(copy.dataDir)], [FORMAT, tablesIn(world.dataDir("new"))]);
});

test("a format that is newer than this version is refused in a clear sentence, and not touched", async () => {
  using copy = new Copy();
  {
    using database = new DatabaseSync(join(copy.dataDir, "state.db"));
    database.exec("PRAGMA user_version = 3");
  }
  const before = snapshotFolder(copy.dataDir);
  using password = SecretBytes.fromUtf8(EXPECTED.password);
  const open = async (): Promise<Vault> =>
    await Vault.open({
      dataDir: copy.dataDir,
      unlock: { kind: "password", secret: password },
      crypto: nodeCrypto,
      now: EXPECTED.time,
      kdf: TEST_KDF,
    });
  await assert.rejects(open, (error) => isTalosError(error, "UNSUPPORTED_VERSION") && /newer format/.test(error.message));
  assert.deepEqual(snapshotFolder(copy.dataDir), before);
});
