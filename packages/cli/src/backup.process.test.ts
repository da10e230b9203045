// A backup as an operator makes it, proves it and comes back with it, in real processes.
import assert from "node:assert/strict";
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import type { AgentStatus, BackupCheck, BackupPlan, BackupReport } from "@talos/agent";
import { ERROR_CODES, type ErrorCode } from "@talos/core";
import { CommandWorld, type Ended } from "./testing/command-world.test.ts";

const OWN = "river otter lamp quartz mole";
const OPERATORS = "granite heron violet anvil dusk";
const IN_THE_SAFE = "seven ladders under a brass moon";
const KITS = "marble falcon ribbon tundra";
const NEXT = "nine kettles on a marble stair";

function assertRefused({ exitCode, stdout, stderr }: Ended, code: ErrorCode, words: RegExp = /./): void {
  assert.match(stderr, new RegExp(`^talos: [^\\n]+ \\[${code}\\][^\\n]*\\nhint: [^\\n]+\\n$`, "m"));
  assert.match(stderr, words);
  assert.equal(exitCode, ERROR_CODES[code].exitCode);
  assert.equal(stdout, "");
}

/** Failure 41: no password stands in anything that any command said. */
function assertSilent(world: CommandWorld): void {
  for (const said of world.said) for (const secret of [OWN, OPERATORS, IN_THE_SAFE, KITS, NEXT]) assert.ok(!said.includes(secret), said);
}

interface Place {
  readonly agent: readonly string[];
  readonly own: readonly string[];
  readonly operators: readonly string[];
  readonly inTheSafe: readonly string[];
  readonly kit: string;
  readonly kits: readonly string[];
}

function places(world: CommandWorld): Place {
  return {
    agent: ["--data-dir", world.path("alice")],
    own: ["--password-file", world.passwordFile("own", OWN)],
    operators: ["--backup-password-file", world.passwordFile("operators", OPERATORS)],
    inTheSafe: ["--backup-password-file", world.passwordFile("in-the-safe", IN_THE_SAFE)],
    kit: world.path("alice.kit"),
    kits: ["--recovery-kit-password-file", world.passwordFile("kits", KITS)],
  };
}

