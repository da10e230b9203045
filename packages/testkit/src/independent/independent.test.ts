// The independent decoder reads every file of vectors/: what is valid gives the fields, what is not is refused for the reason that the file names.
// A file that nobody here reads fails the test.
import { strict as assert } from "node:assert";
import { describe, it } from "node:test";
import { Refusal } from "./index.ts";
import { readVectorFile, vectorNames } from "./vector-file.ts";
import { EXCHANGES } from "./vector-exchanges.ts";
import { RECORDS } from "./vector-records.ts";
import { VIEWERS, type Viewer } from "./vector-views.ts";

/** Absent and null are one here: the protocol has no optional field whose null means something else. */
function withoutNull(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_, inner: unknown) => (inner === null ? undefined : inner)) ?? "{}");
}

describe("the independent decoder reads vectors/", () => {
  for (const name of vectorNames()) {
    it(`${name}.json`, () => {
      const file = readVectorFile(name);
      const view: Viewer | undefined = { ...VIEWERS, ...EXCHANGES, ...RECORDS }[file.structure];
      assert.ok(view !== undefined, `no reader for ${file.structure}`);
      for (const vector of file.cases) {
        const label = `${name}: ${vector.name}`;
        if (vector.error === undefined) {
          const { fields, derived } = view(vector);
          assert.deepEqual(withoutNull(fields), withoutNull(vector.fields), label);
          assert.deepEqual(withoutNull(derived ?? {}), withoutNull(vector.derived ?? {}), label);
        } else {
          assert.throws(
            () => view(vector),
            (error) => error instanceof Refusal && error.class === vector.error?.toLowerCase().replaceAll("_", "-"),
            label,
          );
        }
      }
    });
  }
});
