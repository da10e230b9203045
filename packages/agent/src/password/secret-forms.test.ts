import assert from "node:assert/strict";
import { test } from "node:test";
import { revealSecret, SecretBytes } from "@talos/core";
import { isSameSecret, opensAsPassword, opensInAnyForm } from "./secret-forms.ts";

const PASSWORD = "river otter lamp";

function isSame(one: string | Uint8Array, other: string | Uint8Array): boolean {
  const [a, b] = [one, other].map((text) => (typeof text === "string" ? SecretBytes.fromUtf8(text) : SecretBytes.copyOf(text)));
  assert.ok(a !== undefined && b !== undefined);
  return isSameSecret(a, b);
}

test("what stands at the ends of a secret makes no other one of it; what stands within does", () => {
  for (const form of [`${PASSWORD}\n`, `${PASSWORD}\r\n`, `\ufeff${PASSWORD}`, ` \t${PASSWORD}\n\n`, `\u3000${PASSWORD}\u00a0\u200b`]) {
    assert.ok(isSame(form, PASSWORD), JSON.stringify(form));
    assert.ok(isSame(PASSWORD, form), JSON.stringify(form));
  }
  for (const other of ["river  otter lamp", "river otter lamp.", "River otter lamp", "", "\u00c3river otter lamp", "river otter lam"]) {
    assert.ok(!isSame(other, PASSWORD), JSON.stringify(other));
  }
  // Half of a character is none.
  assert.ok(!isSame(Uint8Array.of(0x41, 0xa0), "A") && !isSame(Uint8Array.of(0xc2, 0x41), "A"));
});

test("a password is tried as it is and bare, and as a key with each line end; as a password no more often than it has forms", () => {
  const asked: string[] = [];
  const ask = (text: string): string[] => {
    asked.length = 0;
    using secret = SecretBytes.fromUtf8(text);
    const opens = opensInAnyForm(secret, ({ kind, secret: form }) => {
      asked.push(`${kind} ${Buffer.from(revealSecret(form)).toString()}`);
      return false;
    });
    assert.equal(opens, false);
    assert.equal(secret.isDisposed, false);
    return asked;
  };
  const passwords = (text: string): string[] => ask(text).filter((one) => one.startsWith("password "));
  assert.deepEqual(passwords(PASSWORD), [`password ${PASSWORD}`]);
  assert.deepEqual(passwords(` ${PASSWORD}\n`), [`password  ${PASSWORD}\n`, `password ${PASSWORD}`]);
  assert.deepEqual(passwords("  "), ["password   "]);
  const keys = new Set(ask(` ${PASSWORD}`));
  for (const kind of ["key-file", "credential"])
    for (const form of [` ${PASSWORD}`, PASSWORD]) for (const end of ["", "\n", "\r\n"]) assert.ok(keys.has(`${kind} ${form}${end}`));
});

test("random bytes are no password, and are not tried as one", () => {
  using random = SecretBytes.copyOf(Uint8Array.from({ length: 32 }, (_, index) => 255 - index));
  assert.equal(
    opensAsPassword(random, () => assert.fail("tried")),
    false,
  );
  using text = SecretBytes.fromUtf8(`${PASSWORD}\n`);
  using bare = SecretBytes.fromUtf8(PASSWORD);
  assert.ok(opensAsPassword(text, (secret) => secret.equals(bare)));
});
