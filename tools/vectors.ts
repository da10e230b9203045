// `node tools/vectors.ts`: writes the vectors of everything that travels or is signed.
// Existing cases must not change: look at the difference before committing it.
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { VECTOR_SETS, vectorFileText } from "../packages/testkit/src/vectors/sets.ts";

const folder = resolve(import.meta.dirname, "../vectors");
for (const set of VECTOR_SETS) writeFileSync(join(folder, `${set.structure}.json`), vectorFileText(set));
