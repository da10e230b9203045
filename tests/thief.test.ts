// Thieves, each with something else that was stolen: what they can do, line by line, and the threat model's tables of it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "node:test";
import { asMarkdown, check } from "./thief/table.ts";
import { TABLES } from "./thief/tables.ts";

for (const table of TABLES) {
  test(`a thief ${table.title[0]?.toLowerCase()}${table.title.slice(1)}: what works, what is refused, and by whom`, async () => {
    await check(table);
  });
}

test("the threat model has the tables of what thieves can do, line by line, and no others", () => {
  const page = readFileSync(resolve(import.meta.dirname, "../docs/threat-model.md"), "utf8");
  const start = page.indexOf("\n## What a thief can do\n");
  const end = page.indexOf("\n## ", start + 1);
  const section = page.slice(start, end);
  for (const table of TABLES)
    assert.ok(section.includes(asMarkdown(table)), `the page has another table, or none: ${table.title}\n${asMarkdown(table)}`);
  assert.equal(section.split("\n### ").length - 1, TABLES.length);
});
