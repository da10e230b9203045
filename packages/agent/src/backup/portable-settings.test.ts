import assert from "node:assert/strict";
import { test } from "node:test";
import { openStore } from "../vault/store/store-fixture.test.ts";
import { someContent } from "./backup-fixture.test.ts";
import { portableOnly, portableSettings } from "./portable-settings.ts";

const OF_AGENT = ["home-directory", "former-homes", "recovery-kit-checked-at"] as const;
/** What has been told to peers stays behind, and with it a report that would say it. */
const OF_MACHINE = [
  "emergency-report",
  "identity-moved",
  "superseded-by",
  "clock",
  "backups",
  "recovery-unchecked",
  "first-used:0011",
] as const;

test("settings of the agent go into a backup, those of its machine do not", () => {
  using store = openStore();
  for (const name of [...OF_AGENT, ...OF_MACHINE]) store.tx.settings.set(name, "1");
  assert.deepEqual([...portableSettings(store.tx, []).keys()], OF_AGENT);
});

test("nor are they taken from one into which somebody has put them", () => {
  const content = someContent();
  const names = [...OF_AGENT, ...OF_MACHINE, ...content.keys.map(({ keyId }) => `first-used:${keyId}`)];
  const taken = portableOnly({ ...content, settings: new Map(names.map((name) => [name, "1"])) });
  assert.deepEqual([...taken.keys()], [...OF_AGENT, ...content.keys.map(({ keyId }) => `first-used:${keyId}`)]);
});
