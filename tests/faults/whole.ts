/**
 * `npm run test:faults`: the whole matrix of vaults, that of agents with one mode of failing at each point and every request lost, the swaps
 * that they must notice, and the races. Prints a table; exits 1 on anything bad. With names of operations, their part alone; with
 * `--every N` only every N-th point of it; with `--requests N` every N-th
 * request is lost, with 0 none; with `--until-bad` an operation ends at the first bad state.
 */
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { runMatrix, type DiskSubject, type OperationResult } from "@talos/testkit/disk-faults";
import { absentMounts, fillDisk } from "./full-disk.ts";
import { ALL_SWAPS, runMutations, unnoticed } from "./mutations.ts";
import { stopDirectories } from "./agents/directory-holder.ts";
import { loseRequests } from "./agents/network.ts";
import { agentSubject } from "./agents/subject.ts";
import { openingRaces } from "./opening-race.ts";
import { vaultSubject } from "./vault-subject.ts";

const RACES = 100;
const LINES_SHOWN = 8;
const PLACES_SHOWN = 6;

process.env["NODE_COMPILE_CACHE"] ??= resolve(import.meta.dirname, "../../node_modules/.cache/talos");
const { values, positionals: named } = parseArgs({
  allowPositionals: true,
  options: { every: { type: "string", default: "1" }, requests: { type: "string" }, "until-bad": { type: "boolean", default: false } },
});
const every = Number(values.every);
/** Of a disk: each state is looked at in a fifth of a second, and there are thousands. */
const AGENT_DRAWS = 1;

const known = [...vaultSubject.operations, ...agentSubject.operations].map(({ name }) => name);
const unknown = named.filter((name) => !known.includes(name));
if (unknown.length > 0) throw new Error(`no such operations: ${unknown.join()}; there are ${known.join()}`);

const areGood = [await matrixOf("vault", vaultSubject), await matrixOf("agent", agentSubject), await network()];
await stopDirectories();
const restIsGood = named.length > 0 || (await everythingElse());
process.exitCode = areGood.every(Boolean) && restIsGood ? 0 : 1;

/** Undefined for all. */
function chosenOf(subject: DiskSubject): readonly string[] | undefined {
  if (named.length === 0) return undefined;
  return subject.operations.map(({ name }) => name).filter((name) => named.includes(name));
}

async function matrixOf(what: "vault" | "agent", subject: DiskSubject): Promise<boolean> {
  const operations = chosenOf(subject);
  if (operations?.length === 0) return true;
  const isAgent = what === "agent";
  const results = await runMatrix({
    subject,
    child: join(import.meta.dirname, isAgent ? "agents/child.ts" : "vault-child.ts"),
    ...(operations === undefined ? {} : { operations }),
    every,
    ...(isAgent ? { inTurn: true, draws: AGENT_DRAWS } : {}),
    untilBad: values["until-bad"],
    atOnce: isAgent ? 2 : 3,
    progress: (result) => {
      say(row(result));
      for (const line of describeBad(result)) say(line);
    },
  });
  const sum = (part: (result: OperationResult) => number): number => results.reduce((total, result) => total + part(result), 0);
  const bad = sum((result) => result.bad.length);
  const points = `${sum(({ killed }) => killed)} killed, ${sum(({ failed }) => failed)} failed, ${sum(({ cuts }) => cuts)} cuts`;
  say(`${results.length} operations of the ${what}: ${points}; ${sum(({ states }) => states)} states, ${bad} bad`);
  return results.length > 0 && bad === 0;
}

async function network(): Promise<boolean> {
  const operations = chosenOf(agentSubject);
  const everyRequest = Number(values.requests ?? every);
  if (operations?.length === 0 || everyRequest === 0) return true;
  const results = await loseRequests({ ...(operations === undefined ? {} : { operations }), every: everyRequest });
  for (const { operation, requests, lost, bad } of results) {
    say(`${operation.padEnd(22)} ${requests.length} requests, ${lost} of them or their answers lost, ${bad.length} bad`);
    for (const one of bad) say(`BAD ${operation}: ${one.split("\n").slice(0, LINES_SHOWN).join("\n    ")}`);
  }
  return results.every(({ bad }) => bad.length === 0);
}

async function everythingElse(): Promise<boolean> {
  const races = await openingRaces(RACES);
  say(`${races.rounds} races: ${races.commits} commits, ${races.refused} openings refused, ${races.faults.length} faults`);
  for (const fault of races.faults) say(`BAD race: ${fault}`);

  const noMounts = absentMounts();
  say(noMounts === false ? `a disk of 2 MB: ${JSON.stringify(fillDisk())}` : `a disk of 2 MB: not tried: ${noMounts}`);

  const mutations = runMutations(ALL_SWAPS);
  for (const { name, noticed } of mutations) say(`${name}: ${noticed.length === 0 ? "nothing noticed" : noticed.join("; ")}`);
  const missed = unnoticed(ALL_SWAPS, mutations);
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
