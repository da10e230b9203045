import assert from "node:assert/strict";
import { test } from "node:test";
import { type Crypto, isTalosError, nodeCrypto, SecretBytes } from "@talos/core";
import { hasCode } from "@talos/testkit";
import { checkKdfParameters, DEFAULT_KDF, type KdfParameters } from "./kdf-bounds.ts";
import { decodeSlot, encodeSlot, type SlotFields, type StoredSlot, UNLOCK_KINDS, type UnlockKind } from "./slot-record.ts";
import { makeSlot, unlock, type UnlockedSlot, type UnlockWith } from "./unlock-slots.ts";
import { agent, FLOOR_KDF, keyMaterial, NOW, password } from "../vault-fixture.test.ts";

const crypto = nodeCrypto;

/** Fails the test when anything is derived from a password. */
const NO_DERIVATION: Crypto = { ...crypto, argon2id: () => assert.fail("derived") };
/** Fails the test when anything is derived at all. */
const NOTHING_DERIVED: Crypto = { ...NO_DERIVATION, deriveKey: () => assert.fail("derived") };
/** Fails the test when anything is decrypted. */
const NO_DECRYPTION: Crypto = { ...crypto, aeadOpen: () => assert.fail("decrypted") };

const PLACE = { agentId: agent(), vaultKeyNumber: 1 };

function record(vaultKey: SecretBytes, secret: UnlockWith = password(), label = "", kdf = FLOOR_KDF): Uint8Array {
  const made = makeSlot(secret, vaultKey, PLACE, { label, now: NOW, kdf }, crypto);
  made.stretched.dispose();
  return made.record;
}

function slots(...records: readonly Uint8Array[]): StoredSlot[] {
  return records.map((bytes, i) => ({ number: i + 1, record: bytes }));
}

function open(records: readonly Uint8Array[], secret: UnlockWith = password(), place = PLACE, withCrypto: Crypto = crypto): UnlockedSlot {
  return unlock(slots(...records), secret, place, withCrypto);
}

function changed(bytes: Uint8Array, changes: Partial<SlotFields>): Uint8Array {
  return encodeSlot({ ...decodeSlot(bytes, crypto), ...changes }, crypto);
}

const WRONG: Readonly<Record<UnlockKind, "WRONG_PASSWORD" | "WRONG_UNLOCK_KEY">> = {
  password: "WRONG_PASSWORD",
  "key-file": "WRONG_UNLOCK_KEY",
  credential: "WRONG_UNLOCK_KEY",
};

function secretOf(kind: UnlockKind, seed = 1): UnlockWith {
  return kind === "password" ? password(`password ${seed}`) : keyMaterial(kind, seed);
}

for (const kind of UNLOCK_KINDS) {
  test(`a slot opens with its ${kind} alone, and tells what it is`, () => {
    using vaultKey = crypto.randomSecret(32);
    const bytes = record(vaultKey, secretOf(kind), "for the tests");
    const opened = open([bytes], secretOf(kind));
    assert.ok(opened.vaultKey.equals(vaultKey));
    assert.equal(opened.number, 1);
    assert.equal(opened.stretched.length, 32);
    const made = makeSlot(secretOf(kind), vaultKey, PLACE, { label: "", now: NOW, kdf: FLOOR_KDF }, crypto);
    using unlocked = open([made.record], secretOf(kind)).stretched;
    assert.ok(unlocked.equals(made.stretched), "what is made and what is unlocked wrap alike");
    const { label, createdAt, vaultKeyNumber, kdf } = opened.fields;
    assert.deepEqual([opened.fields.kind, label, createdAt, vaultKeyNumber], [kind, "for the tests", NOW, 1]);
    assert.deepEqual(kdf, kind === "password" ? FLOOR_KDF : undefined);
    assert.throws(() => open([bytes], secretOf(kind, 2)), hasCode(WRONG[kind]));
  });

  test(`a slot of another agent, or of another vault key, does not open with its ${kind}`, () => {
    using vaultKey = crypto.randomSecret(32);
    const bytes = record(vaultKey, secretOf(kind));
    const bobs = { agentId: agent("bob"), vaultKeyNumber: 1 };
    assert.throws(() => open([bytes], secretOf(kind), bobs, NO_DECRYPTION), hasCode(WRONG[kind]));
    const second = { agentId: agent(), vaultKeyNumber: 2 };
    assert.throws(() => open([bytes], secretOf(kind), second, NOTHING_DERIVED), hasCode("VAULT_CORRUPT"));
    const renumbered = changed(bytes, { vaultKeyNumber: 2 });
    assert.throws(() => open([renumbered], secretOf(kind), second, NO_DECRYPTION), hasCode(WRONG[kind]));
  });

  test(`failure 36: what the commitment does not bind to this ${kind} is never decrypted`, () => {
    using vaultKey = crypto.randomSecret(32);
    const bytes = record(vaultKey, secretOf(kind));
    const commitment = decodeSlot(bytes, crypto).commitment.slice();
    commitment[31] = (commitment[31] ?? 0) ^ 1;
    // The wrapped key would open: only the commitment says that this is not the slot that was made for this secret.
    assert.throws(() => open([changed(bytes, { commitment })], secretOf(kind), PLACE, NO_DECRYPTION), hasCode(WRONG[kind]));
    assert.throws(() => open([bytes], secretOf(kind, 2), PLACE, NO_DECRYPTION), hasCode(WRONG[kind]));
  });

  test(`a wrapped key that was exchanged is damage, not a wrong ${kind}`, () => {
    using vaultKey = crypto.randomSecret(32);
    const bytes = record(vaultKey, secretOf(kind));
    assert.throws(() => open([changed(bytes, { wrapped: crypto.randomBytes(48) })], secretOf(kind)), hasCode("VAULT_CORRUPT"));
    // Neither does a wrap that fits another slot's commitment.
    const other = decodeSlot(record(vaultKey, secretOf(kind)), crypto);
    const mixed = changed(bytes, { wrapped: other.wrapped, nonce: other.nonce });
    assert.throws(() => open([mixed], secretOf(kind)), hasCode("VAULT_CORRUPT"));
  });
}

