import assert from "node:assert/strict";
import { test } from "node:test";
import { isTalosError } from "@talos/core";
import { checkKdfParameters } from "./kdf-bounds.ts";

test("failure 35: each line of the floor is enough, one step below it is not", () => {
  for (const [memoryKiB, passes] of [
    [47_104, 1],
    [19_456, 2],
    [12_288, 3],
    [9_216, 4],
    [7_168, 5],
  ] as const) {
    checkKdfParameters({ memoryKiB, passes, lanes: 1 });
    assert.throws(() => checkKdfParameters({ memoryKiB: memoryKiB - 1, passes, lanes: 1 }), refused);
    assert.throws(() => checkKdfParameters({ memoryKiB, passes: passes - 1, lanes: 1 }), refused);
  }
});

test("failure 35: the ceiling itself is bearable, one step above it is not", () => {
  const ceiling = { memoryKiB: 1_048_576, passes: 16, lanes: 16 };
  checkKdfParameters(ceiling);
  for (const name of ["memoryKiB", "passes", "lanes"] as const) {
    const above = { ...ceiling, [name]: ceiling[name] + 1 };
    assert.throws(
      () => checkKdfParameters(above),
      (error) => {
        assert.ok(isTalosError(error, "KDF_PARAMETERS_REFUSED"));
        assert.deepEqual(error.details, above);
        return true;
      },
    );
    for (const value of [0, 1.5, -1, Number.NaN]) assert.throws(() => checkKdfParameters({ ...ceiling, [name]: value }), refused);
  }
});

function refused(error: unknown): boolean {
  return isTalosError(error, "KDF_PARAMETERS_REFUSED");
}
