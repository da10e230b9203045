// What the command answers to bad input, in real processes: a named error, its exit code, a hint, and a data directory in which
// nothing changed. Two things are no refusal: a message that cannot leave now, and a stranger's file under a key file's name.
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readFileSync, renameSync, symlinkSync, truncateSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ERROR_CODES, type ErrorCode } from "@talos/core";
import { snapshotFolder } from "@talos/testkit";
import { type Agent, CommandWorld, type Ended, eventually } from "./testing/command-world.test.ts";

let world: CommandWorld;
let alice: Agent;
let bob: Agent;
let right: string;
let wrong: string;
let copies = 0;

before(async () => {
  world = new CommandWorld();
  right = world.passwordFile("right-password", "the right otter, lamp and quartz");
  wrong = world.passwordFile("wrong-password", "the wrong otter, lamp and quartz");
  await world.startDirectory();
  alice = await world.init("alice", right);
  bob = await world.init("bob", right);
  await world.json(["send", bob.did, "hello", "--wait-for", "deposited", ...as(alice.dataDir)]);
});

after(async () => {
  await world[Symbol.asyncDispose]();
});

function as(dataDir: string, password: string = right): string[] {
  return ["--data-dir", dataDir, "--password-file", password];
}

function fresh(): string {
  return world.copy(alice.dataDir, `copy-${++copies}`);
}

/** Names, modes and contents; without the times, and without the lock, in which an attempt to open signs in and out. */
function contents(dataDir: string): Record<string, string> {
  const lines = Object.entries(snapshotFolder(dataDir)).filter(([name]) => name !== "lock");
  return Object.fromEntries(
    lines.map(([name, line]) => [
      name,
      line
        .split(" ")
        .filter((_, index) => index !== 1 && (index !== 2 || name !== "."))
        .join(" "),
    ]),
  );
}

function assertRefused({ exitCode, stdout, stderr }: Ended, code: ErrorCode, exit: number): void {
  assert.match(stderr, new RegExp(`^talos: [^\\n]+ \\[${code}\\][^\\n]*\\nhint: [^\\n]+\\n$`));
  assert.equal(exitCode, exit);
  assert.equal(exitCode, ERROR_CODES[code].exitCode);
  assert.equal(stdout, "");
}

function flipLastByte(path: string): void {
  const bytes = readFileSync(path);
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  writeFileSync(path, bytes);
}

function swap(dataDir: string, a: string, b: string): void {
  renameSync(join(dataDir, a), join(dataDir, "swapping"));
  renameSync(join(dataDir, b), join(dataDir, a));
  renameSync(join(dataDir, "swapping"), join(dataDir, b));
}

interface Case {
  readonly name: string;
  /** Before the command runs. */
  readonly damage?: (dataDir: string) => void;
  readonly command: (dataDir: string) => readonly string[];
  readonly code: ErrorCode;
  readonly exit: number;
}

const receive = (dataDir: string): readonly string[] => ["receive", ...as(dataDir)];

