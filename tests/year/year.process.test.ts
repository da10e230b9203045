// A year in a minute: three agents, a directory and a clock that is moved, 400 days of traffic with restarts, outages and long absences. What
// happens is judged on the way, where it happens (year.ts); here disk and memory are searched for what has ended. Prints its seed; with
// YEAR_SEED it is that year again.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { toHex } from "@talos/core";
import { distinct, inParts, memoryObstacle, processMemory, readSecretJournal, SecretFinder, type RecordedSecret } from "@talos/testkit";
import { neededParts, readVault } from "./private-parts.ts";
import { NAMES } from "./year-plan.ts";
import type { YearNumbers } from "./year.ts";

const STORY: string = join(import.meta.dirname, "story.ts");
const DAYS = 400;

interface OpenReport {
  readonly at: "open";
  /** Where the data directories are. */
  readonly folder: string;
  readonly numbers: YearNumbers;
  /** Ids of the keys that each agent has. */
  readonly held: Readonly<Record<string, readonly string[]>>;
}

const seed = Number(process.env["YEAR_SEED"] ?? Math.floor(Math.random() * 2 ** 32));
let folder = "";
let child: ChildProcess;
let ended: Promise<unknown>;
let said = "";
let obstacle: string | undefined;
let report: OpenReport;
let journal: readonly RecordedSecret[];
/** In hexadecimal, in parts as `inParts` makes them. */
let needed: ReadonlySet<string>;
/** Parts that were found in memory, in hexadecimal, while the agents were open and after they had closed. */
let open: ReadonlyMap<string, string> | undefined;
let closed: ReadonlyMap<string, string> | undefined;

/** A file system in memory where there is one: that a disk keeps what it is given is for other tests to show. */
function quickFolder(): string {
  try {
    accessSync("/dev/shm", constants.W_OK);
    return "/dev/shm";
  } catch {
    return tmpdir();
  }
}

function readJournal(): readonly RecordedSecret[] {
  return distinct(readSecretJournal(join(folder, "journal")));
}

async function nextReport(lines: AsyncIterator<string>): Promise<unknown> {
  const { value, done } = await lines.next();
  if (done === true) {
    // What it said last may come after its last report.
    await ended;
    assert.fail(`seed ${seed}: the year ended early (${child.signalCode ?? child.exitCode})\n${said.slice(-8_000)}`);
  }
  return JSON.parse(value);
}

/** Where each part lies that was found. */
function searchMemory(pid: number): ReadonlyMap<string, string> {
  const finder = new SecretFinder(journal.flatMap(inParts));
  const found = new Map<string, string>();
  for (const { mapping, bytes } of processMemory(pid, finder.longest - 1)) {
    finder.search(bytes, ({ secret, kind, form }) => found.set(toHex(secret.bytes), `${kind}, ${form}, in ${mapping}`));
  }
  return found;
}

before(async () => {
  process.stdout.write(`a year from the seed ${seed}\n`);
  folder = mkdtempSync(join(quickFolder(), "talos-year-"));
  const settings = { YEAR_SEED: `${seed}`, YEAR_DAYS: `${DAYS}`, YEAR_JOURNAL: join(folder, "journal"), TMPDIR: folder };
  child = spawn(process.execPath, ["--expose-gc", STORY], { env: { ...process.env, ...settings }, stdio: ["pipe", "pipe", "pipe"] });
  ended = once(child, "close");
  child.stderr?.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const lines = createInterface({ input: child.stdout ?? assert.fail() })[Symbol.asyncIterator]();
  const pid = child.pid ?? assert.fail();
  obstacle = memoryObstacle(pid);
  report = (await nextReport(lines)) as OpenReport;
  journal = readJournal();
  const parts = await Promise.all(NAMES.map(async (name) => neededParts(report.folder, name, journal)));
  needed = new Set(parts.flat().flatMap((bytes) => inParts({ kind: "needed", bytes }).map((part) => toHex(part.bytes))));
  if (obstacle === undefined) open = searchMemory(pid);
  child.stdin?.write("go on\n");
  await nextReport(lines);
  journal = readJournal();
  if (obstacle === undefined) closed = searchMemory(pid);
});

after(async () => {
  child.kill("SIGKILL");
  await ended;
  rmSync(folder, { recursive: true, force: true });
});

test("failure 25: in 400 days every key is replaced in its window and ended in its own, no message is lost, and each has one effect", () => {
  const { messages, openings, visits, audits } = report.numbers;
  process.stdout.write(`${messages} messages, ${visits} visits, ${openings} openings\n`);
  assert.ok(messages > 500 && openings > 30 && visits > 10, `seed ${seed}`);
  for (const name of NAMES) {
    const { identityRotations, signedPrekeys, signedPrekeysEnded, certificates } = audits[name];
    assert.equal(identityRotations, 1);
    assert.ok(signedPrekeys >= 12 && signedPrekeysEnded >= 8 && certificates > 300, `${name}, seed ${seed}`);
  }
  assert.equal(audits.bob.encryptionKeysEnded, 1, `seed ${seed}`);
});

test("failure 19: the private part of a key that has ended is in no file, nor sealed in the vault that its owner can open", () => {
  const files = readdirSync(report.folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  const finder = new SecretFinder(journal);
  const clear: string[] = [];
  // The year's snapshots of the data directories too, and the directory's database.
  for (const file of files) finder.search(readFileSync(file), ({ kind, form }) => clear.push(`${kind}, ${form}, in ${file}`));
  assert.deepEqual(clear, []);
  assert.ok(files.length > 1_000);

  const known = new Set(journal.map(({ bytes }) => toHex(bytes)));
  for (const name of NAMES) {
    const { keyIds, privateParts, sessions } = readVault(join(report.folder, name));
    assert.deepEqual([...keyIds].sort(), [...(report.held[name] ?? [])].sort(), "the files are those of the keys that it has");
    assert.ok(
      privateParts.every((part) => known.has(part)),
      "what is sealed was seen when it was made",
    );
    const has = new Set(privateParts);
    const over = new SecretFinder(journal.filter(({ bytes }) => !has.has(toHex(bytes)) && !needed.has(toHex(bytes.subarray(0, 16)))));
    for (const session of sessions) over.search(session, ({ kind }) => assert.fail(`${kind} that has ended, in a session of ${name}`));
  }
});

test("failure 41: after a year the memory of the agents holds the private parts that they work with, and after close none", (t) => {
  if (open === undefined || closed === undefined) {
    if (process.env["CI"] === "true") assert.fail(`the memory cannot be read: ${obstacle}`);
    return t.skip(`the memory of a process cannot be read: ${obstacle}`);
  }
  assert.ok(journal.length > 1_000);
  const excess = [...open].filter(([part]) => !needed.has(part)).map(([, place]) => place);
  assert.deepEqual([...new Set(excess)], [], `seed ${seed}`);
  assert.ok(
    [...open.keys()].some((part) => needed.has(part)),
    "what they work with is found",
  );
  assert.deepEqual([...new Set(closed.values())], [], `seed ${seed}`);
});
