import assert from "node:assert/strict";
import { test } from "node:test";
import { bytesOf, castMember, certificateOf, signAll, STORY_START } from "../../../testkit/src/vectors/cast.ts";
import { assertNoMutationPasses, assertNoTruncationPasses, assertRefused } from "../../../testkit/src/vectors/refusals.ts";
import { nodeCrypto } from "../primitives/node-crypto.ts";
import { envelopeIdFrom } from "./envelope.ts";
import { assembleNotice, decodeNotice, prepareNotice, verifyNotice, type NoticeInput } from "./notice.ts";

const alice = castMember("alice");
const bob = castMember("bob");
const input: NoticeInput = {
  certificate: certificateOf(bob).wire,
  recipient: alice.log.agentId,
  envelopeId: envelopeIdFrom(bytesOf("envelope", 16)),
  reason: "session-unknown",
  time: STORY_START,
};

test("a notice names its sender, and verifies under the sender's log", () => {
  for (const reason of ["unspecified", "session-unknown", "prekey-gone"] as const) {
    const prepared = prepareNotice({ ...input, reason });
    const wire = assembleNotice(bob.log, prepared.body, signAll(prepared, { 1: bob.instance }), nodeCrypto);
    assert.deepEqual(decodeNotice(wire), { type: "cannot-decrypt", sender: bob.log.agentId, ...input, reason, extensions: [] });
    const notice = verifyNotice(bob.log, wire, nodeCrypto);
    assert.deepEqual(notice.certificate.wire, input.certificate);
    assertRefused(() => verifyNotice(alice.log, wire, nodeCrypto), "another log", "CERTIFICATE_INVALID");
  }
});

test("a notice is signed by the instance key of the certificate inside, no other", () => {
  const prepared = prepareNotice(input);
  assertRefused(
    () => assembleNotice(bob.log, prepared.body, signAll(prepared, { 1: bob.identity }), nodeCrypto),
    "identity key",
    "SIGNATURE_INVALID",
  );
  assertRefused(
    () => assembleNotice(bob.log, prepared.body, signAll(prepared, { 1: alice.instance }), nodeCrypto),
    "another agent's",
    "SIGNATURE_INVALID",
  );
});

test("a notice dated outside its certificate is refused", () => {
  const { from, to } = certificateOf(bob);
  for (const time of [from - 11 * 60_000, to + 11 * 60_000]) {
    const prepared = prepareNotice({ ...input, time });
    assertRefused(
      () => assembleNotice(bob.log, prepared.body, signAll(prepared, { 1: bob.instance }), nodeCrypto),
      "a time outside the certificate",
      "CERTIFICATE_EXPIRED",
    );
  }
});

test("no notice passes with a changed or missing byte", () => {
  const prepared = prepareNotice(input);
  const wire = assembleNotice(bob.log, prepared.body, signAll(prepared, { 1: bob.instance }), nodeCrypto);
  assertNoMutationPasses(wire, (bytes) => verifyNotice(bob.log, bytes, nodeCrypto));
  assertNoTruncationPasses(wire, (bytes) => verifyNotice(bob.log, bytes, nodeCrypto));
});
