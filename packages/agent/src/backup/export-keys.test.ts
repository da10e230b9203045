import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type Crypto, type ErrorCode, isTalosError, type KeyId, nodeCrypto, revealSecret, SecretBytes, toHex } from "@talos/core";
import { AgentWorld, findSecrets, hasCode, recordingCrypto, take, TEST_KDF } from "@talos/testkit";
import { systemEnvironment, type Environment } from "../environment.ts";
import { createIn, type TalosClient } from "../talos-client.ts";
import type { Vault } from "../vault/index.ts";
import { makeVault, temporaryFolder } from "../vault/vault-fixture.test.ts";
import { readBackupFile } from "./backup-file.ts";
import { FLOOR, NOW } from "./backup-fixture.test.ts";
import { decodeBackup, encodeBackup } from "./backup-record.ts";
import { reportOf } from "./export-keys.ts";
import { gatherBackup } from "./gather.ts";
import { openBackup, readBackupFacts, sealBackup } from "./seal-backup.ts";

const OWN = "river otter lamp quartz mole";
const SAFE = "seven ladders under a brass moon";
const OTHER = "copper lantern beside the quiet harbour";
const ENVIRONMENT: Environment = { ...systemEnvironment, kdf: FLOOR, backupKdf: FLOOR, allowWeakPasswords: true };

interface Place extends AsyncDisposable {
  readonly folder: string;
  readonly client: TalosClient;
  path(name: string): string;
}

