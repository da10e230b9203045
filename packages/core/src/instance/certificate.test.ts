import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { record } from "../../../testkit/src/vectors/arbitraries.ts";
import {
  bytesOf,
  castMember,
  certificateInput,
  certificateOf,
  DAY,
  signAll,
  signerOf,
  STORY_START,
} from "../../../testkit/src/vectors/cast.ts";
import { inceptionOf, logOfBranch, recovered, revoked, rotated, type Branch } from "../../../testkit/src/vectors/branch.ts";
import { assertNoMutationPasses, assertNoTruncationPasses, assertRefused } from "../../../testkit/src/vectors/refusals.ts";
import type { PublicKey } from "../keys/public-key.ts";
import { encodeSigned } from "../keys/signed.ts";
import { nodeCrypto } from "../primitives/node-crypto.ts";
import {
  assembleCertificate,
  certificatesConflict,
  compareCertificates,
  decodeCertificate,
  prepareCertificate,
  requireStanding,
  verifyCertificate,
  type Certificate,
} from "./certificate.ts";

const alice = castMember("alice");
const bob = castMember("bob");

test("every certificate goes through its encoding and back", () => {
  const input = record({
    generation: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    directories: fc.array(fc.constantFrom("http://a", "https://b.example:8420", "http://[::1]:1"), { maxLength: 4 }),
    auditHead: record({ size: fc.maxSafeNat(), root: fc.uint8Array({ minLength: 32, maxLength: 32 }) }),
    from: fc.nat(2 ** 31),
    length: fc.integer({ min: 1, max: DAY }),
  });
  fc.assert(
    fc.property(input, ({ from, length, ...changes }) => {
      const fields = certificateInput(alice, { ...changes, from, to: from + length });
      const certificate = certificateOf(alice, fields);
      const { hash: _hash, wire, ...read } = certificate;
      assert.deepEqual(read, { ...fields, extensions: [] });
      assert.deepEqual(verifyCertificate(alice.log, wire, nodeCrypto), certificate);
      assert.deepEqual(decodeCertificate(wire), read);
    }),
    { numRuns: 30 },
  );
});

test("no certificate passes with a changed or missing byte", () => {
  const { wire } = certificateOf(alice);
  const read = (bytes: Uint8Array): unknown => verifyCertificate(alice.log, bytes, nodeCrypto);
  assertNoMutationPasses(wire, read);
  assertNoTruncationPasses(wire, read);
});

test("a certificate is one agent's, under the identity key of its log head, and valid for its day", () => {
  const { wire } = certificateOf(alice);
  verifyCertificate(alice.log, wire, nodeCrypto, STORY_START);
  assertRefused(() => verifyCertificate(bob.log, wire, nodeCrypto), "other agent", "CERTIFICATE_INVALID");
  assertRefused(() => verifyCertificate(alice.log, wire, nodeCrypto, STORY_START + 2 * DAY), "expired", "CERTIFICATE_EXPIRED");
  const prepared = prepareCertificate(certificateInput(alice));
  const byInstance = signAll(prepared, { 1: alice.instance });
  assertRefused(() => assembleCertificate(alice.log, prepared.body, byInstance, nodeCrypto), "other key", "SIGNATURE_INVALID");
  assertRefused(() => verifyCertificate(alice.log, encodeSigned(prepared.body, byInstance), nodeCrypto), "other key", "SIGNATURE_INVALID");
  const elsewhere = certificateInput(alice, { head: { seq: 0, hash: bytesOf("elsewhere", 32) } });
  const moved = prepareCertificate(elsewhere);
  assertRefused(
    () => assembleCertificate(alice.log, moved.body, signAll(moved, { 1: alice.identity }), nodeCrypto),
    "head",
    "HEAD_UNKNOWN",
  );
});

test("what is outside its bounds is not even prepared", () => {
  for (const changes of [
    { generation: 0 },
    { generation: 1.5 },
    { to: STORY_START + DAY + 1 },
    { to: STORY_START },
    { directories: ["x"] },
    { from: -1 },
  ]) {
    assert.throws(() => prepareCertificate(certificateInput(alice, changes)), JSON.stringify(changes));
  }
});

