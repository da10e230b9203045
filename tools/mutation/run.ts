/**
 * `npm run mutation -- defences [NUMBER ...]`: takes out each defence of defences.ts and says whether its test notices.
 * `npm run mutation -- ROOM [FILE[:FROM-TO] ...] [--concurrency N]`: mutates a room's sources in a copy of the checkout,
 * runs the tests that rooms.ts names, and says what survived. `--report` prints what the runs so far found, file by file.
 * Never writes to the sources. Knows nothing of what is tested.
 */
import { spawnSync } from "node:child_process";
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { checkDefences } from "./check-defences.ts";
import { cheapenArgon2id, copyCheckout } from "./copy.ts";
import { type Room, ROOMS } from "./rooms.ts";

const root: string = resolve(import.meta.dirname, "../..");
const modules: string = resolve(import.meta.dirname, "node_modules");
const reports: string = join(root, "build/mutation");

interface Mutant {
  readonly status: string;
  readonly mutatorName: string;
  readonly replacement?: string;
  readonly location: { readonly start: { readonly line: number; readonly column: number } };
}

interface FileResult {
  readonly source: string;
  readonly mutants: readonly Mutant[];
}

/** A file of the room, perhaps only some of its lines, as Stryker names it: `path` or `path:FROM-TO`. */
interface Target {
  readonly path: string;
  readonly lines?: string | undefined;
}

const CAUGHT: readonly string[] = ["Killed", "Timeout"];
const MISSED: readonly string[] = ["Survived", "NoCoverage"];
/** To be looked at by a person. */
const LISTED: readonly string[] = [...MISSED, "Timeout"];

function sourcesOf(room: Room): string[] {
  return globSync("**/*.ts", { cwd: join(root, room.folder), exclude: ["**/*.test.ts"] }).sort();
}

/** The test files that are to notice a change of that source. */
function testsOf(room: Room, path: string): string[] {
  const own = path.replace(/\.ts$/, ".test.ts");
  const named = room.tests[path] ?? room.tests[path.slice(0, path.lastIndexOf("/") + 1)] ?? room.otherwise;
  return [...new Set([own, ...named])].filter((test) => existsSync(join(root, room.folder, test)));
}

/** One run of Stryker over one file, or some of its lines. A file of types alone has no mutants. */
function mutate(copy: string, room: Room, targets: readonly Target[], tests: readonly string[], concurrency: number): FileResult {
  const report = join(copy, "mutation.json");
  const config = join(copy, "stryker.conf.json");
  rmSync(report, { force: true });
  writeFileSync(
    config,
    JSON.stringify({
      mutate: targets.map(({ path, lines }) => `${room.folder}/${path}${lines === undefined ? "" : `:${lines}`}`),
      // The copy is ours to change; a sandbox inside it would follow the links between the packages out of itself.
      inPlace: true,
      testRunner: "tap",
      plugins: [join(modules, "@stryker-mutator/tap-runner/dist/src/index.js"), join(import.meta.dirname, "only-messages.ts")],
      ignorers: ["only-messages"],
      tap: {
        testFiles: tests.map((test) => `${room.folder}/${test}`),
        nodeArgs: ["--test-reporter=tap", "-r", "{{hookFile}}", "{{testFile}}"],
      },
      coverageAnalysis: "perTest",
      // TypeScript 7 has no such interface; there is nothing to compile either.
      tsconfigFile: "none.json",
      disableTypeChecks: false,
      concurrency,
      // Generous: a busy machine must not pass for a mutant that was noticed. Those that ran out of time are listed.
      timeoutMS: 60_000,
      timeoutFactor: 10,
      reporters: ["json", "progress-append-only"],
      jsonReporter: { fileName: report },
      allowConsoleColors: false,
    }),
  );
  const { status } = spawnSync(process.execPath, [join(modules, "@stryker-mutator/core/bin/stryker.js"), "run", config], {
    cwd: copy,
    stdio: "inherit",
    env: {
      ...process.env,
      PATH: `${dirname(process.execPath)}${delimiter}${process.env["PATH"] ?? ""}`,
      NODE_COMPILE_CACHE: join(copy, ".compile-cache"),
    },
  });
  if (status !== 0) throw new Error("Stryker did not come to its end; see above.");
  if (!existsSync(report)) return { source: "", mutants: [] };
  const found: { files: Record<string, FileResult> } = JSON.parse(readFileSync(report, "utf8"));
  return Object.values(found.files)[0] ?? { source: "", mutants: [] };
}

