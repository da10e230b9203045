// The recovery kit as an operator makes, proves, splits and joins it, in real processes.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { ERROR_CODES, type ErrorCode } from "@talos/core";
import { CommandWorld, type Ended } from "./testing/command-world.test.ts";

const OWN = "river otter lamp quartz mole";
const KITS = "seven ladders under a brass moon";
const NEXT = "nine kettles on a marble stair";

interface Status {
  readonly recovery: { readonly kit: string; readonly lastCheckedAt?: number };
}

interface Split {
  readonly set: string;
  readonly files: readonly string[];
}

function assertRefused({ exitCode, stdout, stderr }: Ended, code: ErrorCode, words: RegExp = /./): void {
  assert.match(stderr, new RegExp(`^talos: [^\\n]+ \\[${code}\\][^\\n]*\\nhint: [^\\n]+\\n$`));
  assert.match(stderr, words);
  assert.equal(exitCode, ERROR_CODES[code].exitCode);
  assert.equal(stdout, "");
}

/** Failure 41: no password stands in anything that any command said. */
function assertSilent(world: CommandWorld): void {
  for (const said of world.said) for (const secret of [OWN, KITS, NEXT]) assert.ok(!said.includes(secret), said);
}

function places(world: CommandWorld): { agent: string[]; own: string[]; kit: string; kits: string[] } {
  const own = ["--password-file", world.passwordFile("own", OWN)];
  const kits = ["--recovery-kit-password-file", world.passwordFile("kits", KITS)];
  return { agent: ["--data-dir", world.path("agent")], own, kit: world.path("kit.txt"), kits };
}

test("init makes an agent with a kit that check proves, and status says when", async () => {
  await using world = new CommandWorld();
  const { agent, own, kit, kits } = places(world);
  const made = await world.run(["init", "alice", ...agent, ...own, "--recovery-kit", "kit.txt", ...kits]);
  assert.equal(made.exitCode, 0, made.stderr);
  assert.match(made.stdout, new RegExp(`\nRecovery kit: ${kit}\n$`));
  assert.match(made.stderr, /^Move it off this machine, or print it/);
  assert.equal(statSync(kit).mode & 0o777, 0o600);
  assert.match(readFileSync(kit, "utf8"), /^Talos Keys: recovery kit\n\nAgent: {2}alice\n/);
  assert.match((await world.run(["status", ...agent])).stdout, /\nrecovery kit {6}in force, not checked since it was made\n/);

  const check = ["recovery-kit", "check", kit, ...agent, ...kits];
  const looked = await world.run(check);
  assert.equal(looked.exitCode, 0, looked.stderr);
  assert.match(looked.stdout, /^The kit opens, and it is the one in force for did:talos:z\w+\.\nMade .* for alice; used never\.\n$/);
  assert.match(looked.stderr, /^talos status does not know of this check: nothing to open the agent with was given\.\n$/);
  assert.equal((await world.json<Status>(["status", ...agent])).recovery.lastCheckedAt, undefined);
  const { checkedAt, recorded } = await world.json<{ checkedAt: number; recorded: boolean }>([...check, ...own]);
  assert.ok(recorded);
  assert.deepEqual((await world.json<Status>(["status", ...agent])).recovery, { kit: "present", lastCheckedAt: checkedAt });
  assert.match((await world.run(["status", ...agent])).stdout, /\nrecovery kit {6}in force, last checked 20\d\d-\d\d-\d\d\n/);
  assertSilent(world);
});

test("init without a kit says what that costs, and a kit is never made by half", async () => {
  await using world = new CommandWorld();
  const { agent, own, kit, kits } = places(world);
  const init = ["init", "alice", ...agent, ...own];
  writeFileSync(world.path("there"), "mine");
  assertRefused(await world.run([...init, ...kits]), "INVALID_ARGUMENT", /--recovery-kit FILE/);
  assertRefused(await world.run([...init, "--no-recovery-kit", ...kits]), "INVALID_ARGUMENT");
  assertRefused(await world.run([...init, "--recovery-kit", kit]), "PASSWORD_REQUIRED", /--recovery-kit-password-file FILE/);
  assertRefused(await world.run([...init, "--recovery-kit", world.path("there"), ...kits]), "RECOVERY_KIT_EXISTS");
  assertRefused(await world.run([...init, "--recovery-kit", world.path("absent/kit.txt"), ...kits]), "FILE_NOT_FOUND");
  const same = { TALOS_RECOVERY_KIT_PASSWORD: OWN };
  assertRefused(await world.run([...init, "--recovery-kit", kit], same), "RECOVERY_KIT_PASSWORD_REUSED");
  assertRefused(
    await world.run([...init, "--recovery-kit", kit], { TALOS_RECOVERY_KIT_PASSWORD: "umbrella17" }),
    "WEAK_PASSWORD",
    /kit's password/,
  );
  assert.ok(!existsSync(world.path("agent")) && !existsSync(kit));
  assert.equal(readFileSync(world.path("there"), "utf8"), "mine");

  for (const [name, none] of [
    ["silent", []],
    ["said", ["--no-recovery-kit"]],
  ] as const) {
    const dataDir = ["--data-dir", world.path(name)];
    const made = await world.run(["init", "alice", ...dataDir, ...own, ...none]);
    assert.equal(made.exitCode, 0, made.stderr);
    assert.match(made.stdout, /\nRecovery kit: none\n$/);
    assert.match(made.stderr, /^No recovery kit was made: whoever copies [^\n]+ Make one with: talos recovery-kit create FILE\n$/);
    assert.deepEqual((await world.json<Status>(["status", ...dataDir])).recovery, { kit: "none" });
    assert.match((await world.run(["status", ...dataDir])).stdout, /\nrecovery kit {6}none: /);
    assertRefused(await world.run(["recovery-kit", "check", world.path("there"), ...dataDir, ...kits]), "RECOVERY_KIT_DAMAGED");
  }
  assertSilent(world);
});

