// The form of the files in vectors/ (vectors/README.md), and where they are. Knows nothing of what they mean.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const folder: string = join(import.meta.dirname, "../../../../vectors");

export interface VectorCase {
  readonly name: string;
  readonly context?: Readonly<Record<string, unknown>>;
  readonly wire: unknown;
  readonly fields?: unknown;
  readonly derived?: Readonly<Record<string, unknown>>;
  readonly error?: string;
}

export interface VectorFile {
  readonly structure: string;
  readonly cases: readonly VectorCase[];
}

/** The names of all files, without `.json`. */
export function vectorNames(): readonly string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .map((name) => name.slice(0, -".json".length))
    .toSorted();
}

export function readVectorFile(name: string): VectorFile {
  return JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8")) as VectorFile;
}
