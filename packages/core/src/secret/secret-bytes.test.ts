import assert from "node:assert/strict";
import { test } from "node:test";
import { format, inspect } from "node:util";

import { isTalosError } from "../errors/talos-error.ts";
import { revealSecret, SecretBytes } from "./secret-bytes.ts";

const CANARY = "correct horse battery staple";

function canary(): SecretBytes {
  return SecretBytes.fromUtf8(CANARY);
}

const isDisposed = (error: unknown): boolean => isTalosError(error, "SECRET_DISPOSED");

/** The canary in any form that a printer could give it. */
const TRACES: readonly RegExp[] = [
  /correct horse/,
  new RegExp(Buffer.from(CANARY).toString("hex").slice(0, 12), "i"),
  new RegExp(Buffer.from(CANARY).toString("base64").slice(0, 12)),
  /99,\s*111,\s*114/,
  /63\s+6f\s+72/i,
];

function assertRedacted(printed: string): void {
  for (const trace of TRACES) assert.doesNotMatch(printed, trace);
}

test("a secret is redacted in every printing path", () => {
  const secret = canary();
  const printed = [
    inspect(secret),
    inspect(secret, { showHidden: true, depth: 10, getters: true, customInspect: false }),
    inspect({ nested: [new Map([["key", secret]])] }, { depth: 10 }),
    format("%s %o %O %j %d", secret, secret, secret, secret, secret),
    JSON.stringify({ secret }),
    String(secret),
    `printed: ${secret as unknown as string}`,
    "printed: ".concat(secret as unknown as string),
    [secret].join(),
    String(Object.entries(secret)),
    String(Object.getOwnPropertyNames(secret)),
  ];
  for (const text of printed) assertRedacted(text);
  assert.equal(inspect(secret), "[SecretBytes: redacted]");
  assert.equal(JSON.stringify(secret), '"[SecretBytes: redacted]"');
});

test("a secret in an error shows neither in its message nor in its stack or properties", () => {
  const secret = canary();
  const error = Object.assign(new Error(`failed with ${secret as unknown as string}`), { secret });
  assertRedacted(inspect(error, { depth: 10 }));
  assertRedacted(error.stack ?? "");
  try {
    assert.deepEqual({ secret }, { secret: 1 });
  } catch (failure) {
    assertRedacted(inspect(failure, { depth: 10 }));
  }
});

test("structuredClone carries nothing of a secret", () => {
  const clone: unknown = structuredClone(canary());
  assert.ok(!(clone instanceof SecretBytes));
  assertRedacted(inspect(clone, { showHidden: true }));
  assert.deepEqual(clone, {});
});

test("a secret cannot be iterated, indexed or spread", () => {
  const secret = canary();
  assert.deepEqual(Object.assign({}, secret), {});
  assert.equal((secret as unknown as Record<number, unknown>)[0], undefined);
  assert.throws(() => [...(secret as unknown as Iterable<number>)], TypeError);
});

test("from takes a copy and zeroes the input", () => {
  const input = Uint8Array.of(1, 2, 3);
  const secret = SecretBytes.from(input);
  assert.deepEqual(input, Uint8Array.of(0, 0, 0));
  assert.deepEqual(revealSecret(secret), Uint8Array.of(1, 2, 3));
});

test("from on a pooled buffer gives memory of its own", () => {
  const secret = SecretBytes.from(Buffer.from("abc"));
  assert.equal(revealSecret(secret).buffer.byteLength, 3);
  assert.equal(revealSecret(secret).constructor, Uint8Array);
});

test("copyOf takes a copy and leaves the input to its owner", () => {
  const input = Uint8Array.of(1, 2, 3);
  using secret = SecretBytes.copyOf(input);
  assert.deepEqual(input, Uint8Array.of(1, 2, 3));
  input.fill(9);
  assert.deepEqual(revealSecret(secret), Uint8Array.of(1, 2, 3));
});

test("take keeps the buffer itself, and refuses a view into a larger one", () => {
  const bytes = Uint8Array.of(1, 2, 3);
  assert.equal(revealSecret(SecretBytes.take(bytes)), bytes);
  assert.throws(
    () => SecretBytes.take(new Uint8Array(8).subarray(2, 4)),
    (error) => isTalosError(error, "INTERNAL"),
  );
  assert.throws(
    () => SecretBytes.take(Buffer.from("pooled")),
    (error) => isTalosError(error, "INTERNAL"),
  );
});

test("fromUtf8 normalises, so that one password typed on two systems is one secret", () => {
  assert.ok(SecretBytes.fromUtf8("Caf\u00e9").equals(SecretBytes.fromUtf8("Cafe\u0301")));
  assert.ok(!SecretBytes.fromUtf8("cafe").equals(SecretBytes.fromUtf8("Cafe")));
  assert.throws(
    () => SecretBytes.fromUtf8("\ud800"),
    (error) => isTalosError(error, "INVALID_ARGUMENT"),
  );
});

test("dispose wipes the memory; every later use is a named error", () => {
  const bytes = Uint8Array.of(1, 2, 3);
  const secret = SecretBytes.take(bytes);
  secret.dispose();
  secret.dispose();
  assert.deepEqual(bytes, Uint8Array.of(0, 0, 0));
  assert.ok(secret.isDisposed);
  assert.equal(secret.length, 3);
  assert.throws(() => revealSecret(secret), isDisposed);
  assert.throws(() => secret.clone(), isDisposed);
  assert.throws(() => secret.equals(canary()), isDisposed);
  assert.throws(() => canary().equals(secret), isDisposed);
  assert.equal(inspect(secret), "[SecretBytes: redacted]");
});

test("using wipes at the end of the block", () => {
  const bytes = Uint8Array.of(1, 2, 3);
  {
    using secret = SecretBytes.take(bytes);
    assert.equal(secret.length, 3);
  }
  assert.deepEqual(bytes, Uint8Array.of(0, 0, 0));
});

test("a clone has its own memory and its own end", () => {
  const secret = SecretBytes.from(Uint8Array.of(1, 2, 3));
  const clone = secret.clone();
  secret.dispose();
  assert.deepEqual(revealSecret(clone), Uint8Array.of(1, 2, 3));
});