test("only slots of the kind that is given are tried", () => {
  using vaultKey = crypto.randomSecret(32);
  const material = keyMaterial("key-file");
  const asPassword: UnlockWith = { kind: "password", secret: material.secret.clone() };
  const all = [record(vaultKey, asPassword), record(vaultKey, material), record(vaultKey, { kind: "credential", secret: material.secret })];
  for (const [kind, number] of [
    ["password", 1],
    ["key-file", 2],
    ["credential", 3],
  ] as const) {
    assert.equal(open(all, { kind, secret: material.secret }).number, number);
    const others = all.filter((_, i) => i + 1 !== number);
    assert.throws(() => open(others, { kind, secret: material.secret }, PLACE, NOTHING_DERIVED), hasCode(WRONG[kind]));
  }
});

test("failure 36: a slot whose kind was rewritten does not open as the other kind", () => {
  using vaultKey = crypto.randomSecret(32);
  const bytes = record(vaultKey, keyMaterial("key-file"));
  const disguised = changed(bytes, { kind: "credential" });
  assert.throws(() => open([disguised], keyMaterial("credential"), PLACE, NO_DECRYPTION), hasCode("WRONG_UNLOCK_KEY"));
});

test("a wrong password is WRONG_PASSWORD, a damaged slot is not", () => {
  using vaultKey = crypto.randomSecret(32);
  const bytes = record(vaultKey);
  assert.throws(() => open([bytes], password("another")), hasCode("WRONG_PASSWORD"));
  for (let at = 0; at < bytes.length; at += 3) {
    const damaged = bytes.slice();
    damaged[at] = (damaged[at] ?? 0) ^ 0x10;
    const refused = (error: unknown): boolean => isTalosError(error, "VAULT_CORRUPT") || isTalosError(error, "KDF_PARAMETERS_REFUSED");
    assert.throws(() => open([damaged], password(), PLACE, NO_DERIVATION), refused, `byte ${at}`);
  }
  assert.throws(() => open([]), hasCode("VAULT_CORRUPT"));
  assert.throws(() => open(Array.from({ length: 9 }, () => bytes)), hasCode("VAULT_CORRUPT"));
});

test("any of several slots will do, and a damaged one keeps nobody out who has another", () => {
  using vaultKey = crypto.randomSecret(32);
  const records = [record(vaultKey, password("first")), record(vaultKey, password("second"))];
  for (const text of ["first", "second"]) assert.ok(open(records, password(text)).vaultKey.equals(vaultKey));
  const weak = changed(record(vaultKey), { kdf: { memoryKiB: 8, passes: 1, lanes: 1 } });
  for (const [damaged, code] of [
    [new Uint8Array(40), "VAULT_CORRUPT"],
    [weak, "KDF_PARAMETERS_REFUSED"],
    [changed(record(vaultKey, password("second")), { wrapped: crypto.randomBytes(48) }), "VAULT_CORRUPT"],
  ] as const) {
    assert.equal(open([damaged, ...records], password("second")).number, 3);
    // Who knows neither password is told of the damage: it may be in the slot that was meant.
    assert.throws(() => open([damaged, ...records.slice(0, 1)], password("second")), hasCode(code));
  }
});

