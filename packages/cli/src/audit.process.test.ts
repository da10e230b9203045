// The audit and signatures as an operator has them: shown, checked, exported, reviewed; signed, and judged by somebody who is no agent.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { CommandWorld } from "./testing/command-world.test.ts";

interface Verdict {
  readonly verdict: string;
  readonly ground: string;
  readonly good: boolean;
  readonly seenAt?: number;
}

test("an operator sees the audit, exports it, and anybody checks the export; a changed one is refused", async () => {
  await using world = new CommandWorld();
  const password = world.passwordFile("password", "river otter lamp quartz");
  await world.startDirectory();
  const { dataDir, did } = await world.init("alice", password);
  const inside = ["--data-dir", dataDir];
  const shown = await world.run(["audit", "show", ...inside]);
  assert.match(shown.stdout, /vault-created/);
  assert.match(shown.stdout, /key-created .*of identity, key [0-9a-f]{16}, role current/);
  const check = await world.json<{ sound: boolean; notYetSigned: number }>(["audit", "verify", ...inside]);
  assert.equal(check.sound, true);
  assert.match((await world.run(["audit", "verify", ...inside])).stdout, /The audit is whole: \d+ entries\./);

  const file = world.path("audit.jsonl");
  await world.json(["audit", "export", "--renew", "--out", file, ...inside, "--password-file", password]);
  const piped = await world.run(["audit", "export", ...inside]);
  assert.equal(piped.stdout, readFileSync(file, "utf8"));
  const verified = await world.json<{ did: string; entries: number }>(["audit", "verify", file]);
  assert.equal(verified.did, did);
  assert.equal((await world.run(["audit", "verify", file, "--agent", did])).exitCode, 0);
  assert.match((await world.run(["audit", "verify", file])).stdout, /by the log in the file, up to event 0; not compared with a directory/);
  for (const [way, found] of [
    [["--directory", world.url], /by the log at the directory, up to event 0/],
    [["--log", `${dataDir}/metadata.json`], /by the log that was given, up to event 0/],
    [["--known", ...inside], /by the log that this agent knows, up to event 0/],
  ] as const) {
    assert.match((await world.run(["audit", "verify", file, ...way])).stdout, found);
  }
  assert.equal((await world.run(["audit", "verify", file, "--known", "--directory", world.url, ...inside])).exitCode, 2);
  assert.equal((await world.run(["audit", "verify", "--directory", world.url, ...inside])).exitCode, 2);
  const again = await world.run(["audit", "export", "--out", file, ...inside]);
  assert.match(again.stderr, /FILE_EXISTS/);

  const changed = world.path("changed.jsonl");
  writeFileSync(changed, readFileSync(file, "utf8").replace('"kind":"unlocked"', '"kind":"unlockex"'));
  const refused = await world.run(["audit", "verify", changed]);
  assert.equal(refused.exitCode, 5);
  assert.match(refused.stderr, /\[AUDIT_INVALID\].*line: \d+/);

  const review = await world.run(["audit", "review", "--since", "1h", ...inside]);
  assert.match(review.stdout, /What each identity key signed/);
  assert.match(review.stdout, /Who came in/);
  assert.equal((await world.run(["audit", "review", ...inside])).exitCode, 2);
  assert.equal((await world.run(["audit", "review", "--since", "yesterday", ...inside])).exitCode, 2);
});

test("what is signed on one machine is judged on another, by a directory, by a log, and by an agent that remembers", async () => {
  await using world = new CommandWorld();
  const password = world.passwordFile("password", "river otter lamp quartz");
  await world.startDirectory();
  const alice = await world.init("alice", password);
  const bob = await world.init("bob", password);
  const opened = ({ dataDir }: { dataDir: string }): string[] => ["--data-dir", dataDir, "--password-file", password];
  const document = world.path("document.txt");
  writeFileSync(document, "the terms");
  const signed = await world.run(["sign", "--namespace", "contract", document, ...opened(alice)]);
  assert.match(signed.stdout, /^[A-Za-z0-9_-]{200,}\n$/);
  const signature = world.path("document.sig");
  writeFileSync(signature, signed.stdout);
  const asked = ["verify", "--namespace", "contract", "--signature", signature, document];

  for (const way of [
    ["--directory", world.url],
    ["--log", `${alice.dataDir}/metadata.json`],
    ["--signer", `${alice.did}@${new URL(world.url).host}`],
  ]) {
    const result = await world.json<Verdict>([...asked, ...way]);
    assert.deepEqual([result.verdict, result.good], ["valid", true]);
  }
  const remembered = await world.json<Verdict>([...asked, "--remember", ...opened(bob)]);
  assert.equal(typeof remembered.seenAt, "number");
  const looked = await world.json<Verdict>([...asked, "--data-dir", bob.dataDir]);
  assert.deepEqual([looked.verdict, looked.seenAt], ["valid", remembered.seenAt]);

  writeFileSync(document, "other terms");
  const other = await world.run([...asked, "--directory", world.url]);
  assert.deepEqual([other.exitCode, /SIGNATURE_INVALID/.test(other.stderr)], [5, true]);
  const unneeded = await world.run(["audit", "prove", signature, "--data-dir", alice.dataDir]);
  assert.match(unneeded.stderr, /PROOF_NOT_POSSIBLE.*key-in-force/);
  assert.equal((await world.run(["sign", document, ...opened(alice)])).exitCode, 2);
});
