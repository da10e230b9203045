import assert from "node:assert/strict";
import { test } from "node:test";
import { isTalosError, type KeyId, nodeCrypto } from "@talos/core";
import { openBackend } from "../index.ts";

const files = { stage: () => assert.fail("nothing may be staged"), load: () => assert.fail("nothing may be loaded") };

for (const name of ["hsm", "tpm", "sgx", "nitro"] as const) {
  test(`the backend ${name} says what is missing and how one would get it`, async () => {
    const backend = openBackend(name, { files, crypto: nodeCrypto });
    assert.equal(backend.name, name);
    const explains = (error: unknown): boolean =>
      isTalosError(error, "BACKEND_NOT_AVAILABLE") &&
      error.details["backend"] === name &&
      typeof error.details["missing"] === "string" &&
      error.message.includes(error.details["missing"]) &&
      error.hint.includes("software");
    await assert.rejects(backend.create("identity"), explains);
    await assert.rejects(backend.open({ backend: name, kind: "encryption", keyId: "0123456789abcdef" as KeyId }), explains);
  });
}