function count({ mutants }: FileResult, statuses: readonly string[]): number {
  return mutants.filter(({ status }) => statuses.includes(status)).length;
}

function line(name: string, caught: number, missed: number): string {
  const score = caught + missed === 0 ? "-" : ((100 * caught) / (caught + missed)).toFixed(1);
  return `${name.padEnd(28)} ${String(caught + missed).padStart(7)} ${String(missed).padStart(6)} ${score.padStart(7)}\n`;
}

function printListed(path: string, { source, mutants }: FileResult): void {
  const lines = source.split("\n");
  for (const { status, mutatorName, replacement = "", location } of mutants) {
    if (!LISTED.includes(status)) continue;
    const { line: at, column } = location.start;
    const shown = replacement.replaceAll(/\s+/g, " ").slice(0, 120);
    process.stdout.write(`${path}:${at}:${column} ${status} ${mutatorName} -> ${shown}\n    ${lines[at - 1]?.trim() ?? ""}\n`);
  }
}

function printTable(results: readonly (readonly [string, FileResult])[]): void {
  let [caught, missed] = [0, 0];
  process.stdout.write(`${"file".padEnd(28)} mutants missed   score\n`);
  for (const [path, result] of results) {
    const [c, m] = [count(result, CAUGHT), count(result, MISSED)];
    caught += c;
    missed += m;
    process.stdout.write(line(path, c, m));
  }
  process.stdout.write(line("total", caught, missed));
}

function reportFile(roomName: string, path: string): string {
  return join(reports, roomName, `${path.replaceAll("/", "_")}.json`);
}

/** What the latest run over the whole of each file found. */
function saved(roomName: string, room: Room): [string, FileResult][] {
  return sourcesOf(room).flatMap((path) => {
    const file = reportFile(roomName, path);
    return existsSync(file) ? [[path, JSON.parse(readFileSync(file, "utf8")) as FileResult]] : [];
  });
}

function parseTargets(room: Room, wanted: readonly string[]): Target[] {
  const sources = sourcesOf(room);
  if (wanted.length === 0) return sources.map((path) => ({ path }));
  return wanted.flatMap((argument) => {
    const [name = "", lines] = argument.split(":");
    const paths = sources.filter((path) => path === name || path.startsWith(`${name}/`));
    if (paths.length === 0) throw new Error(`no source of this room: ${name}`);
    return paths.map((path) => ({ path, lines }));
  });
}

function main(): void {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { concurrency: { type: "string", default: "2" }, report: { type: "boolean", default: false } },
  });
  const [roomName = "", ...wanted] = positionals;
  if (roomName === "defences") {
    if (!checkDefences(wanted)) process.exitCode = 1;
    return;
  }
  const room = ROOMS[roomName];
  if (room === undefined)
    throw new Error(
      `usage: npm run mutation -- defences|${Object.keys(ROOMS).join("|")} [FILE[:FROM-TO] ...] [--concurrency N] [--report]`,
    );
  if (values.report) {
    const results = saved(roomName, room);
    for (const [path, result] of results) printListed(path, result);
    printTable(results);
    return;
  }
  if (!existsSync(modules)) throw new Error("first: npm ci --prefix tools/mutation");
  // A run for each file, so that what was found is kept when a later one does not come to its end.
  const byFile = Map.groupBy(parseTargets(room, wanted), ({ path }) => path);
  const copy = copyCheckout();
  try {
    cheapenArgon2id(copy);
    mkdirSync(join(reports, roomName), { recursive: true });
    const results: [string, FileResult][] = [];
    for (const [path, targets] of byFile) {
      const result = mutate(copy, room, targets, testsOf(room, path), Number(values.concurrency));
      results.push([path, result]);
      const isWhole = targets.some(({ lines }) => lines === undefined);
      if (isWhole) writeFileSync(reportFile(roomName, path), JSON.stringify({ source: result.source, mutants: result.mutants }));
    }
    for (const [path, result] of results) printListed(path, result);
    printTable(results);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

try {
  main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
