import assert from "node:assert/strict";
import { test } from "node:test";
import { talosError, type ErrorCode } from "@talos/core";
import { hasCode } from "@talos/testkit";
import { whileBusy } from "./patience.ts";

function answering(...answers: readonly (ErrorCode | "answer")[]): { readonly ask: () => Promise<string>; readonly asked: () => number } {
  let count = 0;
  return {
    asked: () => count,
    ask: async () => {
      const answer = answers[count++] ?? "answer";
      if (answer === "answer") return answer;
      throw talosError(answer);
    },
  };
}

const slept: number[] = [];
const clock = { now: () => 0, sleep: async (milliseconds: number) => void slept.push(milliseconds) };

test("a busy directory is asked again, longer apart each time; another failure is told at once", async () => {
  const busy = answering("DIRECTORY_BUSY", "RATE_LIMITED");
  assert.equal(await whileBusy(clock, busy.ask), "answer");
  assert.deepEqual([busy.asked(), slept], [3, [250, 500]]);
  const away = answering("DIRECTORY_UNREACHABLE");
  await assert.rejects(whileBusy(clock, away.ask), hasCode("DIRECTORY_UNREACHABLE"));
  assert.equal(away.asked(), 1);
  const always = answering(...Array.from({ length: 9 }, () => "DIRECTORY_BUSY" as const));
  await assert.rejects(whileBusy(clock, always.ask), hasCode("DIRECTORY_BUSY"));
  assert.equal(always.asked(), 5);
});
