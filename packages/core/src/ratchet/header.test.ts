import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { isTalosError } from "../errors/talos-error.ts";
import { decodeRatchetHeader, encodeRatchetHeader, type RatchetHeader } from "./header.ts";

const bytes = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.integer({ min: 0, max: 255 }).map((byte) => new Uint8Array(length).fill(byte));
const plain = { noNullPrototype: true };
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });

const kemParts = fc.oneof(
  fc.record({ encapsulationKey: bytes(1184), ciphertext: fc.option(bytes(1088), { nil: undefined }) }, plain),
  fc.record({ encapsulationKey: fc.constant(undefined), ciphertext: bytes(1088) }, plain),
);
const generation = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const headers: fc.Arbitrary<RatchetHeader> = fc.record(
  {
    ratchetKey: bytes(32),
    kem: fc.option(kemParts, { nil: undefined }),
    previousChainLength: u32,
    counter: u32,
    logSeq: fc.nat(9_999),
    generation,
  },
  plain,
);

test("a ratchet header comes back the same, with and without KEM parts", () => {
  fc.assert(
    fc.property(headers, (header) => {
      const encoded = encodeRatchetHeader(header);
      assert.deepEqual(decodeRatchetHeader(encoded), header);
      const kemBytes = (header.kem?.encapsulationKey?.length ?? 0) + (header.kem?.ciphertext?.length ?? 0);
      assert.equal(encoded.length, 53 + kemBytes);
    }),
  );
});

function refusesHeader(changed: Uint8Array): void {
  assert.throws(
    () => decodeRatchetHeader(changed),
    (error) => isTalosError(error, "MALFORMED"),
  );
}

test("a ratchet header that is cut, longer, flagged unknown, of generation 0 or beyond the longest log is refused", () => {
  const header = { ratchetKey: new Uint8Array(32), previousChainLength: 1, counter: 2, logSeq: 3, generation: 4 };
  const encoded = encodeRatchetHeader(header);
  for (let length = 0; length < encoded.length; length++) refusesHeader(encoded.slice(0, length));
  refusesHeader(Uint8Array.of(...encoded, 0));
  refusesHeader(encoded.with(32, 4));
  refusesHeader(encoded.with(32, 1));
  refusesHeader(encodeRatchetHeader({ ...header, generation: 0 }));
  assert.equal(decodeRatchetHeader(encodeRatchetHeader({ ...header, logSeq: 9_999 })).logSeq, 9_999);
  refusesHeader(encodeRatchetHeader({ ...header, logSeq: 10_000 }));
});
