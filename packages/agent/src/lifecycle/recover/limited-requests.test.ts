import assert from "node:assert/strict";
import { test } from "node:test";
import { talosError } from "@talos/core";
import { hasCode } from "@talos/testkit";
import type { Clock } from "../../clock.ts";
import type { Directory } from "../../directory/directory.ts";
import { whileBusy } from "../../directory/patience.ts";
import { limited } from "./limited-requests.ts";

/** Goes forward when a test says so. */
function handClock(): { readonly clock: Clock; readonly pass: (milliseconds: number) => Promise<void> } {
  let now = 0;
  const waiting = new Set<{ readonly until: number; readonly wake: () => void }>();
  const clock: Clock = {
    now: () => now,
    sleep: async (milliseconds, signal) =>
      await new Promise((wake) => {
        const sleeper = { until: now + milliseconds, wake };
        waiting.add(sleeper);
        signal?.addEventListener("abort", () => wake(), { once: true });
      }),
  };
  const pass = async (milliseconds: number): Promise<void> => {
    now += milliseconds;
    for (const sleeper of waiting) if (sleeper.until <= now) sleeper.wake();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { clock, pass };
}

test("what was busy shortly before the limit is not asked again after it, and what is under way then is closed", async () => {
  const { clock, pass } = handClock();
  let closed = 0;
  let asked = 0;
  const directory = { close: () => void closed++ } as Partial<Directory> as Directory;
  const unsigned = async <T>(_: string, request: (directory: Directory) => Promise<T>): Promise<T> =>
    await whileBusy(clock, async () => await request(directory));
  const patient = limited({ clock, unsigned }, 600);

  const busy = assert.rejects(
    patient("https://busy.example", async () => {
      asked++;
      throw talosError("DIRECTORY_BUSY");
    }),
    hasCode("DIRECTORY_UNREACHABLE"),
  );
  await pass(0);
  await pass(250);
  // The next pause ends at 750.
  await pass(350);
  await busy;
  await pass(150);
  assert.equal(asked, 2);

  closed = 0;
  const hung = assert.rejects(
    patient("https://hung.example", async () => await new Promise(() => undefined)),
    hasCode("DIRECTORY_UNREACHABLE"),
  );
  await pass(600);
  await hung;
  assert.equal(closed, 1);
  assert.equal(await patient("https://good.example", async () => await Promise.resolve(7)), 7);
});
