import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { bytesOf } from "../../../testkit/src/vectors/cast.ts";
import { assertRefused } from "../../../testkit/src/vectors/refusals.ts";
import { concatBytes } from "../bytes/bytes.ts";
import { utf8 } from "../bytes/utf8.ts";
import { TalosError } from "../errors/talos-error.ts";
import { decodeFrame, encodeFrame, messageId, shortHead, type Frame, type FrameSignature, type MessageId } from "./frame.ts";
import { paddedFrameLength, padme } from "./padding.ts";

const bytes = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });
const id: fc.Arbitrary<MessageId> = bytes(16)
  .filter((value) => value.some((byte) => byte !== 0))
  .map(messageId);
const seq = fc.nat(9999);
const signature: fc.Arbitrary<FrameSignature | undefined> = fc.oneof(
  fc.constant(undefined),
  fc.tuple(bytes(32), bytes(64)).map(([certificateHash, value]) => ({ kind: "instance", certificateHash, signature: value }) as const),
  fc
    .tuple(seq, bytes(32), bytes(64))
    .map(([number, hash, value]) => ({ kind: "identity", head: { seq: number, hash }, signature: value }) as const),
);
const shared = fc
  .tuple(
    fc.boolean(),
    id,
    fc.maxSafeNat(),
    seq,
    bytes(8),
    fc.array(id, { maxLength: 64 }),
    fc.option(fc.uint8Array({ maxLength: 600 })),
    signature,
  )
  .map(([resent, identifier, time, number, hashPrefix, acknowledged, certificate, signed]) => ({
    resent,
    messageId: identifier,
    time,
    recipientHead: { seq: number, hashPrefix },
    acknowledged,
    ...(certificate === null ? {} : { certificate }),
    ...(signed === undefined ? {} : { signature: signed }),
  }));
const contentType = fc.string({ unit: "grapheme", maxLength: 30 }).filter((text) => utf8(text).length <= 127);
const extensions = fc.constantFrom([], [{ id: 3, critical: false, value: bytesOf("value", 9) }]);
const frame: fc.Arbitrary<Frame> = fc
  .tuple(shared, fc.constantFrom("content", "acknowledgement", "empty-turn"), contentType, extensions, fc.uint8Array({ maxLength: 3000 }))
  .map(([fields, type, text, list, body]) => ({
    ...fields,
    type,
    extensions: list,
    contentType: type === "content" ? text : "",
    body: type === "content" ? body : new Uint8Array(0),
  }));

const plain: Frame = {
  type: "content",
  resent: false,
  messageId: messageId(bytesOf("id", 16)),
  time: 1,
  recipientHead: shortHead({ seq: 0, hash: bytesOf("head", 32) }),
  contentType: "text/plain",
  acknowledged: [],
  extensions: [],
  body: utf8("hello"),
};

test("every frame goes through its encoding and back, padded", () => {
  fc.assert(
    fc.property(frame, (fields) => {
      const wire = encodeFrame(fields);
      assert.deepEqual(decodeFrame(wire), fields);
      assert.equal(paddedFrameLength(wire.length), wire.length, "a padded length stays as it is");
    }),
  );
});

test("whatever comes is read or refused, never anything else", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(255), fc.nat(255), (noise, index, value) => {
      for (const wire of [noise, encodeFrame(plain).with(index, value)]) {
        try {
          encodeFrame(decodeFrame(wire));
        } catch (error) {
          assert.ok(error instanceof TalosError, String(error));
        }
      }
    }),
  );
});

test("a body of 10,000,000 bytes fits, and its padding is small; one byte more is refused", () => {
  const body = new Uint8Array(10_000_000).fill(7);
  const wire = encodeFrame({ ...plain, body });
  assert.ok(wire.length < 10_300_000);
  assert.deepEqual(decodeFrame(wire).body.length, body.length);
  assertRefused(() => encodeFrame({ ...plain, body: concatBytes(body, Uint8Array.of(1)) }), "too large", "MESSAGE_TOO_LARGE");
});

test("lengths in one class look alike: at most 12 % of padding, and few classes", () => {
  fc.assert(
    fc.property(fc.integer({ min: 256, max: 10_500_000 }), (length) => {
      const padded = padme(length);
      assert.ok(padded >= length && padded <= length * 1.12);
      assert.equal(padme(padded), padded);
    }),
  );
  assert.equal(paddedFrameLength(1), 256);
  assert.deepEqual([256, 257, 264, 265, 1000, 1 << 20].map(padme), [256, 272, 272, 272, 1024, 1 << 20]);
});

test("a field outside its bounds is not encoded", () => {
  const many = Array.from({ length: 65 }, () => plain.messageId);
  for (const changes of [
    { contentType: "x".repeat(128) },
    { contentType: "é".repeat(64) },
    { acknowledged: many },
    { certificate: new Uint8Array(4097) },
    { type: "acknowledgement" },
    { time: -1 },
    { time: 2 ** 53 },
    { recipientHead: { seq: 0, hashPrefix: new Uint8Array(32) } },
    { signature: { kind: "instance", certificateHash: new Uint8Array(32), signature: new Uint8Array(63) } },
    { signature: { kind: "identity", head: { seq: 0, hash: new Uint8Array(31) }, signature: new Uint8Array(64) } },
  ] as const) {
    assertRefused(() => encodeFrame({ ...plain, ...changes }), JSON.stringify(Object.keys(changes)), "INVALID_ARGUMENT");
  }
  assertRefused(() => messageId(new Uint8Array(16)), "zeros", "MALFORMED");
});

test("bytes after the body are padding: anything but zero is refused", () => {
  const wire = encodeFrame(plain);
  for (let index = 80; index < wire.length; index++) assertRefused(() => decodeFrame(wire.with(index, 1)), `byte ${index}`, "MALFORMED");
});
