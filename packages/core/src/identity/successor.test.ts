import assert from "node:assert/strict";
import { test } from "node:test";
import { bytesOf, encryptionKeyOf, signerOf, STORY_START } from "../../../testkit/src/vectors/cast.ts";
import { commitmentTo, inceptionOf, logOfBranch, recovered, revoked, rotated, type Branch } from "../../../testkit/src/vectors/branch.ts";
import { es256SignerOf } from "../../../testkit/src/vectors/es256.ts";
import { assertNoMutationPasses, assertRefused } from "../../../testkit/src/vectors/refusals.ts";
import { isTalosError } from "../errors/talos-error.ts";
import { nodeCrypto } from "../primitives/node-crypto.ts";
import type { LogState } from "./log.ts";
import { verifyLog } from "./verify-log.ts";

const start = inceptionOf("alice");
const kitless = inceptionOf("dora", { kit: false });
const mallory = inceptionOf("mallory");
const thief = signerOf("mallory identity");

function assertInvalid(branch: Branch, reason: string, what: string): void {
  assert.throws(
    () => logOfBranch(branch),
    (error: unknown) => isTalosError(error, "LOG_INVALID") && error.details["reason"] === reason,
    what,
  );
}

function lastState(branch: Branch): LogState {
  return logOfBranch(branch).states.at(-1) as LogState;
}

test("a rotation by the committed key puts its keys in force, under the same agent id", () => {
  const auditHead = { size: 9, root: bytesOf("audit", 32) };
  const branch = rotated(start, "one", { auditHead, suspectFrom: 4, encryptionProtection: "hardware", identityProtection: "enclave" });
  const log = logOfBranch(branch);
  assert.deepEqual(log.agentId, start.head.hash);
  assert.deepEqual(log.head, branch.head);
  assert.deepEqual(log.events, branch.wires);
  assert.equal(log.revoked, undefined);
  assert.equal("revoked" in log, false);
  assert.deepEqual(log.identityKey, start.next.key);
  assert.deepEqual(log.encryptionKey, encryptionKeyOf("one encryption"));
  assert.deepEqual(log.states[1], {
    head: branch.head,
    time: STORY_START + 1,
    event: "rotation",
    identityKey: start.next.key,
    identityProtection: "enclave",
    encryptionKey: encryptionKeyOf("one encryption"),
    encryptionProtection: "hardware",
    next: branch.commitments,
    authority: "online",
    reason: "planned",
    migrationSeconds: 604_800,
    suspectFrom: 4,
    auditHead,
  });
  assert.deepEqual(Object.keys(lastState(rotated(start, "one"))).toSorted(), [
    "authority",
    "encryptionKey",
    "encryptionProtection",
    "event",
    "head",
    "identityKey",
    "identityProtection",
    "migrationSeconds",
    "next",
    "reason",
    "time",
  ]);
  assert.deepEqual(log.states[0], {
    head: start.head,
    time: STORY_START,
    event: "inception",
    identityKey: start.identity.key,
    identityProtection: "software",
    encryptionKey: encryptionKeyOf("alice encryption"),
    encryptionProtection: "sealed",
    next: start.commitments,
  });
});

test("a recovery key replaces every key and both commitments, again and again", () => {
  const once = recovered(rotated(start, "one"), "two");
  const twice = recovered(rotated(once, "three"), "four", { reason: "lost" });
  const log = logOfBranch(twice);
  assert.deepEqual(log.identityKey, signerOf("four identity").key);
  assert.deepEqual(log.next, { online: commitmentTo(signerOf("four next")), recovery: commitmentTo(signerOf("four recovery")) });
  assert.deepEqual(
    log.states.map(({ authority, reason }) => [authority, reason]),
    [
      [undefined, undefined],
      ["online", "planned"],
      ["recovery", "compromise"],
      ["online", "planned"],
      ["recovery", "lost"],
    ],
  );
  logOfBranch(recovered(start, "one", { reason: "planned", migrationSeconds: 5 }));
});

test("a revocation keeps the keys on record and says who ended the agent, and why", () => {
  for (const authority of ["online", "recovery"] as const) {
    const before = rotated(start, "one");
    const branch = revoked(before, authority, { reason: "compromise", suspectFrom: 0, auditHead: { size: 0, root: bytesOf("root", 32) } });
    const log = logOfBranch(branch);
    assert.deepEqual(log.revoked, { authority, reason: "compromise" });
    assert.deepEqual(log.identityKey, before.identity.key);
    assert.deepEqual(log.next, before.commitments);
    const { migrationSeconds: _, ...kept } = lastState(before);
    assert.deepEqual(lastState(branch), {
      ...kept,
      head: branch.head,
      time: STORY_START + 2,
      event: "revocation",
      authority,
      reason: "compromise",
      suspectFrom: 0,
      auditHead: { size: 0, root: bytesOf("root", 32) },
    });
  }
});