test("a kit is split into shares, and three of them make one again that check proves", async () => {
  await using world = new CommandWorld();
  const { agent, own, kit, kits } = places(world);
  await world.json(["init", "alice", ...agent, ...own, "--recovery-kit", kit, ...kits]);
  const split = await world.json<Split>([
    "recovery-kit",
    "split",
    kit,
    ...kits,
    "--shares",
    "5",
    "--threshold",
    "3",
    "--output-dir",
    "shares",
  ]);
  assert.equal(split.files.length, 5);
  assert.deepEqual(
    readdirSync(world.path("shares")).map((name) => world.path("shares", name)),
    split.files,
  );
  const [one = "", two = "", three = ""] = split.files;
  const next = ["--recovery-kit-password-file", world.passwordFile("next", NEXT)];
  const join = (...shares: readonly string[]): string[] => [
    "recovery-kit",
    "join",
    ...shares,
    "--output",
    world.path("again.txt"),
    ...next,
  ];
  assertRefused(await world.run(join(one, two)), "RECOVERY_SHARES_TOO_FEW", /There are 2 shares, and it takes 3/);
  assertRefused(await world.run(join(one, two, one)), "RECOVERY_SHARE_REPEATED");
  const other = await world.json<Split>(["recovery-kit", "split", kit, ...kits, "--output-dir", "others"]);
  assertRefused(await world.run(join(one, two, other.files[2] ?? "")), "RECOVERY_SHARES_MIXED");
  writeFileSync(world.path("typed"), readFileSync(three, "utf8").replace(/\n02 {2}\w/, "\n02  7"));
  const typed = await world.run([...join(one, two, world.path("typed")), "--json"]);
  assert.equal(typed.exitCode, ERROR_CODES.RECOVERY_SHARE_DAMAGED.exitCode);
  assert.match(typed.stdout + typed.stderr, /"line": ?2/);
  assertRefused(await world.run(["recovery-kit", "join", one, two, three, ...next]), "INVALID_ARGUMENT", /--output FILE/);
  assert.ok(!existsSync(world.path("again.txt")));

  const joined = await world.json(join(three, one, two));
  assert.equal(joined["set"], split.set);
  const check = ["recovery-kit", "check", world.path("again.txt"), ...agent];
  assert.equal((await world.json([...check, ...next]))["keyIndex"], 0);
  assertRefused(await world.run([...check, ...kits]), "RECOVERY_KIT_WRONG_PASSWORD");
  assertRefused(await world.run(join(one, two, three)), "RECOVERY_KIT_EXISTS");
  for (const bad of [
    ["--shares", "1"],
    ["--shares", "3", "--threshold", "4"],
    ["--shares", "x"],
    ["--threshold", "1"],
  ]) {
    assertRefused(await world.run(["recovery-kit", "split", kit, ...kits, ...bad]), "INVALID_ARGUMENT");
  }
  assertSilent(world);
  // A share is a secret without a password: it stands in its file alone.
  for (const said of world.said) assert.ok(!/^\d\d {2}[A-Z2-7]{5} /m.test(said), said);
});

test("an agent gets a kit later by one event at its directory, which check proves at once; a second one is refused", async () => {
  await using world = new CommandWorld();
  await world.startDirectory();
  const { agent, own, kit, kits } = places(world);
  await world.json(["init", "agent", ...agent, ...own, "--directory", world.url]);
  const create = ["recovery-kit", "create", kit, ...agent, ...own];
  assertRefused(await world.run(create, { TALOS_RECOVERY_KIT_PASSWORD: OWN }), "RECOVERY_KIT_PASSWORD_REUSED");
  assert.ok(!existsSync(kit));
  const made = await world.run([...create, ...kits]);
  assert.equal(made.exitCode, 0, made.stderr);
  assert.equal(made.stdout, `Made the recovery kit ${kit}; it is in force since event 1 of the identity.\n`);
  assert.deepEqual((await world.json<Status>(["status", ...agent])).recovery, { kit: "present" });
  assert.equal((await world.json(["recovery-kit", "check", kit, ...agent, ...own, ...kits]))["recorded"], true);
  assertRefused(await world.run(["recovery-kit", "create", world.path("second.txt"), ...agent, ...own, ...kits]), "RECOVERY_KIT_IN_FORCE");
  assert.ok(!existsSync(world.path("second.txt")));
  assertSilent(world);
});

test("a kit whose event finds no directory stays, and the error says so", async () => {
  await using world = new CommandWorld();
  const { agent, own, kit, kits } = places(world);
  await world.json(["init", "agent", ...agent, ...own]);
  const create = ["recovery-kit", "create", ...agent, ...own, ...kits];
  assertRefused(await world.run([...create, kit]), "DIRECTORY_NOT_CONFIGURED", new RegExp(`The recovery kit ${kit} was written already`));
  assert.ok(existsSync(kit));
  assertRefused(await world.run(["recovery-kit", "check", kit, ...agent, ...kits]), "RECOVERY_KIT_NOT_IN_FORCE");
  assertRefused(await world.run([...create, kit]), "RECOVERY_KIT_EXISTS");
  assert.equal((await world.run([...create, world.path("offline.txt"), "--offline"])).exitCode, 0);
  assert.equal((await world.json(["recovery-kit", "check", world.path("offline.txt"), ...agent, ...kits]))["keyIndex"], 0);
});
