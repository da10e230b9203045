// Checks that tests of every signed structure share: no changed byte and no shortened input ever verifies.
import assert from "node:assert/strict";
import { TalosError } from "@talos/core";

/** Every single-byte change, with one bit and with all bits flipped, must be refused with a TalosError. */
export function assertNoMutationPasses(wire: Uint8Array, read: (bytes: Uint8Array) => unknown): void {
  read(wire);
  for (let index = 0; index < wire.length; index++) {
    for (const flip of [0x01, 0xff]) {
      const mutated = wire.slice();
      mutated[index] = (mutated[index] as number) ^ flip;
      assertRefused(() => read(mutated), `byte ${index} ^ ${flip}`);
    }
  }
}

/** Every prefix, and one byte more, must be refused with a TalosError. */
export function assertNoTruncationPasses(wire: Uint8Array, read: (bytes: Uint8Array) => unknown): void {
  for (let length = 0; length < wire.length; length++) assertRefused(() => read(wire.slice(0, length)), `first ${length} bytes`);
  assertRefused(() => read(Uint8Array.of(...wire, 0)), "one byte more");
}

/** Runs an action that must throw a TalosError, of that code where one is given. */
export function assertRefused(action: () => unknown, what: string, code?: string): void {
  let result: unknown;
  try {
    result = action();
  } catch (error) {
    assert.ok(error instanceof TalosError, `${what}: ${String(error)}`);
    if (code !== undefined) assert.equal(error.code, code, what);
    return;
  }
  assert.fail(`${what}: accepted, with ${typeof result}`);
}