test("two copies under two passwords are made and proved, and a rotation makes them dangerous", async () => {
  await using world = new CommandWorld();
  const { agent, own, operators, inTheSafe } = places(world);
  const { agentId } = await world.json(["init", "alice", ...agent, ...own, "--no-recovery-kit"]);
  mkdirSync(world.path("usb"));
  const [copy, other] = [world.path("alice.backup"), world.path("usb", "alice.backup")];
  const create = ["backup", "create", ...agent, ...own, "--to", copy];
  const all = [...create, "--to", "usb/alice.backup", ...operators, ...inTheSafe];
  assert.match((await world.run(["status", ...agent])).stdout, /\nbackups {11}none was made here\n/);

  const first = await world.run(all);
  assert.equal(first.exitCode, 0, first.stderr);
  assert.match(first.stdout, /^Made backup \w{16} of alice, did:talos:z\w+, at event 0:\w{16}: \d+ bytes, opened by 2 passwords\.\n/);
  assert.match(first.stderr, /^Keep a copy off this machine/);
  assertRefused(await world.run(all), "BACKUP_EXISTS", /--force/);
  const made = await world.json<BackupReport & { agentId: string }>([...all, "--force"]);
  assert.deepEqual([made.paths, made.slots, made.head.seq, made.notIncluded], [[copy, other], 2, 0, []]);
  assert.ok(made.keys.length === 3 && made.keys.every(({ included }) => included));
  for (const path of made.paths) {
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal(statSync(path).size, made.bytes);
  }
  const bytes = readFileSync(copy);
  assert.ok(bytes.equals(readFileSync(other)));

  const verify = ["backup", "verify", other];
  const check = await world.json<BackupCheck & { agentId: string }>([...verify, ...agent, ...inTheSafe]);
  assert.deepEqual([check.id, check.verdict, check.comparedWith, check.slot, check.slots], [made.id, "good", "data-directory", 2, 2]);
  assert.ok(check.keys.length === 3 && check.keys.every(({ proved }) => proved));
  const planned = await world.json<BackupPlan & { agentId: string }>(["backup", "plan", ...agent]);
  assert.deepEqual([made.agentId, check.agentId, planned.agentId], [agentId, agentId, agentId]);
  assert.deepEqual(
    planned.backups.map(({ id, copies }) => [id, copies.map(({ path, state }) => [path, state])]),
    [[made.id, [copy, other].map((path) => [path, "beside"])]],
  );
  // The only agent of this user is another one.
  await world.json(["init", "other", ...own, "--no-recovery-kit"]);
  const elsewhere = [...verify, "--data-dir", world.path("data-home", "talos", "other")];
  assertRefused(await world.run([...elsewhere, ...operators]), "BACKUP_FOREIGN");
  const alone = await world.run([...verify, ...operators]);
  assert.equal(alone.exitCode, 0, alone.stderr);
  assert.match(alone.stdout, /\nIts keys work\. Whether they still count is not known: /);
  assertRefused(await world.run([...verify, ...agent, "--backup-password-file", world.path("own")]), "BACKUP_WRONG_PASSWORD");
  assertRefused(await world.run([...verify, ...agent]), "PASSWORD_REQUIRED", /--backup-password-file FILE/);
  writeFileSync(world.path("damaged"), bytes.fill(0, 500, 600));
  assertRefused(await world.run(["backup", "verify", world.path("damaged"), ...agent, ...operators]), "BACKUP_DAMAGED");

  const unproved = (await world.json<AgentStatus>(["status", ...agent])).backups;
  assert.ok(unproved.every(({ verifiedAt }) => verifiedAt === undefined));
  await world.json([...verify, ...agent, ...own, ...operators, "--record"]);
  const [newest] = (await world.json<AgentStatus>(["status", ...agent])).backups;
  assert.deepEqual([newest?.state, newest?.verifyResult, newest?.seq], ["current", "good", 0]);
  const plan = await world.run(["backup", "plan", ...agent]);
  assert.equal(plan.exitCode, 0, plan.stderr);
  assert.match(plan.stdout, /^PRACTICE +STATE\n/);
  assert.match(plan.stdout, /\ntested-restoration +good /);

  await world.json(["rotate", "identity", "--offline", ...agent, ...own]);
  const dangerous = await world.run([...verify, ...agent, ...inTheSafe, "--json"]);
  assert.equal(dangerous.exitCode, 11, dangerous.stderr);
  const { verdict, eventsBehind } = JSON.parse(dangerous.stdout) as BackupCheck;
  assert.deepEqual([verdict, eventsBehind], ["dangerous", 1]);
  assert.match((await world.run(["status", ...agent])).stdout, /\nbackups +1 on record; 1 DANGEROUS: /);
  const { practices } = await world.json<BackupPlan>(["backup", "plan", ...agent]);
  assert.equal(practices.find(({ practice }) => practice === "current")?.state, "bad");
  await world.json(["backup", "forget", made.id, ...agent, ...own]);
  assert.deepEqual((await world.json<AgentStatus>(["status", ...agent])).backups, []);
  assertRefused(await world.run(["backup", "forget", made.id, ...agent, ...own]), "INVALID_ARGUMENT");
  assertSilent(world);
});

test("a backup is refused before anything is written where its place or its password is wrong", async () => {
  await using world = new CommandWorld();
  const { agent, own, operators } = places(world);
  await world.json(["init", "alice", ...agent, ...own, "--no-recovery-kit"]);
  const copy = world.path("alice.backup");
  const create = ["backup", "create", ...agent, ...own];
  const to = [...create, "--to", copy];
  assertRefused(await world.run([...create, ...operators]), "INVALID_ARGUMENT");
  assertRefused(await world.run(to), "PASSWORD_REQUIRED", /--backup-password-file FILE/);
  assertRefused(await world.run(to, { TALOS_BACKUP_PASSWORD: OPERATORS }), "PASSWORD_REQUIRED");
  assertRefused(await world.run([...to, ...[1, 2, 3, 4, 5].flatMap(() => operators)]), "INVALID_ARGUMENT", /up to four/);
  assertRefused(await world.run([...to, ...operators, ...operators]), "BACKUP_PASSWORD_REUSED");
  assertRefused(await world.run([...to, "--backup-password-file", world.path("own")]), "BACKUP_PASSWORD_REUSED");
  const weak = ["--backup-password-file", world.passwordFile("weak", "umbrella17")];
  assertRefused(await world.run([...to, ...operators, ...weak]), "WEAK_PASSWORD");
  assertRefused(await world.run([...to, "--to", world.path("absent", "alice.backup"), ...operators]), "FILE_NOT_FOUND");
  assertRefused(await world.run([...to, "--to", world.path("alice", "alice.backup"), ...operators]), "INVALID_ARGUMENT");
  assert.ok(!existsSync(copy));
  assertSilent(world);
});