test("certificates are ordered by log seq, then by generation, whatever their times", () => {
  const rank = (seq: number, generation: number): Parameters<typeof compareCertificates>[0] => ({
    head: { seq, hash: new Uint8Array(32) },
    generation,
  });
  assert.ok(compareCertificates(rank(0, Number.MAX_SAFE_INTEGER), rank(1, 1)) < 0);
  assert.ok(compareCertificates(rank(1, 2), rank(1, 1)) > 0);
  assert.equal(compareCertificates(rank(1, 1), rank(1, 1)), 0);
});

const start = inceptionOf("alice");
const one = rotated(start, "alice first");
const SEEN = STORY_START + 1;

/** A certificate at the head of a branch, verified under another that has this head. */
function certificateAt(branch: Branch, verifier: Branch = branch): Certificate {
  const log = logOfBranch(verifier);
  const prepared = prepareCertificate(certificateInput(alice, { agentId: log.agentId, head: branch.head }));
  return assembleCertificate(log, prepared.body, signAll(prepared, { 1: branch.identity }), nodeCrypto);
}

function standing(branch: Branch, certificate: Certificate, use: "session" | "new", now: number): void {
  requireStanding(logOfBranch(branch), certificate, { seenAt: () => SEEN, now }, use);
}

test("a certificate verifies under each log that has its head, also after rotations", () => {
  const two = recovered(one, "alice saved");
  for (const [at, by] of [
    [start, one],
    [start, two],
    [one, two],
  ] as const)
    assert.deepEqual(certificateAt(at, by), certificateAt(at));
  assertRefused(() => certificateAt(one, start), "not known yet", "HEAD_UNKNOWN");
  assertRefused(() => certificateAt(one, recovered(start, "alice saved")), "cut off", "HEAD_UNKNOWN");
  assertRefused(() => certificateAt({ ...one, identity: start.identity }), "by the key before", "SIGNATURE_INVALID");
});

test("after a planned rotation a certificate is good for anything new until the migration is over, and for its sessions ever", () => {
  const certificate = certificateAt(start);
  standing(start, certificate, "new", SEEN);
  for (const use of ["session", "new"] as const) standing(one, certificate, use, SEEN + 7 * DAY - 1);
  standing(one, certificate, "session", SEEN + 7 * DAY);
  assertRefused(() => standing(one, certificate, "new", SEEN + 7 * DAY), "over", "CERTIFICATE_RETIRED");
  standing(one, certificateAt(one), "new", SEEN + 70 * DAY);
});

test("after a loss a certificate is good for its sessions alone", () => {
  const lost = rotated(start, "alice first", { reason: "lost" });
  standing(lost, certificateAt(start), "session", SEEN);
  assertRefused(() => standing(lost, certificateAt(start), "new", SEEN), "new", "CERTIFICATE_RETIRED");
});

test("failure 50: no certificate of a thief outlives the owner's next event: void after a compromise, unknown where its event was cut off", () => {
  const generation = Number.MAX_SAFE_INTEGER;
  for (const saved of [
    recovered(start, "alice saved"),
    rotated(start, "alice saved", { reason: "compromise" }),
    revoked(start, "online"),
  ]) {
    for (const use of ["session", "new"] as const) {
      assertRefused(() => standing(saved, { ...certificateAt(start), generation }, use, SEEN), use, "CERTIFICATE_VOID");
    }
  }
  const theft = certificateAt(rotated(start, "theft"));
  for (const use of ["session", "new"] as const)
    assertRefused(() => standing(recovered(start, "alice saved"), theft, use, SEEN), use, "HEAD_UNKNOWN");
});

test("failure 27: nothing is certified at a revocation", () => {
  for (const authority of ["online", "recovery"] as const)
    assertRefused(() => certificateAt(revoked(one, authority)), authority, "AGENT_REVOKED");
});

test("one number under two instance keys is a conflict; a renewal is none", () => {
  const first = certificateOf(alice);
  const renewed = certificateOf(alice, { from: STORY_START + 1, to: STORY_START + DAY });
  const copy = certificateOf(alice, { instanceKey: signerOf("alice instance of a copy").key as PublicKey<1> });
  assert.equal(certificatesConflict(first, renewed), false);
  assert.equal(certificatesConflict(first, copy), true);
  assert.equal(certificatesConflict(first, certificateOf(bob)), false);
  assert.equal(certificatesConflict(first, certificateOf(alice, { generation: 2, instanceKey: copy.instanceKey })), false);
});