test("failure 35: parameters below the floor or above the ceiling are refused before anything is derived", () => {
  using vaultKey = crypto.randomSecret(32);
  const bytes = record(vaultKey);
  const refused: readonly KdfParameters[] = [
    { memoryKiB: 7_167, passes: 5, lanes: 1 },
    { memoryKiB: 19_456, passes: 1, lanes: 1 },
    { memoryKiB: 8, passes: 16, lanes: 1 },
    { memoryKiB: 0, passes: 3, lanes: 1 },
    { memoryKiB: 65_536, passes: 3, lanes: 0 },
    { memoryKiB: 1_048_577, passes: 3, lanes: 1 },
    { memoryKiB: 65_536, passes: 17, lanes: 1 },
    { memoryKiB: 65_536, passes: 3, lanes: 17 },
    { memoryKiB: Number.MAX_SAFE_INTEGER, passes: 3, lanes: 1 },
  ];
  for (const kdf of refused) {
    assert.throws(() => open([changed(bytes, { kdf })], password(), PLACE, NO_DERIVATION), hasCode("KDF_PARAMETERS_REFUSED"));
    const make = (): unknown => makeSlot(password(), vaultKey, PLACE, { label: "", now: NOW, kdf }, NO_DERIVATION);
    assert.throws(make, hasCode("KDF_PARAMETERS_REFUSED"));
  }
  checkKdfParameters(DEFAULT_KDF);
  checkKdfParameters(FLOOR_KDF);
});

test("failure 35: parameters that were changed within the bounds do not open", () => {
  using vaultKey = crypto.randomSecret(32);
  const bytes = changed(record(vaultKey), { kdf: { memoryKiB: 9_216, passes: 4, lanes: 1 } });
  assert.throws(() => open([bytes], password(), PLACE, NO_DECRYPTION), hasCode("WRONG_PASSWORD"));
});

test("failure 35: parameters are bound by themselves too, whatever a derivation makes of them", () => {
  using vaultKey = crypto.randomSecret(32);
  const deaf: Crypto = { ...crypto, argon2id: (secret, salt, { length }) => crypto.argon2id(secret, salt, { ...FLOOR_KDF, length }) };
  const bytes = record(vaultKey);
  assert.ok(open([bytes], password(), PLACE, deaf).vaultKey.equals(vaultKey));
  for (const kdf of [
    { ...FLOOR_KDF, memoryKiB: FLOOR_KDF.memoryKiB + 1 },
    { ...FLOOR_KDF, passes: FLOOR_KDF.passes + 1 },
    { ...FLOOR_KDF, lanes: FLOOR_KDF.lanes + 1 },
  ]) {
    assert.throws(() => open([changed(bytes, { kdf })], password(), PLACE, deaf), hasCode("WRONG_PASSWORD"));
  }
});

test("empty and overlong passwords make no slot", () => {
  using vaultKey = crypto.randomSecret(32);
  assert.throws(() => record(vaultKey, password("")), hasCode("PASSWORD_REQUIRED"));
  assert.throws(() => open([record(vaultKey)], password("")), hasCode("PASSWORD_REQUIRED"));
  const sized = (length: number): UnlockWith => ({ kind: "password", secret: SecretBytes.from(new Uint8Array(length).fill(97)) });
  assert.throws(() => record(vaultKey, sized(4097)), hasCode("INVALID_ARGUMENT"));
  assert.throws(() => open([record(vaultKey)], sized(4097), PLACE, NO_DERIVATION), hasCode("WRONG_PASSWORD"));
  assert.ok(open([record(vaultKey, sized(4096))], sized(4096)).vaultKey.equals(vaultKey));
});

