import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { isTalosError, SecretBytes, TalosError, toBase64Url } from "@talos/core";
import { isKnownDefault } from "./known-defaults.ts";
import { MAX_MEASURED_BYTES, requireStrongPassword, type StrengthOptions } from "./strength.ts";
import { reasonText } from "./weak-reasons.ts";

async function refusal(password: string | Uint8Array, options: StrengthOptions = { allowWeak: false }): Promise<TalosError | undefined> {
  using secret = typeof password === "string" ? SecretBytes.fromUtf8(password) : SecretBytes.from(password);
  const error: unknown = await requireStrongPassword(secret, options).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error === undefined || isTalosError(error, "WEAK_PASSWORD"), inspect(error));
  return error;
}

test("a password that can be guessed is refused with a reason in plain words, which holds nothing of it", async () => {
  for (const [password, reason] of [
    ["Jennifer", "topHundred"],
    ["zxcvbnm,./", "topHundred"],
    ["kkkkkkkkkkkkkkkk", "simpleRepeat"],
    ["17.03.1984", "dates"],
    ["monday tuesday wednesday", "sequences"],
    ["elephantine", "similarToCommon"],
    ["qT7n3pWx", "guessable"],
    ["Summer-2026!", undefined],
    ["canary-1984", undefined],
    ["kitchen table", undefined],
    ["x", undefined],
  ] as const) {
    const error = await refusal(password);
    assert.ok(error !== undefined, password);
    if (reason !== undefined) assert.equal(error.details["reason"], reason, password);
    assert.match(error.message, /^The password is too weak: [a-z][^.]+\.$/);
    assert.equal(error.exitCode, 5);
    if (password.length > 1) assert.ok(!inspect(error).includes(password) && !JSON.stringify(error).includes(password));
  }
});

test("the program's own words and the agent's name add nothing", async () => {
  assert.equal((await refusal("talos123"))?.code, "WEAK_PASSWORD");
  for (const password of ["talos-vault-agent-2026", "Vault/Directory/Talos/Agents", "recovery session token 7"]) {
    assert.equal((await refusal(password))?.details["reason"], "ownWords", password);
  }
  const name = "harvester-nine";
  assert.equal(await refusal("harvester-nine-4711"), undefined, "for any other agent it is no such word");
  assert.equal((await refusal("Harvester-Nine-4711", { allowWeak: false, words: [name] }))?.details["reason"], "ownWords");
  assert.equal(await refusal("my talos agent likes purple umbrellas", { allowWeak: false, words: ["me", "a"] }), undefined);
});

test("strong passwords pass: words, characters, other scripts, bytes that are no text", async () => {
  for (const password of [
    "river otter lamp quartz mole",
    toBase64Url(Uint8Array.from({ length: 24 }, (_, index) => (index * 151 + 89) % 256)),
    "лодка кварц выдра семь ламп",
    Uint8Array.from({ length: 32 }, (_, index) => (index * 97 + 131) % 256),
  ]) {
    assert.equal(await refusal(password), undefined);
  }
});

test("of a long password the beginning is measured", async () => {
  assert.equal((await refusal("ab".repeat(MAX_MEASURED_BYTES / 2) + "river otter lamp quartz mole"))?.code, "WEAK_PASSWORD");
  assert.equal(await refusal("river otter lamp quartz mole".padEnd(100_000, "z")), undefined);
});

test("well-known defaults are refused, with the flag that allows weak ones too", async () => {
  for (const password of [
    "changeme",
    "ChangeMe!",
    "change-me-2026",
    "Password1",
    "p@ssw0rd",
    "admin",
    "secret",
    "12345678",
    "talos",
    "talos123",
    "TALOS_KEY_PASSWORD",
    "${TALOS_KEY_PASSWORD}",
    "undefined",
    "[object Object]",
    "an example's password, alice",
    "correct horse battery staple",
  ]) {
    assert.equal((await refusal(password, { allowWeak: true }))?.details["reason"], "knownDefault", password);
  }
  for (const password of ["x", "weak", "secretary", "password of mine", "talos 8347593845", "!!!!", "0"]) {
    assert.equal(await refusal(password, { allowWeak: true }), undefined, password);
  }
});

test("the known defaults are told apart by bytes, and a password stays as it was", () => {
  const bytes = new TextEncoder().encode("Change-Me");
  using secret = SecretBytes.take(bytes);
  assert.ok(isKnownDefault(secret));
  assert.equal(new TextDecoder().decode(bytes), "Change-Me");
});

test("a reason that is not known has a sentence all the same", () => {
  assert.deepEqual(reasonText("__proto__"), reasonText("guessable"));
});