test("an agent whose machine is gone is back with its backup, and with an old one only by its kit", async () => {
  await using world = new CommandWorld();
  await world.startDirectory();
  const { agent, own, operators, kit, kits } = places(world);
  const made = await world.json(["init", "alice", ...agent, ...own, "--directory", world.url, "--recovery-kit", kit, ...kits]);
  const bob = await world.init("bob", world.path("own"));
  const asBob = ["--data-dir", bob.dataDir, ...own];
  await world.json(["send", bob.did, "hello", "--wait-for", "deposited", ...agent, ...own]);
  await world.json(["receive", ...asBob]);
  const backup = world.path("alice.backup");
  await world.json(["backup", "create", "--to", backup, ...operators, ...agent, ...own]);
  await world.json(["send", String(made["agentId"]), "to a machine that is gone", "--wait-for", "deposited", ...asBob]);
  rmSync(world.path("alice"), { recursive: true });

  const life = ["--data-dir", world.path("life-2")];
  const next = ["--new-password-file", world.passwordFile("next", NEXT)];
  const recover = ["recover", "--backup", backup, ...life];
  // Which way, and the new way in, come before anything is read.
  assertRefused(await world.run(["recover", ...life, ...next]), "INVALID_ARGUMENT", /exactly one of/);
  assertRefused(await world.run([...recover, "--identity-only", kit, ...next]), "INVALID_ARGUMENT", /exactly one of/);
  assertRefused(await world.run(["recover", "--identity-only", kit, ...life, ...next]), "INVALID_ARGUMENT", /--directory URL/);
  assertRefused(
    await world.run(["recover", "--backup", world.path("absent"), ...life, ...operators]),
    "PASSWORD_REQUIRED",
    /--new-password-file/,
  );
  assertRefused(await world.run([...recover, ...operators, ...next, ...own]), "INVALID_ARGUMENT", /Give one of/);
  assertRefused(await world.run([...recover, ...operators, "--new-password-file", world.path("operators")]), "BACKUP_PASSWORD_REUSED");
  mkdirSync(world.path("life-2"), { mode: 0o700 });
  writeFileSync(world.path("life-2", "mine"), "mine", { mode: 0o600 });
  assertRefused(await world.run([...recover, ...operators, ...next]), "DATA_DIR_NOT_EMPTY");
  rmSync(world.path("life-2", "mine"));

  const back = await world.json([...recover, ...operators, ...next]);
  assert.deepEqual([back["did"], back["publication"]], [made["agentId"], "published"]);
  const asLife = [...life, "--password-file", world.path("next")];
  assert.equal((await world.json<{ peers: unknown[] }>(["peers", "list", ...life])).peers.length, 1);
  // Bob hears of it and sends again, with nothing done by hand but that he is there.
  await world.json(["receive", "--wait", "5", ...asBob]);
  const heard = await world.run(["receive", "--wait", "20", "--json", ...asLife]);
  assert.match(heard.stdout, /"resent": ?true/);

  copyFileSync(backup, world.path("old.backup"));
  await world.json(["rotate", "identity", ...asLife]);
  rmSync(world.path("life-2"), { recursive: true });
  const old = ["recover", "--backup", world.path("old.backup"), "--data-dir", world.path("life-3"), ...operators, ...next];
  assertRefused(await world.run(old), "BACKUP_OUTDATED", /recovery-kit/);
  assert.ok(!existsSync(world.path("life-3", "state.db")));
  const again = await world.run([...old, "--recovery-kit", kit, ...kits]);
  assert.equal(again.exitCode, 0, again.stderr);
  assert.match(again.stdout, /rotation/);
  assertSilent(world);
});

test("an agent that comes back while its directory is away is held, says so everywhere, and goes on once it can compare", async () => {
  await using world = new CommandWorld();
  await world.startDirectory();
  const { agent, own, operators } = places(world);
  await world.json(["init", "alice", ...agent, ...own, "--directory", world.url, "--no-recovery-kit"]);
  const backup = world.path("alice.backup");
  await world.json(["backup", "create", "--to", backup, ...operators, ...agent, ...own]);
  rmSync(world.path("alice"), { recursive: true });
  await world.stopDirectory();

  const life = ["--data-dir", world.path("life-2")];
  const asLife = [...life, "--password-file", world.passwordFile("next", NEXT)];
  const held = await world.run(["recover", "--backup", backup, ...operators, ...asLife]);
  assert.equal(held.exitCode, 0, held.stderr);
  assert.match(held.stdout, /HELD/);
  assert.match((await world.run(["status", ...life])).stdout, /\nHELD: /);
  const doctor = await world.run(["doctor", ...life]);
  assert.equal(doctor.exitCode, 10, doctor.stderr);
  assert.match(doctor.stdout, /RECOVERY_UNCHECKED/);
  assertRefused(await world.run(["send", "did:talos:z1", "too early", ...asLife]), "RECOVERY_UNCHECKED");

  await world.startDirectory();
  await world.json(["receive", "--wait", "10", ...asLife]);
  assert.doesNotMatch((await world.run(["status", ...life])).stdout, /HELD/);
  assertSilent(world);
});
