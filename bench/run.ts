// `npm run bench [-- name ...] [-- --json FILE] [--rounds N]`: measures every operation of bench/operations/, or those whose name
// contains one of the names, prints a line each, and writes them all to FILE.
// Knows no operation: each module there exports `operations`, which makes them.
import { globSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { DEFAULT_MEASURE_OPTIONS, measure, type Measurement, type Operation } from "./harness.ts";

interface OperationModule {
  readonly operations: () => readonly Operation[] | Promise<readonly Operation[]>;
}

function describe({ operation, oursMicroseconds, ratios, differences, judgedBy }: Measurement): string {
  const compared =
    judgedBy === "ratio"
      ? Object.entries(ratios).map(([name, ratio]) => `${ratio.toFixed(2)} x ${name}`)
      : Object.entries(differences).map(([name, difference]) => `${(difference / 1_000).toFixed(1)} ms over ${name}`);
  return `${operation.padEnd(46)} ${oursMicroseconds.toFixed(1).padStart(10)} µs   ${compared.join("   ")}`;
}

const { values, positionals } = parseArgs({
  options: { json: { type: "string" }, rounds: { type: "string" } },
  allowPositionals: true,
});
const rounds: number = Number(values.rounds ?? DEFAULT_MEASURE_OPTIONS.rounds);
const measurements: Measurement[] = [];

for (const file of globSync("operations/*.ts", { cwd: import.meta.dirname }).sort()) {
  const module = (await import(resolve(import.meta.dirname, file))) as OperationModule;
  for (const operation of await module.operations()) {
    if (positionals.length > 0 && !positionals.some((name) => operation.operation.includes(name))) {
      await operation.close?.();
      continue;
    }
    const measurement = await measure(operation, { rounds });
    measurements.push(measurement);
    process.stdout.write(`${describe(measurement)}\n`);
  }
}
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(measurements, null, 2)}\n`);
