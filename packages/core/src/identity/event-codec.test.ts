import assert from "node:assert/strict";
import { test } from "node:test";
import { withFields } from "../../../testkit/src/vectors/breakage.ts";
import { bytesOf, castMember, encryptionKeyOf, signerOf, STORY_START } from "../../../testkit/src/vectors/cast.ts";
import { assertRefused } from "../../../testkit/src/vectors/refusals.ts";
import type { CborValue } from "../codec/cbor.ts";
import { isTalosError } from "../errors/talos-error.ts";
import { decodeEventBody, encodeInception, encodeRevocation, encodeRotation, type RotationInput } from "./event-codec.ts";

const alice = castMember("alice");
const rotationInput: RotationInput = {
  seq: 1,
  previous: alice.log.head.hash,
  authority: "recovery",
  revealedKey: alice.recovery.key,
  time: STORY_START + 1,
  identityKey: signerOf("alice later").key,
  identityProtection: "software",
  encryptionKey: encryptionKeyOf("alice encryption 2"),
  encryptionProtection: "software",
  next: alice.inception.next,
  reason: "lost",
  migrationSeconds: 2_592_000,
  suspectFrom: 1,
  auditHead: { size: 1, root: bytesOf("root", 32) },
};
const { previous, revealedKey } = rotationInput;
const rotation = encodeRotation(rotationInput);
const inception = encodeInception(alice.inception);
const revocation = encodeRevocation({ seq: 9999, previous, authority: "recovery", revealedKey, time: 0, reason: "lost" });

/** A body with one field of another value: refused, and where it is said which field of which structure, it is this one. */
function assertField(body: Uint8Array, field: number, value: CborValue | undefined, reason?: string): void {
  decodeEventBody(body);
  assert.throws(
    () => decodeEventBody(withFields(body, { [field]: value })),
    (error: unknown) => {
      assert.ok(isTalosError(error, "MALFORMED"), `${field}: ${String(error)}`);
      if (reason !== undefined) assert.deepEqual({ ...error.details }, { structure: "identity event", field: String(field), reason });
      return true;
    },
  );
}

test("a field outside its bounds is refused by name", () => {
  for (const body of [inception, rotation, revocation]) assertField(body, 2, 3, "too large");
  assertField(inception, 3, undefined);
  for (const body of [inception, rotation]) {
    for (const field of [4, 6]) assertField(body, field, undefined);
    for (const field of [5, 7]) assertField(body, field, 5, "too large");
    const { online, recovery = online } = alice.inception.next;
    for (const short of [
      [
        [1, online.slice(1)],
        [3, recovery],
      ],
      [
        [1, online],
        [3, recovery.slice(1)],
      ],
      [[3, recovery]],
      [
        [1, online],
        [2, online],
      ],
    ] as [number, Uint8Array][][])
      assertField(body, 8, new Map(short));
  }
  for (const body of [rotation, revocation]) {
    for (const seq of [0, 10_000, undefined]) assertField(body, 9, seq);
    for (const bytes of [previous.slice(1), new Uint8Array(33)]) assertField(body, 10, bytes);
    for (const authority of [0, 2, 4]) assertField(body, 11, authority, "no such authority");
    assertField(body, 12, [2, revealedKey.bytes]);
    assertField(body, 13, 4, "not a reason of this kind of event");
    assertField(body, 16, [1, bytesOf("root", 31)]);
    assertField(body, 15, bytesOf("index", 4));
  }
  assertField(rotation, 14, 2_592_001, "too large");
  assertField(rotation, 13, 3, "not a reason of this kind of event");
  assertField(revocation, 13, 0, "not a reason of this kind of event");
  assertField(rotation, 12, [1, rotationInput.identityKey.bytes], "does not fit the authority and the new identity key");
  assertField(rotation, 11, 1);
});

test("fields of another kind of event are refused", () => {
  for (const field of [9, 10, 13, 14, 15, 16]) assertField(inception, field, 1);
  for (const field of [4, 6, 8, 14]) assertField(revocation, field, 1);
  assertField(rotation, 17, 1);
});

test("a critical extension can be written by who knows it, and is refused by who does not", () => {
  const extensions = [{ id: 7, critical: true, value: new Uint8Array(1) }];
  const bodies = [
    encodeInception({ ...alice.inception, extensions }),
    encodeRotation({ ...rotationInput, extensions }),
    encodeRevocation({ seq: 1, previous, authority: "recovery", revealedKey, time: 0, reason: "lost", extensions }),
  ];
  for (const body of bodies) {
    assert.deepEqual(decodeEventBody(body, [7]).extensions, extensions);
    assertRefused(() => decodeEventBody(body, [8]), "another is known", "UNSUPPORTED_EXTENSION");
    assertRefused(() => decodeEventBody(body), "none is known", "UNSUPPORTED_EXTENSION");
  }
});
