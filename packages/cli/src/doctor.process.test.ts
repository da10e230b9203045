// talos doctor in real processes: each kind of finding provoked for real, and the exit code that says the worst; then a rescue.
import assert from "node:assert/strict";
import { chmodSync, existsSync, readdirSync, readFileSync, renameSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { DoctorReport, RescueReport } from "@talos/agent";
import { snapshotFolder } from "@talos/testkit";
import { type Agent, CommandWorld, type Ended } from "./testing/command-world.test.ts";

let world: CommandWorld;
let alice: Agent;
let bob: Agent;
let right: string;
let copies = 0;

before(async () => {
  world = new CommandWorld();
  right = world.passwordFile("right-password", "river otter lamp quartz");
  await world.startDirectory();
  alice = await world.init("alice", right);
  bob = await world.init("bob", right);
  await world.json(["send", bob.did, "hello", "--wait-for", "deposited", ...as(alice.dataDir)]);
});

after(async () => {
  await world[Symbol.asyncDispose]();
});

function as(dataDir: string): string[] {
  return ["--data-dir", dataDir, "--password-file", right];
}

function fresh(): string {
  return world.copy(alice.dataDir, `copy-${++copies}`);
}

/** Runs it, as text and as JSON, and sees to it that nothing changes. */
async function examine(args: readonly string[], dataDir: string): Promise<{ text: Ended; report: DoctorReport }> {
  const earlier = existsSync(dataDir) ? snapshotFolder(dataDir) : {};
  const text = await world.run(["doctor", ...args]);
  const json = await world.run(["doctor", "--json", ...args]);
  assert.equal(json.exitCode, text.exitCode);
  assert.deepEqual(existsSync(dataDir) ? snapshotFolder(dataDir) : {}, earlier);
  return { text, report: JSON.parse(json.stdout) as DoctorReport };
}

// Written beside and renamed: nothing but SQLite opens these files by name.
function replaceDatabase(dataDir: string, content: Uint8Array): void {
  writeFileSync(`${dataDir}.other`, content, { mode: 0o600 });
  renameSync(`${dataDir}.other`, join(dataDir, "state.db"));
}

interface Case {
  readonly name: string;
  readonly damage: (dataDir: string) => void;
  readonly code: string;
  readonly exit: number;
}

const CASES: readonly Case[] = [
  { name: "a folder that is absent", damage: (dir) => renameSync(dir, `${dir}.gone`), code: "VAULT_NOT_FOUND", exit: 12 },
  { name: "a folder that others may read", damage: (dir) => chmodSync(dir, 0o755), code: "PERMISSIONS_TOO_OPEN", exit: 12 },
  {
    name: "a symbolic link",
    damage: (dir) => {
      renameSync(join(dir, "metadata.json"), `${dir}.metadata.json`);
      symlinkSync(`${dir}.metadata.json`, join(dir, "metadata.json"));
    },
    code: "SYMLINK_REFUSED",
    exit: 12,
  },
  { name: "a deleted database", damage: (dir) => unlinkSync(join(dir, "state.db")), code: "VAULT_CORRUPT", exit: 12 },
  { name: "a zeroed database", damage: (dir) => replaceDatabase(dir, new Uint8Array(100_000)), code: "VAULT_CORRUPT", exit: 12 },
  {
    name: "another agent's database",
    damage: (dir) => renameSync(join(world.copy(bob.dataDir, `other-${copies}`), "state.db"), join(dir, "state.db")),
    code: "VAULT_FOREIGN",
    exit: 12,
  },
  { name: "a missing identity key", damage: (dir) => unlinkSync(join(dir, "identity.key.enc")), code: "KEY_FILE_MISSING", exit: 12 },
  {
    name: "a missing one-time prekey",
    damage: (dir) => unlinkSync(join(dir, "prekeys", readdirSync(join(dir, "prekeys"))[0] ?? "")),
    code: "KEY_FILE_MISSING",
    exit: 11,
  },
  {
    name: "a damaged one-time prekey",
    damage: (dir) => {
      const path = join(dir, "prekeys", readdirSync(join(dir, "prekeys"))[0] ?? "");
      const bytes = readFileSync(path);
      bytes[60] = (bytes[60] ?? 0) ^ 1;
      writeFileSync(path, bytes);
    },
    code: "KEY_FILE_CORRUPT",
    exit: 11,
  },
  {
    name: "a stranger's key file",
    damage: (dir) => writeFileSync(join(dir, "prekeys", "otpk_0123456789abcdef.enc"), "a stranger", { mode: 0o600 }),
    code: "FILE_UNKNOWN",
    exit: 10,
  },
  { name: "no metadata.json", damage: (dir) => unlinkSync(join(dir, "metadata.json")), code: "METADATA_MISSING", exit: 10 },
  { name: "a letter", damage: (dir) => writeFileSync(join(dir, "letter"), "", { mode: 0o600 }), code: "FILE_UNRELATED", exit: 0 },
];

for (const { name, damage, code, exit } of CASES) {
  test(`${name}: ${code}, exit ${exit}, and nothing changes`, async () => {
    const dataDir = fresh();
    damage(dataDir);
    const { text, report } = await examine(as(dataDir), dataDir);
    assert.equal(text.exitCode, exit, text.stdout);
    const found = report.findings.find((one) => one.code === code) ?? assert.fail(JSON.stringify(report.findings));
    assert.match(text.stdout, new RegExp(`^${found.severity}: ${code}`, "m"));
    assert.ok(text.stdout.includes(`remedy: ${found.remedy}`));
  });
}

test("a sound agent: exit 0 with and without the password, by a table of everything that was checked", async () => {
  const dataDir = fresh();
  const { text, report } = await examine(as(dataDir), dataDir);
  assert.equal(text.exitCode, 0, text.stdout);
  assert.deepEqual([report.worst, report.unlocked, report.counts?.sessions], ["sound", true, 1]);
  assert.match(text.stdout, /^CHECK +RESULT$/m);
  for (const { name } of report.checks) assert.match(text.stdout, new RegExp(`^${name.replace(".", "\\.")} +(fine|\\d)`, "m"));
  const without = await examine(["--data-dir", dataDir], dataDir);
  assert.equal(without.text.exitCode, 0);
  assert.match(without.text.stdout, /^private parts +not run: no password was given$/m);
  assert.match(without.text.stderr, /--password-file/);
});

test("a wrong password is named, exit 12; an option that is none, exit 2", async () => {
  const dataDir = fresh();
  const wrong = world.passwordFile("wrong-password", "wrong");
  const { text } = await examine(["--data-dir", dataDir, "--password-file", wrong], dataDir);
  assert.equal(text.exitCode, 12);
  assert.match(text.stdout, /^error: WRONG_PASSWORD/m);
  assert.equal((await world.run(["doctor", "--recsue", ...as(dataDir)])).exitCode, 2);
  assert.equal((await world.run(["doctor", "--directory", "http://127.0.0.1:1", ...as(dataDir)])).exitCode, 2);
});

test("beside a running agent: its process is named, nothing is wrong, and it runs on", async () => {
  const { dataDir, did } = await world.init("carol", right);
  await world.json(["send", did, "hello", "--wait-for", "deposited", ...as(bob.dataDir)]);
  const running = world.start(["receive", "--follow", "--json", ...as(dataDir)]);
  await running.line('"sha256"');
  const { exitCode, stdout } = await world.run(["doctor", ...as(dataDir)]);
  assert.equal(exitCode, 0, stdout);
  assert.match(stdout, /^note: LOCK_HELD {2}lock\n {2}Process \d+ on /m);
  assert.equal((await world.run(["receive", ...as(dataDir)])).exitCode, 6);
  assert.equal((await running.stop()).exitCode, 0);
});

test("a rescue: refused where nothing is destroyed or the password is wrong, else the agent is back and is heard", async () => {
  const dataDir = fresh();
  const refuse = async (args: readonly string[], code: string, exit: number): Promise<void> => {
    const { exitCode, stderr } = await world.run(["doctor", "--rescue", ...args]);
    assert.match(stderr, new RegExp(`\\[${code}\\][^\\n]*\\nhint: [^\\n]+\\n$`));
    assert.equal(exitCode, exit);
  };
  await refuse(as(dataDir), "RESCUE_NOT_NEEDED", 1);
  replaceDatabase(dataDir, new Uint8Array(100_000));
  const earlier = snapshotFolder(dataDir);
  const wrong = world.passwordFile("wrong-again", "wrong");
  await refuse(["--data-dir", dataDir, "--password-file", wrong], "WRONG_PASSWORD", 3);
  await refuse(["--data-dir", dataDir], "PASSWORD_REQUIRED", 2);
  assert.deepEqual(snapshotFolder(dataDir), earlier);
  for (const verb of [["receive"], ["send", bob.did, "x"]]) {
    const { exitCode, stderr } = await world.run([...verb, ...as(dataDir)]);
    assert.match(stderr, /\[VAULT_CORRUPT\][^\n]*\nhint: [^\n]*talos doctor --rescue/);
    assert.equal(exitCode, 1);
  }

  const report = await world.json<RescueReport>(["doctor", "--rescue", ...as(dataDir)]);
  assert.deepEqual([report.did, report.was, report.directory], [alice.did, "damaged", world.url]);
  assert.equal((await world.run(["doctor", ...as(dataDir)])).exitCode, 0);
  await world.json(["send", bob.did, "I am back", "--wait-for", "deposited", ...as(dataDir)]);
  const { messages } = await world.json<{ messages: Array<{ body: string }> }>(["receive", "--wait", "5", ...as(bob.dataDir)]);
  assert.ok(messages.some(({ body }) => Buffer.from(body, "base64url").toString("utf8") === "I am back"));
});

test("a rescue says in words what came back and what is gone", async () => {
  const dataDir = fresh();
  unlinkSync(join(dataDir, "state.db"));
  const { exitCode, stdout } = await world.run(["doctor", "--rescue", ...as(dataDir)]);
  assert.equal(exitCode, 0);
  assert.match(stdout, new RegExp(`^Rescued agent alice: ${alice.did} \\(state.db was missing\\)$`, "m"));
  assert.match(stdout, /^identity +[0-9a-f]{16} +live$/m);
  assert.match(stdout, /Sessions, peers, outbox and inbox are gone/);
});