test("a key file or credential has 32 to 1024 bytes of random material", () => {
  using vaultKey = crypto.randomSecret(32);
  const sized = (length: number, distinct = 256): UnlockWith => ({
    kind: "key-file",
    secret: SecretBytes.from(Uint8Array.from({ length }, (_, i) => i % distinct)),
  });
  for (const length of [0, 31, 1025]) {
    assert.throws(() => record(vaultKey, sized(length)), hasCode("INVALID_ARGUMENT"), `${length} bytes`);
    assert.throws(() => open([record(vaultKey, sized(32))], sized(length), PLACE, NOTHING_DERIVED), hasCode("WRONG_UNLOCK_KEY"));
  }
  for (const length of [32, 1024]) assert.ok(open([record(vaultKey, sized(length))], sized(length)).vaultKey.equals(vaultKey));
  const sentence: UnlockWith = { kind: "credential", secret: SecretBytes.fromUtf8("my Password is changeme, agent 2026\n") };
  assert.throws(() => record(vaultKey, sentence), hasCode("INVALID_ARGUMENT"));
  assert.throws(() => open([record(vaultKey)], sentence), hasCode("WRONG_UNLOCK_KEY"), "it may have been one before, and is tried");
  for (const distinct of [1, 15]) assert.throws(() => record(vaultKey, sized(1024, distinct)), hasCode("INVALID_ARGUMENT"));
  assert.ok(record(vaultKey, sized(32, 16)).length > 0);
});

test("a slot that could not be read again is never given out", () => {
  using vaultKey = crypto.randomSecret(32);
  const { secret } = keyMaterial();
  const make = (changes: { readonly now?: number; readonly vaultKeyNumber?: number }): unknown =>
    makeSlot({ kind: "key-file", secret }, vaultKey, { ...PLACE, ...changes }, { label: "", now: NOW, ...changes }, crypto);
  for (const changes of [{ now: -1 }, { vaultKeyNumber: 0 }, { vaultKeyNumber: 2 ** 32 }]) {
    assert.throws(() => make(changes), hasCode("INTERNAL"), JSON.stringify(changes));
  }
  assert.ok(make({ now: 0, vaultKeyNumber: 2 ** 32 - 1 }));
});

test("the same secret makes two slots that share no salt, commitment or wrap", () => {
  using vaultKey = crypto.randomSecret(32);
  const [a, b] = [1, 2].map(() => decodeSlot(record(vaultKey, keyMaterial("key-file")), crypto));
  for (const field of ["salt", "commitment", "nonce", "wrapped"] as const) assert.notDeepEqual(a?.[field], b?.[field], field);
});

test("there are at most eight slots, and more are not even tried", () => {
  using vaultKey = crypto.randomSecret(32);
  const bytes = record(vaultKey, keyMaterial("key-file"));
  const times = (count: number): Uint8Array[] => Array.from({ length: count }, () => bytes);
  assert.equal(open(times(8), keyMaterial("key-file")).number, 1);
  assert.throws(() => open(times(9), keyMaterial("key-file"), PLACE, NOTHING_DERIVED), hasCode("VAULT_CORRUPT"));
});

test("a derivation that fails is no wrong secret and no damage, and ends the attempt", () => {
  using vaultKey = crypto.randomSecret(32);
  const outOfMemory = new RangeError("no memory");
  const failing: Crypto = {
    ...crypto,
    argon2id: () => {
      throw outOfMemory;
    },
  };
  assert.throws(
    () => open([record(vaultKey)], password(), PLACE, failing),
    (error) => error === outOfMemory,
  );
  let calls = 0;
  const failingOnce: Crypto = { ...crypto, argon2id: (...args) => (calls++ === 0 ? failing.argon2id(...args) : crypto.argon2id(...args)) };
  assert.throws(
    () => open([record(vaultKey), record(vaultKey)], password(), PLACE, failingOnce),
    (error) => error === outOfMemory,
  );
});

test("what makes no slot says which option it was, and why", () => {
  using vaultKey = crypto.randomSecret(32);
  const short: UnlockWith = { kind: "credential", secret: SecretBytes.from(new Uint8Array(31)) };
  const constant: UnlockWith = { kind: "key-file", secret: SecretBytes.from(new Uint8Array(32)) };
  const long: UnlockWith = { kind: "password", secret: SecretBytes.from(new Uint8Array(4097).fill(97)) };
  for (const [secret, details] of [
    [short, { option: "credential", reason: "length" }],
    [constant, { option: "key-file", reason: "not random" }],
    [long, { option: "password", reason: "length" }],
  ] as const) {
    assert.throws(
      () => record(vaultKey, secret),
      (error) => {
        assert.ok(isTalosError(error, "INVALID_ARGUMENT"));
        assert.deepEqual(error.details, details);
        if (secret === constant) assert.match(error.hint, /head -c 64/);
        return true;
      },
    );
  }
});
