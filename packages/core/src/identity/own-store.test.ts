import assert from "node:assert/strict";
import { test } from "node:test";
import { inceptionOf, logOfBranch, recovered, revoked, rotated, type Branch } from "../../../testkit/src/vectors/branch.ts";
import { isTalosError } from "../errors/talos-error.ts";
import { agentId } from "../keys/agent-id.ts";
import { nodeCrypto } from "../primitives/node-crypto.ts";
import { logFromOwnStore } from "./own-store.ts";
import { UsedKeys, verifySuccessor } from "./successor.ts";
import { decodeEvent } from "./signed-event.ts";
import { stateAt } from "./log.ts";
import { verifyLog } from "./verify-log.ts";

const start = inceptionOf("alice");
const branches: readonly Branch[] = [
  start,
  rotated(rotated(start, "one"), "two", { reason: "lost" }),
  rotated(recovered(rotated(start, "one"), "back"), "three"),
  revoked(rotated(start, "one"), "online"),
];

test("what was verified before it was stored is the same log again, without a signature being verified", () => {
  for (const branch of branches) {
    const log = logOfBranch(branch);
    assert.deepEqual(logFromOwnStore(log.agentId, log.events, { sha256: (...parts) => nodeCrypto.sha256(...parts) }), log);
  }
});

test("a store that lost, changed, moved or mixed up an event is found", () => {
  const { events, agentId: id } = logOfBranch(rotated(rotated(start, "one"), "two"));
  const [first, second, third] = events as [Uint8Array, Uint8Array, Uint8Array];
  const changed = second.slice();
  changed[60] = (changed[60] as number) ^ 1;
  const other = logOfBranch(inceptionOf("bob"));
  const broken: Readonly<Record<string, readonly Uint8Array[]>> = {
    empty: [],
    "other-agent": other.events,
    "not-an-inception": [second],
    "out-of-order": [first, third],
    "second-inception": [first, first],
  };
  for (const [reason, some] of Object.entries(broken)) {
    assert.throws(
      () => logFromOwnStore(id, some, nodeCrypto),
      (error: unknown) => isTalosError(error, "LOG_INVALID") && error.details["reason"] === reason,
      reason,
    );
  }
  assert.throws(() => logFromOwnStore(id, [first, changed, third], nodeCrypto), isTalosError);
  assert.throws(() => logFromOwnStore(agentId(new Uint8Array(32)), events, nodeCrypto), isTalosError);
});

test("an event that reveals no key which was committed to is refused before a long log is gone through", () => {
  const log = logOfBranch(rotated(start, "one"));
  const strange = rotated({ ...rotated(start, "one"), next: inceptionOf("mallory").next }, "two").wires.at(-1) as Uint8Array;
  const untouched = new Proxy(log.states, { get: () => assert.fail("the states were read") });
  const step = (): unknown =>
    verifySuccessor(stateAt(log, 1), decodeEvent(strange, nodeCrypto), new UsedKeys(untouched, nodeCrypto), nodeCrypto);
  assert.throws(step, (error: unknown) => isTalosError(error, "LOG_INVALID") && error.details["reason"] === "another-commitment");
  assert.throws(() => verifyLog(log, [...log.events, strange], 0, nodeCrypto), isTalosError);
});
