import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  type CborValue,
  type Crypto,
  decodeCbor,
  decodeUtf8,
  encodeStruct,
  isTalosError,
  nodeCrypto,
  type SecretBytes,
  utf8,
} from "@talos/core";
import { hasCode } from "@talos/testkit";
import { armour, unarmour } from "./armour.ts";
import { FACTS, FLOOR, secret, someAgent } from "./kit-fixture.test.ts";
import { type ClearFields, damagedKit, decodeKit, encodeClear, encodeKit } from "./kit-record.ts";
import { KIT_TITLE } from "./kit-words.ts";
import { readKitFacts, sealKit, unsealKit } from "./seal-kit.ts";

const crypto = nodeCrypto;
/** Fails the test when anything is derived. */
const NOTHING_DERIVED: Crypto = { ...crypto, argon2id: () => assert.fail("derived") };
/** Fails the test when anything is decrypted. */
const NO_DECRYPTION: Crypto = { ...crypto, aeadOpen: () => assert.fail("decrypted") };

const SEED: SecretBytes = crypto.randomSecret(32);
const KIT: Uint8Array = sealKit(SEED, secret(), FACTS, FLOOR, crypto);

function contentOf(text: Uint8Array): Uint8Array {
  return unarmour(KIT_TITLE, text, crypto, damagedKit).content;
}

/** The same kit with changed fields, whole in itself: its checksum and armour fit. */
function changed(changes: Partial<ClearFields>, seal: Partial<ReturnType<typeof decodeKit>["seal"]> = {}): Uint8Array {
  const record = decodeKit(contentOf(KIT), crypto);
  const clear = encodeClear({ ...record.fields, ...changes });
  return armour(KIT_TITLE, encodeKit(clear, { ...record.seal, ...seal }, crypto), crypto);
}

test("a kit opens with its password, and tells whose it is", () => {
  using opened = unsealKit(KIT, secret(), crypto, FACTS.agentId);
  assert.ok(opened.seed.equals(SEED));
  assert.deepEqual([opened.agentName, opened.agentId, opened.createdAt], [FACTS.agentName, FACTS.agentId, FACTS.createdAt]);
  assert.deepEqual(readKitFacts(KIT, NOTHING_DERIVED), FACTS);
  const text = decodeUtf8(KIT);
  assert.match(text, /^Talos Keys: recovery kit\n\nAgent: {2}alice\nId: {5}did:talos:z\w+\nMade: {3}2027-01-15\n/);
  assert.ok(
    text.split("\n").every((line) => line.length <= 80),
    "it can be printed",
  );
});

test("the block alone is enough, and so are other line ends", () => {
  const text = decodeUtf8(KIT);
  const block = text.slice(text.indexOf("-----BEGIN"));
  for (const some of [block, text.replaceAll("\n", "\r\n"), block.replaceAll("\n", "\r\n")]) {
    using opened = unsealKit(utf8(some), secret(), crypto);
    assert.ok(opened.seed.equals(SEED));
  }
});

test("another password is wrong, and nothing is decrypted under it", () => {
  assert.throws(() => unsealKit(KIT, secret("another password"), NO_DECRYPTION), hasCode("RECOVERY_KIT_WRONG_PASSWORD"));
});

test("another agent's kit is refused before anything is derived", () => {
  assert.throws(() => unsealKit(KIT, secret(), NOTHING_DERIVED, someAgent("bob")), hasCode("RECOVERY_KIT_FOREIGN"));
});

test("more in the clear than a derivation can be bound to is refused before anything is derived", () => {
  const record = decodeKit(contentOf(KIT), crypto);
  const fields = decodeCbor(record.clear) as Map<number, CborValue>;
  fields.delete(0);
  fields.delete(1);
  const clear = encodeStruct(fields, [{ id: 1000, critical: false, value: new Uint8Array(900) }]);
  const long = armour(KIT_TITLE, encodeKit(clear, record.seal, crypto), crypto);
  assert.throws(() => unsealKit(long, secret(), NOTHING_DERIVED), hasCode("RECOVERY_KIT_DAMAGED"));
});

test("every byte changed in any way gives a named error before anything is derived", () => {
  for (let at = 0; at < KIT.length; at++) {
    for (const flip of [0x01, 0x20, 0x80, 0x07]) {
      const damaged = KIT.slice();
      damaged[at] = (damaged[at] ?? 0) ^ flip;
      assert.throws(() => unsealKit(damaged, secret(), NOTHING_DERIVED), hasCode("RECOVERY_KIT_DAMAGED"), `byte ${at}`);
    }
  }
});

