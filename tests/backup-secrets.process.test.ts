// Searches a process that made a backup, tried it and came back from it for the secrets that went through its hands: its memory at each step,
// what it says, and all files that it leaves.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Vault } from "@talos/agent";
import { nodeCrypto, toHex } from "@talos/core";
import { inParts, type RecordedSecret } from "@talos/testkit";
import { privateKeysOf } from "./memory/needed-secrets.ts";
import { placesOf, StoryProcess, type Found } from "./memory/story-process.ts";

const STORY: string = join(import.meta.dirname, "backup-secrets/story.ts");
const HEAP = "closed.heapsnapshot";
/** Of the search itself. */
const PLANTED = "planted";
let story: StoryProcess;
const found: Map<string, readonly Found[] | undefined> = new Map();
/** Parts of secrets, in hexadecimal: of all that there were before the agent was lost, and of its keys that came back. */
let former: ReadonlySet<string> = new Set();
let kept: ReadonlySet<string> = new Set();

before(async () => {
  story = await StoryProcess.start(STORY);
  for (const place of ["before", "backed up", "lost", "recovered", "closed"]) {
    await story.until(place);
    found.set(place, story.search());
    if (place === "backed up") former = partsOf(story.journal());
    if (place === "recovered") kept = partsOf(await keysInForce());
    story.goOn();
  }
  await story.until("end");
});

after(async () => await story[Symbol.asyncDispose]());

test("failure 41: what a backup was made of and tried with is in the agent's memory no more: it holds what it held before", (t) => {
  const [earlier, now] = ["before", "backed up"].map((place) => story.searched(found.get(place), (reason) => t.skip(reason)));
  if (earlier === undefined || now === undefined) return;
  const held = new Set(earlier.map(({ part }) => part));
  assert.ok(held.size > 0, "what it needs is found");
  assert.deepEqual(
    placesOf(
      now.filter(({ part }) => !held.has(part)),
      [PLANTED],
    ),
    [],
  );
});

test("failure 41: an agent that came back from a backup holds its own keys out of it, and nothing else that went before", (t) => {
  const [lost, result] = ["lost", "recovered"].map((place) => story.searched(found.get(place), (reason) => t.skip(reason)));
  if (lost === undefined || result === undefined) return;
  const peers = new Set(lost.map(({ part }) => part));
  assert.ok(
    result.some(({ part }) => kept.has(part)),
    "its keys are found",
  );
  const excess = result.filter(({ part }) => former.has(part) && !kept.has(part) && !peers.has(part));
  assert.deepEqual(placesOf(excess, [PLANTED]), []);
});

test("failure 41: after close nothing of keys, passwords or backups is in its memory, in its heap, or in what it has said", (t) => {
  assert.deepEqual(story.findIn(Buffer.from(story.output, "latin1")), []);
  const snapshot = story.findIn(readFileSync(join(story.folder, HEAP)));
  assert.deepEqual(
    snapshot.filter((one) => !one.startsWith(PLANTED)),
    [],
  );
  const result = story.searched(found.get("closed"), (reason) => t.skip(reason));
  if (result === undefined) return;
  assert.deepEqual(placesOf(result, [PLANTED]), []);
  assert.ok(placesOf(result, []).length > 0, "what was planted is found");
});

test("failure 41: no file has a secret outside the seal: data directories, backups, what trials leave, the directory's database", () => {
  assert.ok(story.journal().length > 100);
  assert.deepEqual(story.findInFiles([HEAP]), []);
  assert.deepEqual(readdirSync(join(story.folder, "temporary")), []);
});

function partsOf(secrets: readonly RecordedSecret[]): Set<string> {
  return new Set(secrets.flatMap(inParts).map(({ bytes }) => toHex(bytes)));
}

async function keysInForce(): Promise<RecordedSecret[]> {
  using inspection = await Vault.inspect({ dataDir: join(story.folder, "alice-again"), crypto: nodeCrypto });
  const publicKeys = inspection.read((tx) => [tx.inventory.live("identity")?.publicKey, tx.inventory.live("encryption")?.publicKey]);
  return privateKeysOf(story.journal(), publicKeys).map((bytes) => ({ kind: "in force", bytes }));
}
