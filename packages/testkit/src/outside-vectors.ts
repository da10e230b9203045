// Finds the test vectors that come from outside and are not copied into the project: beside the checkout, or where TALOS_VECTORS says.
// Knows nothing of what is in them.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Every set that a test of ours reads; the runner names those that are absent. */
export const OUTSIDE_VECTOR_SETS = ["talos-sdk", "wycheproof"] as const;

export type OutsideVectorSet = (typeof OUTSIDE_VECTOR_SETS)[number];

const folder: string = process.env["TALOS_VECTORS"] ?? join(import.meta.dirname, "../../../../shared/vectors");

/** The folder of a set, or undefined where it is absent: a test then skips, with `absentVectors(set)` as its reason. */
export function outsideVectors(set: OutsideVectorSet): string | undefined {
  const path = join(folder, set);
  return existsSync(path) ? path : undefined;
}

/** The value for a test's `skip`: the reason where the set is absent, else false. */
export function absentVectors(set: OutsideVectorSet): string | false {
  return outsideVectors(set) === undefined && `vectors absent: ${set}`;
}

/** One JSON file of a set, parsed; the test that calls it has asked `absentVectors` before. */
export function readOutsideVectors(set: OutsideVectorSet, file: string): unknown {
  return JSON.parse(readFileSync(join(folder, set, file), "utf8"));
}

/** The sets that are not on this machine. */
export function absentVectorSets(): OutsideVectorSet[] {
  return OUTSIDE_VECTOR_SETS.filter((set) => outsideVectors(set) === undefined);
}