async function place(environment: Environment = ENVIRONMENT): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), "talos-export-"));
  const client = await createIn(environment, "alice", { dataDir: join(folder, "alice"), password: OWN });
  return {
    folder,
    client,
    path: (name) => join(folder, name),
    [Symbol.asyncDispose]: async () => {
      await client.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function openFile(path: string, password: string = SAFE): ReturnType<typeof openBackup> {
  using secret = SecretBytes.fromUtf8(password);
  return openBackup(readBackupFile(path), secret, nodeCrypto);
}

/** Everything that lies about but the agent. */
function lyingIn(folder: string): string[] {
  return readdirSync(folder).filter((name) => name !== "alice");
}

test("a backup is written for its owner alone, opens with each of its passwords, and says what is in it", async () => {
  await using at = await place();
  const { client } = at;
  const report = await client.exportKeys({ path: at.path("keys.enc"), password: [SAFE, OTHER] });
  assert.deepEqual(report.paths, [at.path("keys.enc")]);
  const stats = statSync(at.path("keys.enc"));
  assert.deepEqual([stats.mode & 0o777, stats.size], [0o600, report.bytes]);
  assert.deepEqual([report.slots, report.peers, report.head.seq, report.notIncluded], [2, 0, 0, []]);
  assert.deepEqual(
    report.keys.map(({ kind, included, backend, protection }) => [kind, included, backend, protection]),
    ["identity", "next-identity", "encryption"].map((kind) => [kind, true, "software", "software"]),
  );
  for (const [index, password] of [SAFE, OTHER].entries()) {
    using opened = openFile(at.path("keys.enc"), password);
    assert.deepEqual([opened.slot, opened.slots, opened.id], [index + 1, 2, report.id]);
    assert.equal(opened.content.audit.length, report.auditEntries);
    assert.equal(toHex(opened.content.keys[0]?.publicKey ?? new Uint8Array()), client.identityKey);
  }
  const facts = readBackupFacts(readBackupFile(at.path("keys.enc")), nodeCrypto);
  assert.deepEqual([facts.agentName, toHex(facts.head.hash), facts.kdf], ["alice", report.head.hash, FLOOR]);
  assert.deepEqual(lyingIn(at.folder), ["keys.enc"]);
});

test("what was exported is on record, and no place of it is in the audit", async () => {
  await using at = await place();
  await at.client.exportKeys({ path: [at.path("one"), at.path("two")], password: SAFE });
  const entries = at.client.audit.list().slice(-4);
  assert.deepEqual(
    entries.map(({ kind, details }) => [kind, details["of"] ?? details]),
    [
      ["key-exported", "identity"],
      ["key-exported", "identity"],
      ["key-exported", "encryption"],
      ["backup-created", { seq: 0, copies: 2, slots: 1 }],
    ],
  );
  assert.equal(JSON.stringify(entries).includes(at.folder), false);
});

test("a password that opens the data directory is refused with the reason, whichever of them it is, and so is one given twice", async () => {
  await using at = await place();
  const { client } = at;
  await client.slots.add({ password: OTHER });
  const refused = async (password: string | string[], reason: string): Promise<void> => {
    await assert.rejects(client.exportKeys({ path: at.path("keys.enc"), password }), (error) => {
      assert.ok(hasCode("BACKUP_PASSWORD_REUSED")(error));
      assert.equal((error as { details: { reason: string } }).details.reason, reason);
      return true;
    });
  };
  await refused(OWN, "data-directory");
  await refused(OTHER, "data-directory");
  await refused([SAFE, OTHER], "data-directory");
  await refused([SAFE, SAFE], "repeated");
  await refused(["Zu\u0308richsee otter quartz lamp", "Z\u00fcrichsee otter quartz lamp"], "repeated");
  assert.deepEqual(lyingIn(at.folder), []);
  assert.deepEqual(
    client.audit.list().filter(({ kind }) => kind === "key-exported"),
    [],
  );
});

test("what an editor adds to the password of the data directory makes no other one of it, and the text of a key file is none either", async () => {
  await using at = await place();
  const { client } = at;
  const [text, other] = [keyText(), keyText()];
  writeFileSync(at.path("key"), `${text}\n`, { mode: 0o600 });
  writeFileSync(at.path("windows-key"), `${other}\r\n`, { mode: 0o600 });
  await client.slots.add({ keyFile: at.path("key") });
  await client.slots.add({ keyFile: at.path("windows-key") });
  for (const password of [
    ` ${OWN}`,
    `${OWN}\n`,
    `${OWN}\r\n`,
    `\ufeff${OWN}`,
    `${OWN}\u00a0\u3000`,
    text,
    `${text}\n`,
    other,
    ` ${other}`,
  ]) {
    const written = client.exportKeys({ path: at.path("keys.enc"), password });
    await assert.rejects(written, (error) => isReused(error, "data-directory"), JSON.stringify(password));
  }
  const twice = client.exportKeys({ path: at.path("keys.enc"), password: [SAFE, `${SAFE} `] });
  await assert.rejects(twice, (error) => isReused(error, "repeated"));
  await client.exportKeys({ path: at.path("keys.enc"), password: `${OWN} too` });
});

function keyText(): string {
  return Buffer.from(nodeCrypto.randomBytes(32)).toString("base64");
}

function isReused(error: unknown, reason: string): boolean {
  return isTalosError(error, "BACKUP_PASSWORD_REUSED") && error.details["reason"] === reason;
}

test("a weak password is refused, a well-known one also where weak ones are allowed", async () => {
  const { allowWeakPasswords: _, ...measured } = ENVIRONMENT;
  await using at = await place(measured);
  const path = at.path("keys.enc");
  await assert.rejects(at.client.exportKeys({ path, password: [SAFE, "sunday77"] }), hasCode("WEAK_PASSWORD"));
  await assert.rejects(at.client.exportKeys({ path, password: "changeme", allowWeakPassword: true }), hasCode("WEAK_PASSWORD"));
  await assert.rejects(at.client.exportKeys({ path, password: "" }), hasCode("PASSWORD_REQUIRED"));
  assert.deepEqual(lyingIn(at.folder), []);
  await at.client.exportKeys({ path, password: "sunday77", allowWeakPassword: true });
});

test("a place that will not do is refused before any password is asked for", async () => {
  await using at = await place();
  await using other = await place();
  const password = (): never => assert.fail("a password was asked for");
  writeFileSync(at.path("taken"), "mine");
  mkdirSync(at.path("folder"));
  symlinkSync(at.path("alice"), at.path("way-in"));
  symlinkSync(at.folder, at.path("round"));
  const cases: readonly (readonly [string | string[], Parameters<typeof hasCode>[0], boolean?])[] = [
    [at.path("alice/keys.enc"), "INVALID_ARGUMENT"],
    [at.path("alice/prekeys/keys.enc"), "INVALID_ARGUMENT"],
    [at.path("way-in/keys.enc"), "INVALID_ARGUMENT"],
    // What would be lost and stolen with another agent is no better.
    [join(other.folder, "alice/keys.enc"), "INVALID_ARGUMENT"],
    [at.path("absent/keys.enc"), "FILE_NOT_FOUND"],
    [at.path("taken/keys.enc"), "FILE_NOT_FOUND"],
    [at.path("taken"), "BACKUP_EXISTS"],
    [[at.path("free"), at.path("taken")], "BACKUP_EXISTS"],
    [at.path("folder"), "BACKUP_EXISTS", true],
    [at.path("way-in"), "BACKUP_EXISTS", true],
    [[at.path("free"), at.path("round/free")], "INVALID_ARGUMENT"],
    [[at.path("free"), at.path("./free")], "INVALID_ARGUMENT"],
    [[], "INVALID_ARGUMENT"],
    ["", "INVALID_ARGUMENT"],
  ];
  for (const [path, code, force = false] of cases)
    await assert.rejects(at.client.exportKeys({ path, password, force }), hasCode(code), path.toString());
  await assert.rejects(at.client.exportKeys({ path: "x", password: [] }), hasCode("INVALID_ARGUMENT"));
  await assert.rejects(at.client.exportKeys({ path: "x", password: [SAFE, OTHER, "c", "d", "e"] }), hasCode("INVALID_ARGUMENT"));
  await assert.rejects(at.client.exportKeys({ path: "x" } as never), hasCode("INVALID_ARGUMENT"));
  const holes: string[] = [];
  holes.length = 2;
  await assert.rejects(at.client.exportKeys({ path: holes, password }), hasCode("INVALID_ARGUMENT"));
  let reads = 0;
  const changing = {
    path: at.path("taken"),
    password,
    get force(): boolean {
      return reads++ > 0;
    },
  };
  await assert.rejects(at.client.exportKeys(changing), hasCode("BACKUP_EXISTS"));
  assert.equal(reads, 1);
  await assert.rejects(at.client.exportKeys({ path: "x", password, overwrite: true } as never), hasCode("UNKNOWN_OPTION"));
  assert.equal(readFileSync(at.path("taken"), "utf8"), "mine");
});

test("nothing is written over a file unless it is asked for; then an older backup, a damaged one and an empty file are replaced as a whole", async () => {
  await using at = await place();
  const path = at.path("keys.enc");
  await at.client.exportKeys({ path, password: SAFE });
  const older = readFileSync(path);
  await assert.rejects(at.client.exportKeys({ path, password: SAFE }), hasCode("BACKUP_EXISTS"));
  assert.deepEqual(readFileSync(path), older);
  const damaged = Buffer.from(older);
  damaged.writeUInt8(damaged.readUInt8(700) ^ 1, 700);
  const torn = older.subarray(0, 600);
  for (const [what, bytes] of Object.entries({ older, damaged, torn, empty: Buffer.alloc(0) })) {
    writeFileSync(path, bytes);
    chmodSync(path, 0o644);
    const { id } = await at.client.exportKeys({ path, password: SAFE, force: true });
    using opened = openFile(path);
    assert.deepEqual([opened.id, statSync(path).mode & 0o777], [id, 0o600], what);
    assert.deepEqual(lyingIn(at.folder), ["keys.enc"]);
  }
});

test("what changes in its place while passwords are asked for is not what may be replaced", async () => {
  await using at = await place();
  const path = at.path("keys.enc");
  await at.client.exportKeys({ path, password: SAFE });
  const older = readFileSync(path);
  const changes: Readonly<Record<string, readonly [Buffer, () => void]>> = {
    "written over in place": [older, () => writeFileSync(path, "the kit")],
    "another file": [
      older,
      () => {
        rmSync(path);
        writeFileSync(path, "the kit");
      },
    ],
    "empty, and filled": [Buffer.alloc(0), () => writeFileSync(path, "the kit")],
  };
  for (const [what, [before, change]] of Object.entries(changes)) {
    rmSync(path, { force: true });
    writeFileSync(path, before);
    const password = (): string => {
      change();
      return SAFE;
    };
    await assert.rejects(at.client.exportKeys({ path, password, force: true }), hasCode("BACKUP_EXISTS"), what);
    assert.equal(readFileSync(path, "utf8"), "the kit", what);
  }
});

test("whatever else lies there stays, however it is asked for: a recovery kit, a password file, a database, a backup of another agent or a later release", async () => {
  await using at = await place();
  await using other = await place();
  const path = at.path("keys.enc");
  const kit = other.path("kit");
  await other.client.recoveryKit.create({ path: kit, password: OTHER, offline: true });
  await other.client.exportKeys({ path: other.path("theirs"), password: SAFE });
  await at.client.exportKeys({ path, password: SAFE });
  const { clear, slotBytes, seal } = decodeBackup(readBackupFile(path), nodeCrypto);
  // A structure is a map whose first entry is its version.
  assert.deepEqual([...clear.subarray(1, 3)], [0, 1]);
  const later = encodeBackup({ clear: clear.with(2, 9), slotBytes, seal }, nodeCrypto);
  const files = {
    kit: readFileSync(kit),
    password: Buffer.from(`${SAFE}\n`),
    database: Buffer.from("SQLite format 3\0".padEnd(4_096)),
    theirs: readFileSync(other.path("theirs")),
    later: Buffer.from(later),
    "theirs, damaged": readFileSync(other.path("theirs")).fill(0, 700, 701),
  };
  for (const [what, bytes] of Object.entries(files)) {
    writeFileSync(path, bytes);
    await assert.rejects(at.client.exportKeys({ path, password: SAFE, force: true }), hasCode("BACKUP_EXISTS"), what);
    assert.deepEqual(readFileSync(path), bytes, what);
  }
  assert.deepEqual(lyingIn(at.folder), ["keys.enc"]);
});

test("several copies are the same file; where one cannot be written beside its place, none gets its name", async () => {
  await using at = await place();
  for (const name of ["a", "b"]) mkdirSync(at.path(name));
  const path = [at.path("a/keys.enc"), at.path("b/keys.enc")];
  const withoutFolder = (): string => {
    rmSync(at.path("b"), { recursive: true });
    return SAFE;
  };
  await assert.rejects(at.client.exportKeys({ path, password: withoutFolder }), hasDetails("STORAGE_FAILED", { path: path[1] }));
  assert.deepEqual(readdirSync(at.path("a")), []);
  assert.deepEqual(at.client.status().backups, []);
  mkdirSync(at.path("b"));
  await at.client.exportKeys({ path, password: SAFE });
  assert.deepEqual(readFileSync(at.path("a/keys.enc")), readFileSync(at.path("b/keys.enc")));
});

test("where the second copy cannot get its name, the first stays, is on record, and the error names it", async () => {
  await using at = await place();
  const path = [at.path("one"), at.path("two"), at.path("three")];
  const disturbing = (): string => {
    writeFileSync(at.path("two"), "somebody was faster");
    return SAFE;
  };
  const expected = hasDetails("BACKUP_EXISTS", { path: at.path("two"), written: at.path("one") });
  await assert.rejects(at.client.exportKeys({ path, password: disturbing }), expected);
  assert.deepEqual(lyingIn(at.folder), ["one", "two"]);
  assert.equal(readFileSync(at.path("two"), "utf8"), "somebody was faster");
  using opened = openFile(at.path("one"));
  const [known] = at.client.status().backups;
  assert.deepEqual([known?.id, known?.paths], [opened.id, [at.path("one")]]);
});

test("failure 40: no ratchet state, and failure 52: no prekey, no mail and no recovery key is in a backup", async () => {
  const crypto = recordingCrypto();
  await using world = await AgentWorld.start({ environment: { crypto, backupKdf: TEST_KDF } });
  const kit = { path: join(world.folder, "kit.txt"), password: OTHER };
  const alice = await world.create("alice", { recoveryKit: kit });
  const bob = await world.create("bob");
  crypto.remember("mail", new TextEncoder().encode("the harbour at eleven"));
  await alice.send(bob.did, "the harbour at eleven");
  await take(bob, 1);
  await bob.send(alice.did, "the harbour at eleven");
  await take(alice, 1, false);
  await alice.rotateSignedPrekey();
  const path = join(world.folder, "keys.enc");
  const report = await alice.exportKeys({ path, password: SAFE });
  assert.equal(report.peers, 1);
  const inside = decrypted(path);
  using opened = openFile(path);
  const kept = opened.content.keys.map(({ secret }) => Buffer.from(revealSecret(secret ?? assert.fail("a key is missing"))));
  const others = crypto.secrets.filter(({ bytes }) => !kept.some((secret) => secret.equals(bytes)));
  assert.ok(others.length > 300, "prekeys, sessions and all the others are known to the test");
  assert.deepEqual(findSecrets(others, inside), []);
  const found = findSecrets(crypto.secrets, inside);
  assert.equal(found.length, 3, "the three keys themselves are found by the same search");
});

test("a key that hardware keeps is named, stays where it is, and its owner is told what to do", async () => {
  using folder = temporaryFolder();
  using vault = await vaultWithHardwareKey(folder.dataDir);
  using content = await gatherBackup(vault, nodeCrypto, NOW);
  const report = reportOf(content, { id: "", paths: [], bytes: 0, slots: 1 });
  assert.deepEqual(
    report.keys.map(({ kind, included, backend, protection }) => [kind, included, backend, protection]),
    [
      ["identity", false, "hsm", "hardware"],
      ["next-identity", true, "software", "software"],
      ["encryption", true, "software", "software"],
    ],
  );
  const [left, ...more] = report.notIncluded;
  assert.deepEqual([left?.kind, left?.backend, more], ["identity", "hsm", []]);
  assert.match(left?.advice ?? "", /gives no key away.*recovery kit/);
  using password = SecretBytes.fromUtf8(SAFE);
  using opened = openBackup(sealBackup(content, [password], FLOOR, nodeCrypto), password, nodeCrypto);
  assert.deepEqual(
    opened.content.keys.map(({ secret, backend }) => [secret !== undefined, backend]),
    [
      [false, "hsm"],
      [true, "software"],
      [true, "software"],
    ],
  );
});

test("a rotation that comes in force while keys are read begins the gathering anew; a key that is lost ends it", async () => {
  using folder = temporaryFolder();
  const { vault, keys } = await makeVault(folder.dataDir);
  using closing = vault;
  vault.transaction((tx) => {
    tx.log.append({ seq: 0, hash: new Uint8Array(32), wire: new Uint8Array(1) });
    tx.log.setCertificate(new Uint8Array(1));
  });
  const gathering = gatherBackup(vault, nodeCrypto, NOW);
  vault.transaction((tx) => tx.log.append({ seq: 1, hash: new Uint8Array(32).fill(1), wire: new Uint8Array(1) }));
  using content = await gathering;
  assert.deepEqual([content.head.seq, content.events.length, content.keys.length], [1, 2, 3]);
  const lost = gatherBackup(vault, nodeCrypto, NOW);
  vault.transaction((tx) => tx.inventory.setState(keys.encryption, "ended", NOW));
  await assert.rejects(lost, hasCode("KEY_NOT_FOUND"));
  assert.ok(closing);
});

/** The plaintext of what was sealed, whole. */
function decrypted(path: string): Uint8Array {
  let last: Uint8Array = new Uint8Array();
  const aeadOpen: Crypto["aeadOpen"] = (...args) => {
    const opened = nodeCrypto.aeadOpen(...args);
    last = opened.slice();
    return opened;
  };
  using secret = SecretBytes.fromUtf8(SAFE);
  using opened = openBackup(readBackupFile(path), secret, { ...nodeCrypto, aeadOpen });
  assert.ok(opened.slot === 1 && last.length >= 65_536);
  return last;
}

/** The identity key is in a token; everything else as usual. */
async function vaultWithHardwareKey(dataDir: string): Promise<Vault> {
  const { vault, keys } = await makeVault(dataDir);
  vault.transaction((tx) => {
    tx.log.append({ seq: 0, hash: new Uint8Array(32), wire: new Uint8Array(1) });
    tx.log.setCertificate(new Uint8Array(1));
    const entry = tx.inventory.get(keys.identity) ?? assert.fail();
    tx.inventory.setState(keys.identity, "ended", NOW);
    tx.inventory.put({ ...entry, keyId: "00000000000000aa" as KeyId, backend: "hsm", protection: "hardware" });
  });
  return vault;
}

function hasDetails(code: ErrorCode, details: object): (error: unknown) => boolean {
  return (error) => {
    assert.ok(isTalosError(error, code), String(error));
    assert.deepEqual({ ...error.details, ...details }, error.details);
    return true;
  };
}