test("keys of both algorithms follow each other", () => {
  const token = es256SignerOf("alice token");
  const kit = commitmentTo(start.recovery ?? thief);
  const committed = { ...rotated(start, "one", { next: { online: commitmentTo(token), recovery: kit } }), next: token };
  const branch = rotated(rotated(committed, "two"), "three");
  const log = logOfBranch(branch);
  assert.deepEqual(
    log.states.map(({ identityKey }) => identityKey.algorithm),
    [1, 1, 4, 1],
  );
  const relabelled = { ...committed, next: { ...start.next, key: { algorithm: 1 as const, bytes: token.key.bytes.slice(1) } } };
  assertRefused(() => logOfBranch(rotated(relabelled, "two")), "the same coordinates as another algorithm");
});

test("failure 23: only the key that was committed to rotates or revokes, and only under its own authority", () => {
  const refused: readonly (readonly [string, Branch])[] = [
    ["the live identity key", rotated({ ...start, next: start.identity }, "one")],
    ["a key of the thief", rotated({ ...start, next: thief }, "one")],
    ["the recovery key in the online authority", rotated({ ...start, next: start.recovery ?? thief }, "one")],
    ["the next key in the recovery authority", recovered({ ...start, recovery: start.next }, "one")],
    ["another's recovery key", recovered({ ...start, recovery: mallory.recovery }, "one")],
    ["an older recovery key", recovered({ ...recovered(start, "one"), recovery: start.recovery }, "two")],
    ["an older online key", rotated({ ...rotated(start, "one"), next: start.next }, "two")],
    ["a revocation by the live key", revoked({ ...start, next: start.identity }, "online")],
    ["a revocation by the next key as recovery", revoked({ ...start, recovery: start.next }, "recovery")],
    ["a revocation by the recovery key as online", revoked({ ...start, next: start.recovery ?? thief }, "online")],
  ];
  for (const [what, branch] of refused) assertInvalid(branch, "another-commitment", what);
  assertInvalid(recovered({ ...kitless, recovery: signerOf("dora recovery") }, "one"), "no-such-authority", "no kit");
  assertInvalid(revoked({ ...kitless, recovery: thief }, "recovery"), "no-such-authority", "no kit, revocation");
});

test("failure 22: a continuity proof is a signature over this very event by the key before it", () => {
  const right = rotated(start, "one");
  logOfBranch(right);
  const refused: readonly (readonly [string, Branch])[] = [
    ["by another key", rotated(start, "one", { signers: { 3: thief } })],
    ["by the new key", rotated(start, "one", { signers: { 3: start.next } })],
    ["by the key of two events ago", rotated({ ...right, identity: start.identity }, "two")],
    ["the new key did not sign", rotated(start, "one", { signers: { 1: start.identity } })],
    ["the revealed key did not sign", rotated(start, "one", { signers: { 2: start.identity } })],
    ["a recovery key that did not sign", recovered(start, "one", { signers: { 2: start.next } })],
    ["a revocation that the revealed key did not sign", revoked(start, "online", { signers: { 2: start.identity } })],
  ];
  for (const [what, branch] of refused) assertRefused(() => logOfBranch(branch), what, "SIGNATURE_INVALID");
  assertNoMutationPasses(right.wires[1] as Uint8Array, (bytes) =>
    verifyLog(logOfBranch(start), [start.wires[0] as Uint8Array, bytes], 0, nodeCrypto),
  );
});

test("failure 22: an event stands at its place alone: its number is one more, and the hash that of the event before", () => {
  const one = rotated(start, "one");
  for (const seq of [1, 3, 9999]) assertInvalid(rotated(one, "two", { seq }), "out-of-order", `seq ${seq}`);
  assertInvalid(revoked(one, "online", { seq: 1 }), "out-of-order", "revocation");
  for (const previous of [start.head.hash, mallory.head.hash, bytesOf("nothing", 32)]) {
    assertInvalid(rotated(one, "two", { previous }), "another-predecessor", "previous");
    assertInvalid(recovered(one, "two", { previous }), "another-predecessor", "previous of a recovery event");
  }
  assertInvalid({ ...one, wires: [one.wires[0], one.wires[1], one.wires[1]] as Uint8Array[] }, "out-of-order", "twice");
  assertInvalid({ ...one, wires: [one.wires[0], one.wires[0]] as Uint8Array[] }, "second-inception", "two inceptions");
  assertInvalid({ ...one, wires: [...mallory.wires, one.wires[1]] as Uint8Array[] }, "another-predecessor", "another agent's event");
});