test("every truncation gives a named error before anything is derived", () => {
  for (let length = 0; length < KIT.length; length++) {
    assert.throws(() => unsealKit(KIT.slice(0, length), secret(), NOTHING_DERIVED), hasCode("RECOVERY_KIT_DAMAGED"), `${length} bytes`);
  }
});

test("whatever else is changed, no other seed comes out", () => {
  fc.assert(
    fc.property(fc.nat(KIT.length), fc.nat(60), fc.uint8Array({ maxLength: 40 }), (at, removed, added) => {
      const damaged = new Uint8Array([...KIT.slice(0, at), ...added, ...KIT.slice(at + removed)]);
      let opened;
      try {
        opened = unsealKit(damaged, secret(), crypto);
      } catch (error) {
        assert.ok(isTalosError(error, "RECOVERY_KIT_DAMAGED"));
        return;
      }
      assert.ok(opened.seed.equals(SEED));
    }),
  );
});

test("every byte of the record changed under armour that fits gives a named error before anything is derived", () => {
  const content = contentOf(KIT);
  for (let at = 0; at < content.length; at++) {
    const damaged = content.slice();
    damaged[at] = (damaged[at] ?? 0) ^ 0x10;
    const text = armour(KIT_TITLE, damaged, crypto);
    assert.throws(() => unsealKit(text, secret(), NOTHING_DERIVED), hasCode("RECOVERY_KIT_DAMAGED"), `byte ${at}`);
    const short = armour(KIT_TITLE, content.slice(0, at), crypto);
    assert.throws(() => unsealKit(short, secret(), NOTHING_DERIVED), hasCode("RECOVERY_KIT_DAMAGED"), `${at} bytes`);
  }
});

test("failure 36: everything clear is bound: a kit that was rewritten whole does not open, and nothing is decrypted", () => {
  for (const changes of [
    { agentName: "alicia" },
    { agentId: someAgent("bob") },
    { createdAt: FACTS.createdAt + 1 },
    { kdf: { ...FLOOR, memoryKiB: FLOOR.memoryKiB + 8 } },
    { kdf: { ...FLOOR, passes: FLOOR.passes + 1 } },
    { salt: new Uint8Array(16) },
    { textHash: new Uint8Array(32) },
  ]) {
    assert.throws(() => unsealKit(changed(changes), secret(), NO_DECRYPTION), hasCode("RECOVERY_KIT_WRONG_PASSWORD"));
  }
  assert.throws(
    () => unsealKit(changed({}, { commitment: new Uint8Array(32) }), secret(), NO_DECRYPTION),
    hasCode("RECOVERY_KIT_WRONG_PASSWORD"),
  );
});

test("a seal that was exchanged is damage, not a wrong password", () => {
  assert.throws(() => unsealKit(changed({}, { wrapped: new Uint8Array(48) }), secret(), crypto), hasCode("RECOVERY_KIT_DAMAGED"));
  assert.throws(() => unsealKit(changed({}, { nonce: new Uint8Array(12) }), secret(), crypto), hasCode("RECOVERY_KIT_DAMAGED"));
});

test("failure 35: parameters below the floor or above the ceiling are refused before anything is derived", () => {
  for (const kdf of [
    { memoryKiB: 7_167, passes: 5, lanes: 1 },
    { memoryKiB: 8, passes: 1, lanes: 1 },
    { memoryKiB: 1_048_577, passes: 3, lanes: 1 },
    { memoryKiB: 65_536, passes: 17, lanes: 1 },
  ]) {
    assert.throws(() => unsealKit(changed({ kdf }), secret(), NOTHING_DERIVED), hasCode("KDF_PARAMETERS_REFUSED"));
    assert.throws(() => sealKit(SEED, secret(), FACTS, kdf, NOTHING_DERIVED), hasCode("KDF_PARAMETERS_REFUSED"));
  }
});

test("text above the block that is not the kit's own is refused: it tells people what to do", () => {
  const text = decodeUtf8(KIT);
  for (const other of [text.replace("apart from it", "with it"), `Send this to support.\n${text}`, text.slice(text.indexOf("\n") + 1)]) {
    assert.throws(() => unsealKit(utf8(other), secret(), NOTHING_DERIVED), hasCode("RECOVERY_KIT_DAMAGED"));
  }
});
