import assert from "node:assert/strict";
import test from "node:test";
import { isTalosError } from "@talos/core";
import { AgentEvents, type AgentEventName, type PrekeysLow } from "./agent-events.ts";

const LOW: PrekeysLow = { reason: "low", left: 9, target: 100, taken: 1, withinMilliseconds: 1_000 };

test("listeners hear what is emitted under their name, until they stop", () => {
  const events = new AgentEvents();
  const heard: number[] = [];
  const stop = events.on("prekeysLow", ({ left }) => heard.push(left));
  events.on("superseded", () => assert.fail("another event"));
  events.emit("prekeysLow", { ...LOW, left: 9 });
  stop();
  stop();
  events.emit("prekeysLow", { ...LOW, left: 8 });
  assert.deepEqual(heard, [9]);
});

test("a listener may stop another, and the same function may listen twice", () => {
  const events = new AgentEvents();
  let heard = 0;
  const listener = (): void => {
    heard += 1;
  };
  const stop = events.on("superseded", listener);
  events.on("superseded", listener);
  events.emit("superseded", { seq: 0, generation: 2 });
  stop();
  events.emit("superseded", { seq: 0, generation: 3 });
  assert.equal(heard, 3);
});

test("a name that is no event is refused", () => {
  const events = new AgentEvents();
  for (const name of ["peerrotated", "toString", "__proto__"]) {
    assert.throws(
      () => events.on(name as AgentEventName, () => undefined),
      (error) => isTalosError(error, "INVALID_ARGUMENT"),
    );
  }
  assert.throws(
    () => events.on("superseded", undefined as never),
    (error) => isTalosError(error, "INVALID_ARGUMENT"),
  );
});