const CASES: readonly Case[] = [
  { name: "the wrong otter, lamp and quartz", command: (dir) => ["receive", ...as(dir, wrong)], code: "WRONG_PASSWORD", exit: 3 },
  { name: "a wrong password to send", command: (dir) => ["send", bob.did, "x", ...as(dir, wrong)], code: "WRONG_PASSWORD", exit: 3 },
  {
    name: "a wrong password given where none is needed (status)",
    command: (dir) => ["status", ...as(dir, wrong)],
    code: "WRONG_PASSWORD",
    exit: 3,
  },
  {
    name: "a wrong password given where none is needed (whoami)",
    command: (dir) => ["whoami", ...as(dir, wrong)],
    code: "WRONG_PASSWORD",
    exit: 3,
  },
  {
    name: "a wrong password given where none is needed (peers list)",
    command: (dir) => ["peers", "list", ...as(dir, wrong)],
    code: "WRONG_PASSWORD",
    exit: 3,
  },
  { name: "no password", command: (dir) => ["receive", "--data-dir", dir], code: "PASSWORD_REQUIRED", exit: 2 },
  {
    name: "a password file that is absent",
    command: (dir) => ["receive", ...as(dir, world.path("absent"))],
    code: "FILE_NOT_FOUND",
    exit: 4,
  },
  { name: "init where an agent is", command: (dir) => ["init", "carol", ...as(dir)], code: "VAULT_EXISTS", exit: 1 },
  {
    name: "a damaged key file",
    damage: (dir) => flipLastByte(join(dir, "identity.key.enc")),
    command: receive,
    code: "KEY_FILE_CORRUPT",
    exit: 1,
  },
  {
    name: "a truncated key file",
    damage: (dir) => truncateSync(join(dir, "encryption.key.enc"), 40),
    command: receive,
    code: "KEY_FILE_CORRUPT",
    exit: 1,
  },
  {
    name: "an empty key file",
    damage: (dir) => truncateSync(join(dir, "encryption.key.enc"), 0),
    command: receive,
    code: "KEY_FILE_CORRUPT",
    exit: 1,
  },
  {
    name: "a missing key file",
    damage: (dir) => unlinkSync(join(dir, "identity.key.enc")),
    command: receive,
    code: "KEY_FILE_MISSING",
    exit: 1,
  },
  {
    name: "two key files swapped",
    damage: (dir) => swap(dir, "identity.key.enc", "encryption.key.enc"),
    command: receive,
    code: "KEY_FILE_SWAPPED",
    exit: 1,
  },
  {
    name: "another agent's key file",
    damage: (dir) => writeFileSync(join(dir, "identity.key.enc"), readFileSync(join(bob.dataDir, "identity.key.enc"))),
    command: receive,
    code: "KEY_FILE_SWAPPED",
    exit: 1,
  },
  {
    name: "a damaged database",
    // Written beside and renamed: nothing but SQLite opens these files by name.
    damage: (dir) => {
      writeFileSync(`${dir}.other`, Buffer.alloc(8192, "no database "), { mode: 0o600 });
      renameSync(`${dir}.other`, join(dir, "state.db"));
    },
    command: receive,
    code: "VAULT_CORRUPT",
    exit: 1,
  },
  {
    name: "a folder that others may read",
    damage: (dir) => chmodSync(dir, 0o755),
    command: receive,
    code: "PERMISSIONS_TOO_OPEN",
    exit: 5,
  },
  {
    name: "a folder that others may read, and status",
    damage: (dir) => chmodSync(dir, 0o755),
    command: (dir) => ["status", "--data-dir", dir],
    code: "PERMISSIONS_TOO_OPEN",
    exit: 5,
  },
  {
    name: "a file that others may read",
    damage: (dir) => chmodSync(join(dir, "identity.key.enc"), 0o644),
    command: receive,
    code: "PERMISSIONS_TOO_OPEN",
    exit: 5,
  },
  {
    name: "a file that is a symbolic link",
    damage: (dir) => {
      renameSync(join(dir, "identity.key.enc"), `${dir}.identity.key.enc`);
      symlinkSync(`${dir}.identity.key.enc`, join(dir, "identity.key.enc"));
    },
    command: receive,
    code: "SYMLINK_REFUSED",
    exit: 5,
  },
  {
    name: "a message of more than 10,000,000 bytes",
    damage: () => writeFileSync(world.path("large"), Buffer.alloc(10_000_001)),
    command: (dir) => ["send", bob.did, "--file", world.path("large"), ...as(dir)],
    code: "MESSAGE_TOO_LARGE",
    exit: 2,
  },
  {
    name: "a file to send that is absent",
    command: (dir) => ["send", bob.did, "--file", world.path("absent"), ...as(dir)],
    code: "FILE_NOT_FOUND",
    exit: 4,
  },
  { name: "an unknown option", command: (dir) => ["send", bob.did, "x", "--urgent", ...as(dir)], code: "UNKNOWN_OPTION", exit: 2 },
  { name: "a misspelt option", command: (dir) => ["status", "--jsno", ...as(dir)], code: "UNKNOWN_OPTION", exit: 2 },
];

for (const { name, damage, command, code, exit } of CASES) {
  test(`${name}: ${code}, exit ${exit}, and nothing changes`, async () => {
    const dataDir = fresh();
    damage?.(dataDir);
    const earlier = contents(dataDir);
    assertRefused(await world.run(command(dataDir)), code, exit);
    assert.deepEqual(contents(dataDir), earlier);
  });
}

test("a data directory that is absent, or holds something else: VAULT_NOT_FOUND, exit 4, and nothing is made", async () => {
  const foreign = world.path("foreign");
  mkdirSync(foreign, { mode: 0o700 });
  writeFileSync(join(foreign, "letter.txt"), "not an agent", { mode: 0o600 });
  const earlier = snapshotFolder(foreign);
  for (const verb of [["status"], ["whoami"], ["receive"], ["send", bob.did, "x"], ["peers", "list"]]) {
    assertRefused(await world.run([...verb, ...as(world.path("nowhere"))]), "VAULT_NOT_FOUND", 4);
    assertRefused(await world.run([...verb, ...as(foreign)]), "VAULT_NOT_FOUND", 4);
  }
  assert.throws(() => snapshotFolder(world.path("nowhere")), { code: "ENOENT" });
  assert.deepEqual(snapshotFolder(foreign), earlier);
});

