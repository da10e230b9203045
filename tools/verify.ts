// `npm run verify`: every check that a change must pass, the quick ones first, each to its end; exits 1 if one failed.
// `--fast` leaves the tests out. Knows which checks there are, not what they check.
import { spawnSync } from "node:child_process";
import { join, resolve } from "node:path";

const root: string = resolve(import.meta.dirname, "..");

interface Check {
  readonly name: string;
  /** A command of node_modules/.bin and its arguments; `node` is the Node that runs this. */
  readonly command: readonly [string, ...string[]];
}

const CHECKS: readonly Check[] = [
  { name: "types, of the packages and of everything that tests them", command: ["tsc", "-b"] },
  { name: "lint, layers, cycles", command: ["oxlint"] },
  { name: "format", command: ["oxfmt", "--check"] },
  { name: "dead code", command: ["knip", "--no-config-hints"] },
];
const TESTS: Check = { name: "tests", command: ["node", "tools/test.ts"] };

function run({ name, command: [program, ...args] }: Check): boolean {
  process.stdout.write(`== ${name}: ${[program, ...args].join(" ")}\n`);
  const started = performance.now();
  const path = program === "node" ? process.execPath : join(root, "node_modules/.bin", program);
  const { status } = spawnSync(path, args, { cwd: root, stdio: "inherit" });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stdout.write(`== ${name}: ${status === 0 ? "ok" : "FAILED"} in ${seconds} s\n\n`);
  return status === 0;
}

const checks = process.argv.includes("--fast") ? CHECKS : [...CHECKS, TESTS];
const failed = checks.filter((check) => !run(check)).map(({ name }) => name);
process.stdout.write(failed.length === 0 ? `verified: ${checks.length} checks\n` : `failed: ${failed.join("; ")}\n`);
process.exitCode = failed.length === 0 ? 0 : 1;
