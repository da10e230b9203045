import assert from "node:assert/strict";
import { test } from "node:test";
import { nodeCrypto } from "@talos/core";
import { fieldsOf, slotInfos } from "./slot-info.ts";
import { makeSlot } from "./unlock-slots.ts";
import { agent, FLOOR_KDF, keyMaterial, NOW } from "../vault-fixture.test.ts";

test("a damaged slot has no fields and is not shown; a failure to look is no damage", () => {
  using vaultKey = nodeCrypto.randomSecret(32);
  const place = { agentId: agent(), vaultKeyNumber: 1 };
  const { record } = makeSlot(keyMaterial("key-file"), vaultKey, place, { label: "rack 7", now: NOW, kdf: FLOOR_KDF }, nodeCrypto);
  const slots = [
    { number: 1, record: record.slice(1) },
    { number: 2, record },
  ];
  assert.deepEqual(slotInfos(slots, 2, nodeCrypto), [
    { number: 2, kind: "key-file", label: "rack 7", createdAt: NOW, vaultKeyNumber: 1, opened: true },
  ]);
  assert.equal(slotInfos(slots, undefined, nodeCrypto)[0]?.opened, false);
  const outOfMemory = new RangeError("no memory");
  const failing = {
    sha256: (): never => {
      throw outOfMemory;
    },
  };
  assert.throws(
    () => fieldsOf({ number: 2, record }, failing),
    (error) => error === outOfMemory,
  );
});
