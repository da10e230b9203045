// What opens a data directory, as an operator sets, changes and takes it away, in real processes.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { ERROR_CODES, type ErrorCode } from "@talos/core";
import { CommandWorld, type Ended } from "./testing/command-world.test.ts";

const OLD = "river otter lamp quartz mole";
const NEW = "seven ladders under a brass moon";
const WEAK = "umbrella17";
const KNOWN = "ChangeMe2026!";

interface Slot {
  readonly number: number;
  readonly kind: string;
  readonly label: string;
}

interface Change {
  readonly rekeyed: boolean;
  readonly slot: Slot;
  readonly toAddAgain: readonly Slot[];
  readonly notes: readonly string[];
}

function assertRefused({ exitCode, stdout, stderr }: Ended, code: ErrorCode, words: RegExp = /./): void {
  assert.match(stderr, new RegExp(`^talos: [^\\n]+ \\[${code}\\][^\\n]*\\nhint: [^\\n]+\\n$`));
  assert.match(stderr, words);
  assert.equal(exitCode, ERROR_CODES[code].exitCode);
  assert.equal(stdout, "");
}

/** Failure 41: no password stands in anything that any command said. */
function assertSilent(world: CommandWorld): void {
  for (const said of world.said) for (const secret of [OLD, NEW, WEAK, KNOWN]) assert.ok(!said.includes(secret), said);
}

/** Makes an agent without a directory. */
async function agent(world: CommandWorld, ...unlocking: readonly string[]): Promise<string[]> {
  const dataDir = ["--data-dir", world.path("agent")];
  await world.json(["init", "agent", ...dataDir, ...unlocking]);
  return dataDir;
}