test("a second process on one data directory: VAULT_LOCKED, exit 6, naming the first, which goes on", async () => {
  const dataDir = world.copy(bob.dataDir, "locked");
  const first = world.start(["receive", "--follow", "--json", ...as(dataDir)]);
  await first.line('"sha256"');
  const keyFiles = (): Record<string, string> =>
    Object.fromEntries(Object.entries(contents(dataDir)).filter(([name]) => name.endsWith(".enc")));
  const earlier = keyFiles();
  const second = await world.run(["receive", ...as(dataDir)]);
  assertRefused(second, "VAULT_LOCKED", 6);
  assert.match(second.stderr, /pid: \d+/);
  assert.deepEqual(keyFiles(), earlier);
  assert.equal((await world.run(["status", "--data-dir", dataDir])).exitCode, 0);
  assert.equal((await first.stop()).exitCode, 0);
});

test("the directory down: receive says so, exit 7; receive --follow waits for it", async () => {
  const erin = await world.init("erin", right);
  await world.stopDirectory();
  try {
    assertRefused(await world.run(["receive", ...as(erin.dataDir)]), "DIRECTORY_UNREACHABLE", 7);
    const following = world.start(["receive", "--follow", "--json", ...as(erin.dataDir)]);
    const gaveUp = following.ended.then(() => "ended");
    const waits = new Promise((resolve) => setTimeout(() => resolve("waits"), 1_500));
    assert.equal(await Promise.race([gaveUp, waits]), "waits");
    await world.startDirectory();
    await world.json(["send", erin.did, "back", "--wait-for", "deposited", ...as(alice.dataDir)]);
    await following.line('"sha256"');
    assert.equal((await following.stop()).exitCode, 0);
  } finally {
    if (!world.isServing) await world.startDirectory();
  }
});

test("a peer that nobody knows: PEER_UNKNOWN, exit 4; what is no agent id: exit 2; nothing is in the outbox", async () => {
  const dataDir = fresh();
  assertRefused(await world.run(["send", "nobody", "x", ...as(dataDir)]), "PEER_UNKNOWN", 4);
  assertRefused(await world.run(["peers", "show", "nobody", "--data-dir", dataDir]), "PEER_UNKNOWN", 4);
  assert.equal((await world.run(["send", "did:talos:zNoSuchThing", "x", ...as(dataDir)])).exitCode, 2);
  const { outbox } = await world.json<{ outbox: Record<string, unknown> }>(["status", "--data-dir", dataDir]);
  assert.deepEqual([outbox["waiting"], outbox["ready"]], [0, 0]);
});

test("a file under a key file's name that is no key of the agent is put aside, whole, and the agent works on", async () => {
  const { dataDir } = await world.init("dave", right);
  const name = "otpk_0123456789abcdef.enc";
  writeFileSync(join(dataDir, "prekeys", name), "a stranger", { mode: 0o600 });
  assert.equal((await world.run(["receive", ...as(dataDir)])).exitCode, 0);
  const files = Object.keys(contents(dataDir));
  assert.ok(!files.includes(`prekeys/${name}`));
  const aside = files.filter((file) => file.startsWith("quarantine/"));
  assert.equal(aside.length, 1);
  assert.equal(readFileSync(join(dataDir, aside[0] ?? ""), "utf8"), "a stranger");
});

test("the directory down: send keeps the message and says why, exit 0; with --wait-for exit 7, and it is kept too", async () => {
  const carol = await world.init("carol", right);
  await world.stopDirectory();
  try {
    const sent = await world.json(["send", bob.did, "later", "--timeout", "1", ...as(carol.dataDir)]);
    assert.equal(sent["state"], "waiting");
    assert.equal(typeof sent["reason"], "string");
    const pressed = await world.run(["send", bob.did, "now", "--wait-for", "deposited", "--timeout", "1", ...as(carol.dataDir)]);
    assertRefused(pressed, "DELIVERY_NOT_REACHED", 7);
    const { outbox } = await world.json<{ outbox: Record<string, unknown> }>(["status", "--data-dir", carol.dataDir]);
    assert.equal(outbox["waiting"], 2);
  } finally {
    await world.startDirectory();
  }
  const carols = world.start(["receive", "--follow", ...as(carol.dataDir)]);
  await eventually(async () => {
    const { outbox } = await world.json<{ outbox: Record<string, unknown> }>(["status", "--data-dir", carol.dataDir]);
    return outbox["deposited"] === 2 ? true : undefined;
  });
  await carols.stop();
});
