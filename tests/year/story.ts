/**
 * The process that lives through the year: every private part that is made goes into a journal, by which another process searches disk and
 * memory. Stands still twice, with the agents open and when they have closed, until a line comes on stdin. Told by its environment: YEAR_SEED,
 * YEAR_DAYS, YEAR_JOURNAL; its folders are made in TMPDIR.
 */
import { once } from "node:events";
import { createInterface } from "node:readline";
import { ManualClock, observingCrypto, SecretJournal } from "@talos/testkit";
import { isPrivatePart } from "./private-parts.ts";
import { NAMES, planYear } from "./year-plan.ts";
import { Year } from "./year.ts";

function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is missing`);
  return value;
}

const lines = createInterface({ input: process.stdin });

async function standStill(where: string, told: object): Promise<void> {
  for (let round = 0; round < 4; round++) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  process.stdout.write(`${JSON.stringify({ at: where, ...told })}\n`);
  await once(lines, "line");
}

using journal = new SecretJournal(setting("YEAR_JOURNAL"));
const crypto = observingCrypto((kind, bytes) => {
  if (isPrivatePart(kind)) journal.tell(kind, bytes);
});
await using year = await Year.begin(planYear(Number(setting("YEAR_SEED")), Number(setting("YEAR_DAYS"))), new ManualClock(), { crypto });
await year.live();
const numbers = await year.conclude();
const members = NAMES.map((name) => year.members[name]);
const held = Object.fromEntries(members.map(({ name, client }) => [name, client.status().keys.map(({ keyId }) => keyId)]));
await standStill("open", { folder: year.world.folder, numbers, held });
for (const member of members) await member.close();
await standStill("closed", {});
lines.close();
