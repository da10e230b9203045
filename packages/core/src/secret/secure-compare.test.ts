import assert from "node:assert/strict";
import { test } from "node:test";

import { isTalosError } from "../errors/talos-error.ts";
import { openssl } from "../primitives/openssl.ts";
import { SecretBytes } from "./secret-bytes.ts";
import { secureCompare } from "./secure-compare.ts";

test("failure 42: secureCompare tells equal from unequal, for bytes and secrets in any mix", () => {
  const a = Uint8Array.of(1, 2, 3);
  const same = Uint8Array.of(1, 2, 3);
  const wrapped = SecretBytes.from(Uint8Array.of(1, 2, 3));
  assert.ok(secureCompare(a, same));
  assert.ok(secureCompare(a, wrapped));
  assert.ok(secureCompare(wrapped, a));
  assert.ok(secureCompare(wrapped, wrapped.clone()));
  assert.ok(secureCompare(new Uint8Array(0), new Uint8Array(0)));
  for (const other of [Uint8Array.of(1, 2, 4), Uint8Array.of(9, 2, 3), Uint8Array.of(1, 2), Uint8Array.of(1, 2, 3, 0), new Uint8Array(0)]) {
    assert.ok(!secureCompare(a, other));
    assert.ok(!secureCompare(wrapped, other));
  }
});

test("failure 42: every comparison of equal lengths goes through OpenSSL's constant-time one", (t) => {
  const spy = t.mock.method(openssl, "timingSafeEqual");
  const secret = SecretBytes.from(Uint8Array.of(1, 2, 3));
  secureCompare(Uint8Array.of(9, 9, 9), secret);
  secret.equals(SecretBytes.from(Uint8Array.of(9, 9, 9)));
  assert.equal(spy.mock.callCount(), 2);
});

test("a disposed secret equals nothing, it is an error", () => {
  const secret = SecretBytes.from(Uint8Array.of(1));
  secret.dispose();
  assert.throws(
    () => secureCompare(secret, Uint8Array.of(0)),
    (error) => isTalosError(error, "SECRET_DISPOSED"),
  );
});
