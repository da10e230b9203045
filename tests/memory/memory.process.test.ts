// Searches a process that was an agent for the secrets that it had: its output, a heap snapshot, and its memory itself, while it runs
// and after it has closed. What may be found is listed here and in docs/threat-model.md, and nothing else.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { after, before, test } from "node:test";
import { toHex } from "@talos/core";
import { startDirectory, type RunningDirectory } from "@talos/directory";
import { distinct, inParts, memoryObstacle, processMemory, readSecretJournal, SecretFinder, type RecordedSecret } from "@talos/testkit";
import { neededSecrets } from "./needed-secrets.ts";

const STORY: string = join(import.meta.dirname, "story.ts");
const PAGE: string = resolve(import.meta.dirname, "../../docs/threat-model.md");
/** Of the search itself. */
const PLANTED = "planted";

/** What JavaScript cannot wipe may be found after close; each with its reason in the threat model. */
const MAY_REMAIN: readonly string[] = ["long plaintext", "measured password", "password given as a string"];

/** A part of a secret that was found. */
interface Found {
  readonly kind: string;
  /** In hexadecimal. */
  readonly part: string;
  /** Kind, form, and the mapping where it lies. */
  readonly place: string;
}

let folder = "";
let directory: RunningDirectory;
let child: ChildProcess;
let ended: Promise<unknown>;
let lines: Interface;
let output = "";
let obstacle: string | undefined;
let open: readonly Found[] | undefined;
/** Parts, in hexadecimal. */
let needed: ReadonlySet<string> = new Set();
let closed: readonly Found[] | undefined;

function journal(): RecordedSecret[] {
  return distinct(readSecretJournal(join(folder, "journal")));
}

/** Reads what the story says until it stands at that place. */
async function until(place: string): Promise<void> {
  while (!output.includes(`\nat: ${place}\n`)) {
    if (child.exitCode !== null) throw new Error(`the story ended before it came to "${place}":\n${output.slice(-4000)}`);
    await Promise.race([once(lines, "line"), ended]);
  }
}

function search(pid: number): readonly Found[] {
  const finder = new SecretFinder(journal().flatMap(inParts));
  const found: Found[] = [];
  for (const { mapping, bytes } of processMemory(pid, finder.longest - 1)) {
    finder.search(bytes, ({ secret, kind, form }) =>
      found.push({ kind, part: toHex(secret.bytes), place: `${kind}, ${form}, in ${mapping}` }),
    );
  }
  return found;
}

/** The places, each once, but for those of kinds that may be found. */
function placesOf(found: readonly Found[], mayRemain: readonly string[]): readonly string[] {
  return [...new Set(found.filter(({ kind }) => !mayRemain.includes(kind)).map(({ place }) => place))].sort();
}

function findIn(bytes: Uint8Array): string[] {
  const kinds = new Set<string>();
  new SecretFinder(journal().flatMap(inParts)).search(bytes, ({ kind, form }) => kinds.add(`${kind}, ${form}`));
  return [...kinds].sort();
}

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "talos-memory-"));
  directory = await startDirectory({ listen: { host: "127.0.0.1", port: 0 }, store: `sqlite:${join(folder, "directory.db")}` });
  const settings = { MEMORY_FOLDER: folder, MEMORY_DIRECTORY: directory.url, MEMORY_JOURNAL: join(folder, "journal") };
  child = spawn(process.execPath, ["--expose-gc", STORY], { env: { ...process.env, ...settings }, stdio: ["pipe", "pipe", "pipe"] });
  ended = once(child, "exit");
  child.stderr?.on("data", (chunk: Buffer) => (output += chunk.toString("latin1")));
  lines = createInterface({ input: child.stdout ?? assert.fail() });
  lines.on("line", (line) => (output += `${line}\n`));
  const pid = child.pid ?? assert.fail();
  obstacle = memoryObstacle(pid);
  await until("open");
  const live = await neededSecrets(folder, journal());
  needed = new Set(live.flatMap((bytes) => inParts({ kind: "needed", bytes })).map(({ bytes }) => toHex(bytes)));
  if (obstacle === undefined) open = search(pid);
  child.stdin?.write("go on\n");
  await until("closed");
  if (obstacle === undefined) closed = search(pid);
  child.stdin?.write("go on\n");
  await until("end");
});

after(async () => {
  child.kill("SIGKILL");
  await ended;
  await directory.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Where the memory of another process cannot be read the search did not happen; under CI=true that is a failure. */
function searched(result: readonly Found[] | undefined, skip: (reason: string) => void): readonly Found[] | undefined {
  if (result === undefined && process.env["CI"] === "true") assert.fail(`the memory cannot be read: ${obstacle}`);
  if (result === undefined) skip(`the memory of a process cannot be read: ${obstacle}`);
  return result;
}

test("failure 41: no secret stands in what an agent's process says, nor in the heap that it leaves", () => {
  assert.ok(journal().length > 500 && output.length > 10_000);
  assert.deepEqual(findIn(Buffer.from(output, "latin1")), []);
  const snapshot = findIn(readFileSync(join(folder, "closed.heapsnapshot")));
  assert.ok(snapshot.includes(`${PLANTED}, base64url`), "a string is found where there is one");
  assert.deepEqual(
    snapshot.filter((found) => !found.startsWith(PLANTED)),
    [],
  );
});

test("failure 41: while an agent runs its memory holds the secrets that it needs, and none that it has used", (t) => {
  const result = searched(open, (reason) => t.skip(reason));
  if (result === undefined) return;
  const excess = result.filter(({ part }) => !needed.has(part));
  assert.deepEqual(placesOf(excess, [...MAY_REMAIN, PLANTED]), []);
  assert.ok(
    result.some(({ part }) => needed.has(part)),
    "what it needs is found",
  );
});

test("failure 41: after close its memory holds no secret but the kinds that the threat model lists", (t) => {
  const result = searched(closed, (reason) => t.skip(reason));
  if (result === undefined) return;
  assert.deepEqual(placesOf(result, [...MAY_REMAIN, PLANTED]), []);
  const planted = placesOf(result, MAY_REMAIN).join("\n");
  assert.match(planted, /planted, raw/, "bytes are found where there are some");
  assert.match(planted, /planted, base64url/, "and a string");
});

test("the threat model lists the kinds that may remain, and no other", () => {
  const [, section = ""] = /### Found after close\n(.*?)\n#/s.exec(readFileSync(PAGE, "utf8")) ?? [];
  const listed = [...section.matchAll(/^- \*\*(.+?)\*\*/gm)].map(([, kind]) => kind);
  assert.deepEqual(listed, [...MAY_REMAIN]);
});
