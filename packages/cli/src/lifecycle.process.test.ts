// Replacing keys, and what people decide about peers, in real processes as an operator types it. What the operators' pages type is not
// repeated here; what they do not show is: documents, refusals, and that a refusal changes nothing.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { snapshotFolder } from "@talos/testkit";
import { type Agent, CommandWorld } from "./testing/command-world.test.ts";

let world: CommandWorld;
let right: string;
let alice: Agent;
let bob: Agent;

before(async () => {
  world = new CommandWorld();
  right = world.passwordFile("right-password", "river otter lamp quartz");
  await world.startDirectory();
  alice = await world.init("alice", right);
  bob = await world.init("bob", right);
  await world.json(["send", bob.did, "hello", "--wait-for", "deposited", ...as(alice)]);
  await world.run(["receive", "--wait", "5", ...as(bob)]);
});

after(async () => {
  await world[Symbol.asyncDispose]();
});

function as({ dataDir }: Agent): string[] {
  return ["--data-dir", dataDir, "--password-file", right];
}

async function refused(args: readonly string[], code: string, exitCode: number): Promise<void> {
  const ended = await world.run([...args, "--json"]);
  assert.equal(ended.exitCode, exitCode, `${args.join(" ")}: ${ended.stderr}`);
  assert.equal((JSON.parse(ended.stdout) as { error: { code: string } }).error.code, code);
  assert.match(ended.stderr, /^hint: /m);
}

test("a rotation of the identity says what it did, and a peer hears of it with its next look at the mailbox", async () => {
  const earlier = await world.json<{ identityKey: string }>(["whoami", "--data-dir", alice.dataDir]);
  const rotated = await world.json<{ before: string; identityKey: string; seq: number; publication: string; pending: string[] }>([
    "rotate",
    "identity",
    ...as(alice),
  ]);
  assert.equal(rotated.before, earlier.identityKey);
  assert.notEqual(rotated.identityKey, earlier.identityKey);
  assert.deepEqual([rotated.seq, rotated.publication], [1, "published"]);
  assert.deepEqual(rotated.pending, [bob.did]);
  await world.run(["receive", "--wait", "2", ...as(bob)]);
  const peer = await world.json<{ head: { seq: number }; identityKey: string }>(["peers", "show", alice.did, "--data-dir", bob.dataDir]);
  assert.deepEqual([peer.head.seq, peer.identityKey], [1, rotated.identityKey]);
  await world.run(["receive", "--wait", "2", ...as(alice)]);
  const status = await world.json<{ notifications: { seq: number; acknowledged: number; pending: unknown[] }[] }>([
    "status",
    "--data-dir",
    alice.dataDir,
  ]);
  assert.deepEqual(
    status.notifications.map(({ seq, acknowledged, pending }) => [seq, acknowledged, pending.length]),
    [[1, 1, 0]],
  );
});

test("the digits are the same on both sides; only they verify, and blocking and forgetting are said", async () => {
  type Digits = { fingerprint: string };
  const [mine, theirs] = [
    await world.json<Digits>(["fingerprint", bob.did, "--data-dir", alice.dataDir]),
    await world.json<Digits>(["fingerprint", alice.did, "--data-dir", bob.dataDir]),
  ];
  assert.equal(mine.fingerprint, theirs.fingerprint);
  assert.match(mine.fingerprint, /^(\d{5} ){11}\d{5}$/);
  const files = snapshotFolder(alice.dataDir);
  const wrong = mine.fingerprint.replace(/^\d/, (digit) => String((Number(digit) + 1) % 10));
  await refused(["peers", "verify", bob.did, ...wrong.split(" "), ...as(alice)], "FINGERPRINT_MISMATCH", 5);
  assert.deepEqual(Object.keys(snapshotFolder(alice.dataDir)), Object.keys(files));
  type Trust = { trust: string };
  const trustOf = async (): Promise<string> => (await world.json<Trust>(["peers", "show", bob.did, "--data-dir", alice.dataDir])).trust;
  assert.equal(await trustOf(), "unverified");
  assert.equal((await world.json<Trust>(["peers", "verify", bob.did, mine.fingerprint, ...as(alice)])).trust, "verified");
  assert.equal((await world.json<Trust>(["peers", "block", bob.did, ...as(alice)])).trust, "blocked");
  await refused(["send", bob.did, "hello?", ...as(alice)], "PEER_BLOCKED", 5);
  assert.equal((await world.json<Trust>(["peers", "unblock", bob.did, ...as(alice)])).trust, "unverified");
  await refused(["peers", "accept-history", bob.did, ...as(alice)], "INVALID_ARGUMENT", 2);
  const qr = await world.run(["fingerprint", bob.did, "--qr", "--data-dir", alice.dataDir]);
  assert.match(qr.stdout, /^█ █▀▀▀█ █.*█ █▀▀▀█ █$/m);
  await world.json(["peers", "forget", bob.did, "--discard-messages", ...as(alice)]);
  await refused(["peers", "show", bob.did, "--data-dir", alice.dataDir], "PEER_UNKNOWN", 4);
});

test("what is not meant is refused by name and changes nothing", async () => {
  const whoami = async (): Promise<unknown> => await world.json(["whoami", "--data-dir", alice.dataDir]);
  const same = await whoami();
  await refused(["rotate", "identity", "--migration-days", "31", ...as(alice)], "INVALID_ARGUMENT", 2);
  assert.equal((await world.run(["rotate", "identity", "--migration-days", "soon", ...as(alice)])).exitCode, 2);
  await refused(["rotate", "one-time-prekeys", "--count", "0", ...as(alice)], "INVALID_ARGUMENT", 2);
  await refused(["emergency-rotate", "--suspected-since", "yesterday", ...as(alice)], "INVALID_ARGUMENT", 2);
  await refused(["emergency-rotate", "--recovery-kit", "absent.kit", ...as(alice)], "PASSWORD_REQUIRED", 2);
  await refused(
    ["emergency-rotate", "--recovery-kit", "absent.kit", "--recovery-kit-password-file", right, ...as(alice)],
    "FILE_NOT_FOUND",
    4,
  );
  await refused(["emergency-rotate", "--report", "--data-dir", alice.dataDir], "REPORT_NOT_FOUND", 4);
  await refused(["revoke", "--yes-end", "alicia", ...as(alice)], "CONFIRMATION_REQUIRED", 2);
  await refused(["takeover", "--data-dir", world.path("nowhere"), "--password-file", right], "VAULT_NOT_FOUND", 4);
  assert.deepEqual(await whoami(), same);
});

test("without a kit an emergency rotation says that it can be contested before it acts; its report is told again", async () => {
  const carol = await world.init("carol", right);
  const ended = await world.run(["emergency-rotate", "--reason", "a drill", ...as(carol)]);
  assert.equal(ended.exitCode, 0, ended.stderr);
  assert.match(ended.stderr, /^contestable: /m);
  assert.match(ended.stdout, /a drill/);
  type Report = { contestable: boolean; steps: Record<string, { state: string }> };
  const report = await world.json<Report>(["emergency-rotate", "--report", "--data-dir", carol.dataDir]);
  assert.equal(report.contestable, true);
  assert.deepEqual(Object.keys(report.steps), ["detect", "rotate", "revoke", "notify", "audit"]);
  assert.equal(report.steps["rotate"]?.state, "done");
});