test("failure 23: online, the recovery commitment stays as it is, or comes where there was none; nobody takes it away", () => {
  const { online } = rotated(start, "one").commitments;
  assertInvalid(rotated(start, "one", { next: { online } }), "recovery-commitment", "dropped");
  const replaced = { online, recovery: commitmentTo(thief) };
  assertInvalid(rotated(start, "one", { next: replaced }), "recovery-commitment", "replaced");
  const added = rotated(kitless, "one", { kit: signerOf("dora recovery") });
  assert.deepEqual(logOfBranch(added).next.recovery, commitmentTo(signerOf("dora recovery")));
  assertInvalid(rotated(added, "two", { next: { online: commitmentTo(signerOf("two next")) } }), "recovery-commitment", "dropped again");
  assert.equal(logOfBranch(rotated(kitless, "one")).next.recovery, undefined);
  logOfBranch(recovered(rotated(added, "two"), "three"));
});

test("a recovery event commits to the next recovery key", () => {
  const next = { online: commitmentTo(signerOf("one next")) };
  assertInvalid(recovered(start, "one", { next }), "recovery-commitment", "none");
});

test("failure 23: no key comes twice: what was in use, or may have been found waiting, protects nothing", () => {
  const one = rotated(start, "one");
  const two = recovered(one, "two");
  const online = (signer = signerOf("fresh next")): Uint8Array => commitmentTo(signer);
  const kit = commitmentTo(start.recovery ?? thief);
  const kit2 = commitmentTo(signerOf("two recovery"));
  const spent: readonly (readonly [string, Branch])[] = [
    ["online: the revealed key once more", rotated(start, "one", { next: { online: commitmentTo(start.next), recovery: kit } })],
    ["online: the key before", rotated(start, "one", { next: { online: commitmentTo(start.identity), recovery: kit } })],
    ["online: the recovery key", rotated(start, "one", { next: { online: kit, recovery: kit } })],
    ["online: one of long ago", rotated(two, "three", { next: { online: commitmentTo(one.next), recovery: kit2 } })],
    ["online: the encryption key before", rotated(start, "one", { encryptionKey: encryptionKeyOf("alice encryption") })],
    [
      "recovery: the waiting online key goes on waiting",
      recovered(start, "one", { next: { online: commitmentTo(start.next), recovery: online() } }),
    ],
    ["recovery: the same recovery key again", recovered(start, "one", { next: { online: online(), recovery: kit } })],
    ["recovery: an older one", recovered(two, "three", { next: { online: online(), recovery: kit } })],
    [
      "recovery: its own identity key",
      recovered(start, "one", { next: { online: commitmentTo(signerOf("one identity")), recovery: kit2 } }),
    ],
    [
      "recovery: as recovery key",
      recovered(start, "one", { next: { online: online(), recovery: commitmentTo(signerOf("one identity")) } }),
    ],
    ["recovery: one key for both", recovered(start, "one", { next: { online: online(), recovery: online() } })],
    ["recovery: to the waiting online key", recovered(start, "one", { identityKey: start.next.key, signers: { 1: start.next } })],
    ["recovery: to the key before", recovered(start, "one", { identityKey: start.identity.key, signers: { 1: start.identity } })],
    ["recovery: the encryption key before", recovered(one, "two", { encryptionKey: encryptionKeyOf("alice encryption") })],
    ["added: the online key as recovery key", rotated(kitless, "one", { next: { online: online(), recovery: online() } })],
    ["added: the key before", rotated(kitless, "one", { kit: kitless.identity })],
    ["inception: its own key", inceptionOf("eve", { next: { online: commitmentTo(signerOf("eve identity")) } })],
    ["inception: as recovery key", inceptionOf("eve", { next: { online: online(), recovery: commitmentTo(signerOf("eve identity")) } })],
    ["inception: one for both", inceptionOf("eve", { next: { online: online(), recovery: online() } })],
  ];
  for (const [what, branch] of spent) assertInvalid(branch, "spent-key", what);
});

test("a key that only a cut-off branch named is not spent", () => {
  const cut = rotated(start, "one");
  const log = logOfBranch(cut);
  const recovery = recovered(start, "two", { next: { online: commitmentTo(cut.next), recovery: commitmentTo(signerOf("two recovery")) } });
  assert.equal(verifyLog(log, recovery.wires, 0, nodeCrypto).kind, "replaced");
});

test("failure 27: nothing follows a revocation", () => {
  for (const authority of ["online", "recovery"] as const) {
    const end = revoked(start, authority);
    for (const [what, branch] of [
      ["rotation", rotated(end, "one")],
      ["recovery", recovered(end, "one")],
      ["revocation", revoked(end, "online")],
      ["revocation by recovery", revoked(end, "recovery")],
    ] as const)
      assertInvalid(branch, "after-revocation", `${what} after a revocation by ${authority}`);
  }
});
