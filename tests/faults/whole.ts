/**
 * `npm run test:faults`: the whole matrix, the swaps that it must notice, and the races. Prints a table; exits 1 on anything bad.
 * With names of operations, their part of the matrix alone; with `--every N` only every N-th point of it.
 */
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { runMatrix, type OperationResult } from "@talos/testkit/disk-faults";
import { absentMounts, fillDisk } from "./full-disk.ts";
import { runMutations, unnoticed } from "./mutations.ts";
import { openingRaces } from "./opening-race.ts";
import { vaultSubject } from "./vault-subject.ts";

const RACES = 100;
const LINES_SHOWN = 8;
const PLACES_SHOWN = 6;

process.env["NODE_COMPILE_CACHE"] ??= resolve(import.meta.dirname, "../../node_modules/.cache/talos");
const { values, positionals: operations } = parseArgs({ allowPositionals: true, options: { every: { type: "string", default: "1" } } });

const matrixIsGood = await matrix();
const restIsGood = operations.length > 0 || (await everythingElse());
process.exitCode = matrixIsGood && restIsGood ? 0 : 1;

async function matrix(): Promise<boolean> {
  const results = await runMatrix({
    subject: vaultSubject,
    child: join(import.meta.dirname, "vault-child.ts"),
    ...(operations.length === 0 ? {} : { operations }),
    every: Number(values.every),
    atOnce: 3,
    progress: (result) => {
      say(row(result));
      for (const line of describeBad(result)) say(line);
    },
  });
  const sum = (part: (result: OperationResult) => number): number => results.reduce((total, result) => total + part(result), 0);
  const bad = sum((result) => result.bad.length);
  const points = `${sum(({ killed }) => killed)} killed, ${sum(({ failed }) => failed)} failed, ${sum(({ cuts }) => cuts)} cuts`;
  say(`${results.length} operations: ${points}; ${sum(({ states }) => states)} states, ${bad} bad`);
  return results.length > 0 && bad === 0;
}

async function everythingElse(): Promise<boolean> {
  const races = await openingRaces(RACES);
  say(`${races.rounds} races: ${races.commits} commits, ${races.refused} openings refused, ${races.faults.length} faults`);
  for (const fault of races.faults) say(`BAD race: ${fault}`);

  const noMounts = absentMounts();
  say(noMounts === false ? `a disk of 2 MB: ${JSON.stringify(fillDisk())}` : `a disk of 2 MB: not tried: ${noMounts}`);

  const mutations = runMutations();
  for (const { name, noticed } of mutations) say(`${name}: ${noticed.length === 0 ? "nothing noticed" : noticed.join("; ")}`);
  const missed = unnoticed(mutations);
  if (missed.length > 0) say(`BAD mutations: ${missed.join("; ")}`);
  return races.faults.length === 0 && missed.length === 0;
}

function row({ operation, changes, opens, killed, failed, cuts, states, bad, seconds }: OperationResult): string {
  const calls = `${`${changes}`.padStart(4)} changes ${`${opens}`.padStart(3)} opens`;
  const points = `${`${killed}`.padStart(4)} killed ${`${failed}`.padStart(5)} failed ${`${cuts}`.padStart(4)} cuts`;
  return `${operation.padEnd(22)} ${calls} ${points} ${`${states}`.padStart(5)} states ${bad.length} bad  ${seconds.toFixed(0)} s`;
}

/** What has one cause looks alike, and is told once. */
function describeBad({ bad }: OperationResult): string[] {
  return [...Map.groupBy(bad, ({ operation, faults }) => `${operation}: ${faults.join("\n")}`)].map(([what, places]) => {
    const shown = places.slice(0, PLACES_SHOWN).map(({ where }) => where);
    return `BAD ${what.split("\n").slice(0, LINES_SHOWN).join("\n    ")}\n    at ${places.length} places: ${shown.join("; ")}`;
  });
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
