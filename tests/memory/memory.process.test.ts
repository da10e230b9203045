// Searches a process that was an agent for the secrets that it had: its output, a heap snapshot, and its memory itself, while it runs
// and after it has closed. What may be found is listed here and in docs/threat-model.md, and nothing else.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { toHex } from "@talos/core";
import { inParts } from "@talos/testkit";
import { neededSecrets } from "./needed-secrets.ts";
import { placesOf, StoryProcess, type Found } from "./story-process.ts";

const STORY: string = join(import.meta.dirname, "story.ts");
const PAGE: string = resolve(import.meta.dirname, "../../docs/threat-model.md");
/** Of the search itself. */
const PLANTED = "planted";

/** What JavaScript cannot wipe may be found after close; each with its reason in the threat model. */
const MAY_REMAIN: readonly string[] = ["long plaintext", "measured password", "password given as a string"];

let story: StoryProcess;
let open: readonly Found[] | undefined;
/** Parts, in hexadecimal. */
let needed: ReadonlySet<string> = new Set();
let closed: readonly Found[] | undefined;

before(async () => {
  story = await StoryProcess.start(STORY);
  await story.until("open");
  const live = await neededSecrets(story.folder, story.journal());
  needed = new Set(live.flatMap((bytes) => inParts({ kind: "needed", bytes })).map(({ bytes }) => toHex(bytes)));
  open = story.search();
  story.goOn();
  await story.until("closed");
  closed = story.search();
  story.goOn();
  await story.until("end");
});

after(async () => await story[Symbol.asyncDispose]());

test("failure 41: no secret stands in what an agent's process says, nor in the heap that it leaves", () => {
  assert.ok(story.journal().length > 500 && story.output.length > 10_000);
  assert.deepEqual(story.findIn(Buffer.from(story.output, "latin1")), []);
  const snapshot = story.findIn(readFileSync(join(story.folder, "closed.heapsnapshot")));
  assert.ok(snapshot.includes(`${PLANTED}, base64url`), "a string is found where there is one");
  assert.deepEqual(
    snapshot.filter((found) => !found.startsWith(PLANTED)),
    [],
  );
});

test("failure 41: while an agent runs its memory holds the secrets that it needs, and none that it has used", (t) => {
  const result = story.searched(open, (reason) => t.skip(reason));
  if (result === undefined) return;
  const excess = result.filter(({ part }) => !needed.has(part));
  assert.deepEqual(placesOf(excess, [...MAY_REMAIN, PLANTED]), []);
  assert.ok(
    result.some(({ part }) => needed.has(part)),
    "what it needs is found",
  );
});

test("failure 41: after close its memory holds no secret but the kinds that the threat model lists", (t) => {
  const result = story.searched(closed, (reason) => t.skip(reason));
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