async function opens(world: CommandWorld, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<boolean> {
  const { exitCode, stderr } = await world.run(["whoami", ...args], env);
  assert.ok(exitCode === 0 || exitCode === 3, stderr);
  return exitCode === 0;
}

function keyFile(world: CommandWorld, name: string, mode = 0o600): string {
  writeFileSync(world.path(name), randomBytes(32), { mode });
  chmodSync(world.path(name), mode);
  return world.path(name);
}

test("init refuses a weak password with a reason, a well-known one also with the flag, and nothing is made", async () => {
  await using world = new CommandWorld();
  const weak = world.passwordFile("weak", WEAK);
  const known = world.passwordFile("known", KNOWN);
  const dataDir = world.path("agent");
  const init = ["init", "agent", "--data-dir", dataDir, "--password-file"];
  assertRefused(await world.run([...init, weak]), "WEAK_PASSWORD", /The password is too weak: [a-z ]+\./);
  assertRefused(await world.run([...init, known]), "WEAK_PASSWORD", /well-known default/);
  assertRefused(await world.run([...init, known, "--allow-weak-password"]), "WEAK_PASSWORD");
  assert.ok(!existsSync(dataDir));

  await world.json([...init, weak, "--allow-weak-password"]);
  // Where it opens, nobody measures.
  assert.ok(await opens(world, ["--data-dir", dataDir, "--password-file", weak]));
  assertSilent(world);
});

test("a key file opens an agent without a password, and one that is no good is named with what mends it", async () => {
  await using world = new CommandWorld();
  const own = keyFile(world, "own.key");
  const dataDir = await agent(world, "--key-file", own);
  assert.ok(await opens(world, [...dataDir, "--key-file", own]));
  assert.ok(!(await opens(world, [...dataDir, "--key-file", keyFile(world, "other.key")])));
  const whoami = ["whoami", ...dataDir];
  assertRefused(await world.run([...whoami, "--key-file", world.path("absent")]), "FILE_NOT_FOUND");
  assertRefused(
    await world.run([...whoami, "--key-file", keyFile(world, "open.key", 0o640)]),
    "PERMISSIONS_TOO_OPEN",
    /hint: Run: chmod 600 /,
  );
  assertRefused(await world.run([...whoami, "--key-file", world.passwordFile("short", "short")]), "INVALID_ARGUMENT", /32 to 1024 bytes/);
  assertRefused(await world.run([...whoami, "--key-file", own, "--credential", "x"]), "INVALID_ARGUMENT", /several are given/);
  assertRefused(await world.run([...whoami, "--key-file", own, "--password-file", own]), "INVALID_ARGUMENT");
  assertRefused(await world.run([...whoami, "--key-file", ""]), "INVALID_ARGUMENT");
  // A password elsewhere does not stand in the way of what was asked for.
  assert.ok(await opens(world, [...dataDir, "--key-file", own], { TALOS_KEY_PASSWORD: OLD }));
});

test("a systemd credential opens an agent by its name, and talos-unlock-key by itself", async () => {
  await using world = new CommandWorld();
  const credentials = world.path("credentials");
  mkdirSync(credentials);
  const env = { CREDENTIALS_DIRECTORY: credentials };
  keyFile(world, "credentials/mine", 0o400);
  const dataDir = ["--data-dir", world.path("agent")];
  await world.json(["init", "agent", ...dataDir, "--credential", "mine"], env);
  assert.ok(await opens(world, [...dataDir, "--credential", "mine"], env));
  const { slots } = await world.json<{ slots: Slot[] }>(["slots", "list", ...dataDir]);
  assert.deepEqual(
    slots.map(({ number, kind, label }) => [number, kind, label]),
    [[1, "credential", "mine"]],
  );
  const receive = ["receive", ...dataDir];
  assertRefused(await world.run([...receive, "--credential", "mine"]), "CREDENTIAL_NOT_FOUND", /CREDENTIALS_DIRECTORY is not set/);
  assertRefused(await world.run([...receive, "--credential", "absent"], env), "CREDENTIAL_NOT_FOUND", /hint: .*LoadCredential=absent:PATH/);
  assertRefused(await world.run([...receive, "--credential", "../mine"], env), "INVALID_ARGUMENT", /without slashes/);
  assertRefused(await world.run(receive, env), "PASSWORD_REQUIRED");
  writeFileSync(`${credentials}/talos-unlock-key`, readFileSync(`${credentials}/mine`), { mode: 0o400 });
  assert.ok(await opens(world, dataDir, env));
  assertRefused(await world.run(["slots", "add", ...dataDir, "--new-credential", "talos-unlock-key"], env), "SLOT_EXISTS");
});

test("passwd changes the password and says what still opens; --rekey names the ways in that ended", async () => {
  await using world = new CommandWorld();
  const old = world.passwordFile("old", OLD);
  const next = world.passwordFile("next", NEW);
  const dataDir = await agent(world, "--password-file", old);
  await world.json([
    "slots",
    "add",
    ...dataDir,
    "--password-file",
    old,
    "--new-key-file",
    keyFile(world, "backup.key"),
    "--label",
    "backup",
  ]);

  const told = await world.run(["passwd", ...dataDir, "--password-file", old, "--new-password-file", next]);
  assert.equal(told.exitCode, 0, told.stderr);
  assert.match(
    told.stdout,
    /^The password of agent is changed\.\nCopies of the data directory made before still open with the old password/,
  );
  assert.deepEqual(
    [await opens(world, [...dataDir, "--password-file", next]), await opens(world, [...dataDir, "--password-file", old])],
    [true, false],
  );
  assert.ok(await opens(world, [...dataDir, "--key-file", world.path("backup.key")]));

  const change = await world.json<Change>(["passwd", ...dataDir, "--rekey"], { TALOS_KEY_PASSWORD: NEW, TALOS_NEW_KEY_PASSWORD: OLD });
  assert.equal(change.rekeyed, true);
  assert.deepEqual(
    change.toAddAgain.map(({ number, kind, label }) => [number, kind, label]),
    [[2, "key-file", "backup"]],
  );
  assert.match(change.notes.join("\n"), /old password[^]*added again: 2 \(key-file backup\)/);
  assert.ok(await opens(world, [...dataDir, "--password-file", old]));
  assert.ok(!(await opens(world, [...dataDir, "--key-file", world.path("backup.key")])));
  assert.equal((await world.run(["receive", ...dataDir, "--password-file", old])).exitCode, 0);
  assertSilent(world);
});

test("passwd refuses by name what it cannot do, and the old password goes on opening", async () => {
  await using world = new CommandWorld();
  const old = world.passwordFile("old", OLD);
  const next = world.passwordFile("next", NEW);
  const dataDir = await agent(world, "--password-file", old);
  const passwd = ["passwd", ...dataDir, "--password-file", old];
  assertRefused(await world.run(["passwd", ...dataDir, "--password-file", next, "--new-password-file", old]), "WRONG_PASSWORD");
  assertRefused(await world.run([...passwd, "--new-password-file", old]), "PASSWORD_UNCHANGED");
  assertRefused(await world.run([...passwd, "--new-password-file", world.passwordFile("weak", WEAK)]), "WEAK_PASSWORD");
  assertRefused(
    await world.run([...passwd, "--allow-weak-password", "--new-password-file", world.passwordFile("known", KNOWN)]),
    "WEAK_PASSWORD",
  );
  assertRefused(await world.run([...passwd, "--new-password-file", world.path("absent")]), "FILE_NOT_FOUND");
  assertRefused(await world.run([...passwd, "--new-password-file", world.passwordFile("empty", "")]), "PASSWORD_REQUIRED");
  assertRefused(await world.run(passwd), "PASSWORD_REQUIRED", /hint: Use --new-password-file FILE, TALOS_NEW_KEY_PASSWORD/);
  assertRefused(await world.run(passwd, { TALOS_NEW_KEY_PASSWORD: "" }), "PASSWORD_REQUIRED");
  assertRefused(await world.run(["passwd", ...dataDir, "--new-password-file", next]), "PASSWORD_REQUIRED");
  assertRefused(
    await world.run(["passwd", ...dataDir, "--key-file", keyFile(world, "key"), "--new-password-file", next]),
    "INVALID_ARGUMENT",
  );
  assertRefused(await world.run([...passwd, "--new-password", NEW]), "UNKNOWN_OPTION");
  assertRefused(await world.run([...passwd, NEW]), "INVALID_ARGUMENT");
  assertRefused(await world.run(["passwd", "--data-dir", world.path("nowhere"), "--password-file", old]), "VAULT_NOT_FOUND");
  assert.ok(await opens(world, [...dataDir, "--password-file", old]));
  assert.ok(!(await opens(world, [...dataDir, "--password-file", next])));
  assertSilent(world);
});

test("slots: a key file is made, exclusively and for its user alone, opens the agent, and is taken away; the last way in stays", async () => {
  await using world = new CommandWorld();
  const old = world.passwordFile("old", OLD);
  const dataDir = await agent(world, "--password-file", old);
  const as = [...dataDir, "--password-file", old];
  const made = world.path("made.key");
  const added = await world.run(["slots", "add", ...as, "--new-key-file", made, "--generate", "--label", "backup"]);
  assert.equal(added.exitCode, 0, added.stderr);
  assert.match(added.stdout, /^Added slot 2 \(key-file backup\)/);
  assert.deepEqual([statSync(made).size, statSync(made).mode & 0o777], [32, 0o600]);
  assert.ok(await opens(world, [...dataDir, "--key-file", made]));

  const bytes = readFileSync(made);
  assertRefused(await world.run(["slots", "add", ...as, "--new-key-file", made, "--generate"]), "FILE_EXISTS");
  assert.deepEqual(readFileSync(made), bytes);

  const listed = await world.run(["slots", "list", ...dataDir]);
  assert.match(listed.stdout, /^SLOT {2}KIND +LABEL +ADDED\n1 +password +- +\S+.*\n2 +key-file +backup +\S+.*\n$/);

  const removed = await world.run(["slots", "remove", "1", ...dataDir, "--key-file", made]);
  assert.match(removed.stdout, /^Removed slot 1 \(password\)\. Copies of the data directory made before still open with it\.\n$/);
  assert.ok(!(await opens(world, as)));
  assertRefused(await world.run(["slots", "remove", "2", ...dataDir, "--key-file", made]), "LAST_SLOT");
  assertRefused(await world.run(["slots", "remove", "1", ...dataDir, "--key-file", made]), "SLOT_NOT_FOUND");
  for (const number of ["0", "two", "1.5", "99999999999"]) {
    assertRefused(await world.run(["slots", "remove", number, ...dataDir, "--key-file", made]), "INVALID_ARGUMENT");
  }
  assertSilent(world);
});

test("slots add refuses by name, and leaves no key file that opens nothing", async () => {
  await using world = new CommandWorld();
  const old = world.passwordFile("old", OLD);
  const dataDir = await agent(world, "--password-file", old);
  const add = ["slots", "add", ...dataDir, "--password-file", old];
  const unmade = world.path("unmade.key");
  assertRefused(await world.run([...add, "--generate"]), "INVALID_ARGUMENT", /--new-key-file/);
  assertRefused(await world.run([...add, "--new-key-file", unmade, "--new-credential", "x"]), "INVALID_ARGUMENT");
  assertRefused(await world.run([...add, "--new-key-file", unmade, "--generate", "--label", "x".repeat(65)]), "INVALID_ARGUMENT");
  assertRefused(await world.run([...add, "--new-key-file", world.path("no", "folder"), "--generate"]), "FILE_NOT_FOUND");
  assertRefused(await world.run([...add, "--new-key-file", unmade]), "FILE_NOT_FOUND");
  assertRefused(await world.run([...add, "--new-key-file", keyFile(world, "open.key", 0o644)]), "PERMISSIONS_TOO_OPEN");
  assertRefused(await world.run([...add, "--new-credential", "x"]), "CREDENTIAL_NOT_FOUND");
  assertRefused(await world.run([...add, "--new-password-file", world.passwordFile("weak", WEAK)]), "WEAK_PASSWORD");
  assertRefused(await world.run(add), "PASSWORD_REQUIRED");
  assertRefused(await world.run(["slots"]), "UNKNOWN_COMMAND");
  for (let number = 2; number <= 8; number++) await world.json([...add, "--new-key-file", keyFile(world, `${number}.key`)]);
  assertRefused(await world.run([...add, "--new-key-file", unmade, "--generate"]), "SLOTS_FULL");
  assert.ok(!existsSync(unmade));
  assertSilent(world);
});

test("beside a running agent slots are listed; what changes them is VAULT_LOCKED", async () => {
  await using world = new CommandWorld();
  const old = world.passwordFile("old", OLD);
  const next = world.passwordFile("next", NEW);
  await world.startDirectory();
  const { dataDir } = await world.init("agent", old);
  const as = ["--data-dir", dataDir, "--password-file", old];
  const running = world.start(["receive", "--follow", "--json", ...as]);
  const locked = async (): Promise<boolean> =>
    (await world.json<{ holder?: unknown }>(["status", "--data-dir", dataDir])).holder !== undefined;
  while (!(await locked())) await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal((await world.json<{ slots: Slot[] }>(["slots", "list", ...as])).slots.length, 1);
  assertRefused(await world.run(["passwd", ...as, "--new-password-file", next]), "VAULT_LOCKED", /pid: \d+/);
  assertRefused(await world.run(["slots", "add", ...as, "--new-password-file", next]), "VAULT_LOCKED");
  assertRefused(await world.run(["slots", "remove", "1", ...as]), "VAULT_LOCKED");
  assert.equal((await running.stop()).exitCode, 0);
});
