import assert from "node:assert/strict";
import { test } from "node:test";
import { isTalosError } from "@talos/core";
import { rescueIn } from "./care.ts";
import { systemEnvironment } from "./environment.ts";

const EARLY = { ...systemEnvironment, clock: { ...systemEnvironment.clock, now: () => -3_600_000 } };
const NOWHERE = "/nonexistent/talos-care";

test("with a clock before 1970 nothing is rescued", async () => {
  await assert.rejects(
    rescueIn(EARLY, { dataDir: NOWHERE, password: "any" }),
    (error) => isTalosError(error, "INVALID_ARGUMENT") && /1970/.test(error.message),
  );
});
