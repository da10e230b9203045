/** `npm run test:faults [-- operation ...]`: the whole matrix. Prints a table; exits 1 on any bad state. */
import { join } from "node:path";
import { runMatrix, type OperationResult } from "@talos/testkit/disk-faults";
import { vaultSubject } from "./vault-subject.ts";

const LINES_SHOWN = 8;
const PLACES_SHOWN = 6;
const operations = process.argv.slice(2);

process.env["NODE_COMPILE_CACHE"] ??= join(import.meta.dirname, "../../node_modules/.cache/talos");
const results = await runMatrix({
  subject: vaultSubject,
  child: join(import.meta.dirname, "vault-child.ts"),
  ...(operations.length === 0 ? {} : { operations }),
  atOnce: 2,
  progress: (result) => {
    process.stdout.write(row(result));
    for (const line of describeBad(result)) process.stdout.write(`${line}\n`);
  },
});

const sum = (part: (result: OperationResult) => number): number => results.reduce((total, result) => total + part(result), 0);
process.stdout.write(`${sum(({ states }) => states)} states of ${results.length} operations, ${sum(({ bad }) => bad.length)} bad\n`);
process.exitCode = results.length > 0 && sum(({ bad }) => bad.length) === 0 ? 0 : 1;

function row({ operation, changes, opens, killed, failed, cuts, states, bad, seconds }: OperationResult): string {
  return `${operation.padEnd(22)} ${changes} changes, ${opens} opens; ${killed} killed, ${failed} failed, ${cuts} cuts; ${states} states, ${bad.length} bad; ${seconds.toFixed(0)} s\n`;
}

/** What has one cause looks alike, and is told once. */
function describeBad({ bad }: OperationResult): string[] {
  return [...Map.groupBy(bad, ({ operation, faults }) => `${operation}: ${faults.join("\n")}`)].map(([what, places]) => {
    const shown = places.slice(0, PLACES_SHOWN).map(({ where }) => where);
    return `BAD ${what.split("\n").slice(0, LINES_SHOWN).join("\n    ")}\n    at ${places.length} places: ${shown.join("; ")}`;
  });
}
