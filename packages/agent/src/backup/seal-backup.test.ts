import assert from "node:assert/strict";
import { test } from "node:test";
import { concatBytes, type Crypto, encodeCbor, nodeCrypto, type SecretBytes, utf8 } from "@talos/core";
import { hasCode } from "@talos/testkit";
import { openCommitted, wrapCommitted, type WrapLabels } from "../vault/slots/committed-wrap.ts";
import { FLOOR, plain, rewritten, secret, someContent } from "./backup-fixture.test.ts";
import { decodeBackup, encodeBackup, encodeSlots, MAX_BACKUP_BYTES } from "./backup-record.ts";
import { encodeContent, secretsOf } from "./content-codec.ts";
import { pad } from "./padding.ts";
import { BACKUP_KDF, openBackup, opensBackup, readBackupFacts, sealBackup } from "./seal-backup.ts";

const crypto = nodeCrypto;
/** Fails the test when anything is derived. */
const NOTHING_DERIVED: Crypto = { ...crypto, argon2id: () => assert.fail("derived") };
/** Fails the test when anything is decrypted. */
const NO_DECRYPTION: Crypto = { ...crypto, aeadOpen: () => assert.fail("decrypted") };
/** Fails the test when a content is decrypted; file keys are shorter. */
const NO_CONTENT: Crypto = {
  ...crypto,
  aeadOpen: (algorithm, key, nonce, sealed, bound) =>
    sealed.length > 48 ? assert.fail("decrypted") : crypto.aeadOpen(algorithm, key, nonce, sealed, bound),
};

const SAFE = "seven slow barges on the canal";
const CONTENT = someContent();
const FILE: Uint8Array = sealBackup(CONTENT, [secret(), secret(SAFE)], FLOOR, crypto);

function labels(of: "slot" | "content"): WrapLabels {
  const label = (what: string): Uint8Array => utf8(`talos/v1/backup/${of}/${what}\0`);
  return { key: label("key"), commitment: label("commitment"), wrap: label("seal") };
}

function bytesOf(number: number, length: number): Uint8Array {
  return new Uint8Array(length).fill(number);
}

test("a backup opens with each of its passwords, and gives what was put in", () => {
  for (const [slot, password] of [secret(), secret(SAFE)].entries()) {
    using opened = openBackup(FILE, password, crypto);
    assert.deepEqual(plain(opened.content), plain(CONTENT));
    assert.deepEqual([opened.slot, opened.slots, opened.kdf], [slot + 1, 2, FLOOR]);
    assert.ok(opensBackup(FILE, password, crypto));
  }
});

test("what can be read without a password is read without deriving anything", () => {
  const { agentName, agentId, createdAt, head } = CONTENT;
  const facts = readBackupFacts(FILE, NOTHING_DERIVED);
  using opened = openBackup(FILE, secret(), crypto);
  assert.deepEqual(facts, { agentName, agentId, createdAt, head, kdf: FLOOR, slots: 2, id: opened.id });
  assert.match(facts.id, /^[0-9a-f]{16}$/);
});

test("another password is wrong, and nothing is decrypted under it", () => {
  assert.throws(() => openBackup(FILE, secret("another password"), NO_DECRYPTION), hasCode("BACKUP_WRONG_PASSWORD"));
  assert.equal(opensBackup(FILE, secret("another password"), NO_DECRYPTION), false);
});

test("however many slots there are, opening derives once", () => {
  const passwords = ["one", "two", "three", "four"];
  const file = sealBackup(
    CONTENT,
    passwords.map((text) => secret(text)),
    FLOOR,
    crypto,
  );
  let runs = 0;
  const counting: Crypto = { ...crypto, argon2id: (...given) => (runs++, crypto.argon2id(...given)) };
  for (const [index, text] of [...passwords, "five"].entries()) {
    runs = 0;
    if (text === "five") assert.throws(() => openBackup(file, secret(text), counting), hasCode("BACKUP_WRONG_PASSWORD"));
    else assert.equal(openBackup(file, secret(text), counting).slot, index + 1);
    assert.equal(runs, 1);
  }
});

test("no password, a fifth and one twice are refused before anything is derived", () => {
  const sealWith = (...texts: string[]): Uint8Array =>
    sealBackup(
      CONTENT,
      texts.map((text) => secret(text)),
      FLOOR,
      NOTHING_DERIVED,
    );
  assert.throws(() => sealWith(), hasCode("INVALID_ARGUMENT"));
  assert.throws(() => sealWith("1", "2", "3", "4", "5"), hasCode("INVALID_ARGUMENT"));
  assert.throws(() => sealWith("1", "2", "1"), hasCode("BACKUP_PASSWORD_REUSED"));
});

test("two backups of the same under the same password have nothing sealed in common, and one length", () => {
  const [one, other] = [sealBackup(CONTENT, [secret()], FLOOR, crypto), sealBackup(CONTENT, [secret()], FLOOR, crypto)].map((file) => ({
    length: file.length,
    ...decodeBackup(file, crypto),
  }));
  assert.ok(one !== undefined && other !== undefined);
  assert.equal(one.length, other.length);
  assert.notDeepEqual(one.fields.salt, other.fields.salt);
  assert.notDeepEqual(one.seal.wrapped.slice(0, 16), other.seal.wrapped.slice(0, 16));
  assert.notEqual(readBackupFacts(encodeBackup(one, crypto), crypto).id, readBackupFacts(encodeBackup(other, crypto), crypto).id);
});

test("failure 35: parameters below the floor or above the ceiling are refused before anything is derived", () => {
  for (const kdf of [
    { memoryKiB: 7_167, passes: 5, lanes: 1 },
    { memoryKiB: 8, passes: 1, lanes: 1 },
    { memoryKiB: 0, passes: 0, lanes: 0 },
    { memoryKiB: 1_048_577, passes: 3, lanes: 1 },
    { memoryKiB: 2 ** 40, passes: 3, lanes: 1 },
    { memoryKiB: 262_144, passes: 17, lanes: 4 },
    { memoryKiB: 262_144, passes: 4, lanes: 17 },
  ]) {
    const file = rewritten(FILE, { fields: { kdf } });
    assert.throws(() => openBackup(file, secret(), NOTHING_DERIVED), hasCode("KDF_PARAMETERS_REFUSED"));
    assert.throws(() => opensBackup(file, secret(), NOTHING_DERIVED), hasCode("KDF_PARAMETERS_REFUSED"));
    assert.throws(() => readBackupFacts(file, NOTHING_DERIVED), hasCode("KDF_PARAMETERS_REFUSED"));
    assert.throws(() => sealBackup(CONTENT, [secret()], kdf, NOTHING_DERIVED), hasCode("KDF_PARAMETERS_REFUSED"));
  }
});

test("failure 35: what a backup is stretched with by default is above the vault's", () => {
  assert.deepEqual(BACKUP_KDF, { memoryKiB: 262_144, passes: 4, lanes: 4 });
});

test("failure 36: everything clear is bound: a file that was rewritten whole does not open, and nothing is decrypted", () => {
  const { fields, slots } = decodeBackup(FILE, crypto);
  for (const changes of [
    { agentName: "alicia" },
    { agentId: someContent().agentId },
    { createdAt: fields.createdAt + 1 },
    { head: { ...fields.head, seq: 0 } },
    { head: { ...fields.head, hash: bytesOf(1, 32) } },
    { kdf: { ...FLOOR, memoryKiB: FLOOR.memoryKiB + 8 } },
    { kdf: { ...FLOOR, passes: FLOOR.passes + 1 } },
    { kdf: { ...FLOOR, lanes: 2 } },
    { salt: bytesOf(0, 16) },
  ])
    assert.throws(() => openBackup(rewritten(FILE, { fields: changes }), secret(), NO_DECRYPTION), hasCode("BACKUP_WRONG_PASSWORD"));
  const forgotten = slots.map((slot) => ({ ...slot, commitment: bytesOf(0, 32) }));
  assert.throws(() => openBackup(rewritten(FILE, { slots: forgotten }), secret(), NO_DECRYPTION), hasCode("BACKUP_WRONG_PASSWORD"));
});

test("failure 36: a slot that was taken out, added, repeated or moved is noticed before any content is decrypted", () => {
  const [first, second] = decodeBackup(FILE, crypto).slots;
  assert.ok(first !== undefined && second !== undefined);
  for (const slots of [[first], [first, first], [first, second, second]]) {
    const file = rewritten(FILE, { slots });
    assert.throws(() => openBackup(file, secret(), NO_CONTENT), hasCode("BACKUP_DAMAGED"));
    // It is one of the backup's passwords all the same.
    assert.equal(opensBackup(file, secret(), crypto), true);
  }
  for (const [slots, password] of [
    [[second, first], secret()],
    [[second], secret(SAFE)],
  ] as const)
    assert.throws(() => openBackup(rewritten(FILE, { slots }), password, NO_DECRYPTION), hasCode("BACKUP_WRONG_PASSWORD"));
});

test("failure 36: no file opens under two passwords with two contents, whoever made it", () => {
  const { fields, clear, seal } = decodeBackup(FILE, crypto);
  const slotFor = (text: string, fileKey: SecretBytes, number: number): ReturnType<typeof wrapCommitted> => {
    using stretched = crypto.argon2id(secret(text), fields.salt, { ...FLOOR, length: 32 });
    return wrapCommitted(fileKey, stretched, concatBytes(clear, Uint8Array.of(number)), labels("slot"), crypto);
  };
  const [mine, yours] = [crypto.randomSecret(32), crypto.randomSecret(32)];
  const slotBytes = encodeSlots([slotFor("mine", mine, 1), slotFor("yours", yours, 2)]);
  const bound = concatBytes(clear, slotBytes);
  using padded = pad(secretsOf(CONTENT), encodeContent(CONTENT));
  const forMe = wrapCommitted(padded, mine, bound, labels("content"), crypto);
  const file = encodeBackup({ clear, slotBytes, seal: forMe }, crypto);
  using opened = openBackup(file, secret("mine"), crypto);
  assert.deepEqual(plain(opened.content), plain(CONTENT));
  // AES-GCM alone can be made to open under both; here the second one never comes to be tried.
  assert.throws(() => openBackup(file, secret("yours"), NO_CONTENT), hasCode("BACKUP_DAMAGED"));
  assert.equal(openCommitted(forMe, yours, bound, labels("content"), NO_DECRYPTION), undefined);
  // Nor does a content of another file, whose commitment fits it and not this key.
  assert.throws(() => openBackup(encodeBackup({ clear, slotBytes, seal }, crypto), secret("mine"), NO_CONTENT), hasCode("BACKUP_DAMAGED"));
});

test("a seal that was exchanged is damage, not a wrong password", () => {
  const { slots, seal } = decodeBackup(FILE, crypto);
  for (const file of [
    rewritten(FILE, { slots: slots.map((slot) => ({ ...slot, wrapped: bytesOf(0, 48) })) }),
    rewritten(FILE, { slots: slots.map((slot) => ({ ...slot, nonce: bytesOf(0, 12) })) }),
    rewritten(FILE, { seal: { commitment: bytesOf(0, 32) } }),
    rewritten(FILE, { seal: { nonce: bytesOf(0, 12) } }),
    rewritten(FILE, { seal: { wrapped: bytesOf(0, seal.wrapped.length) } }),
  ])
    assert.throws(() => openBackup(file, secret(), crypto), hasCode("BACKUP_DAMAGED"));
});

test("what is too long to be a backup is not taken apart, and none is made", () => {
  assert.throws(() => readBackupFacts(new Uint8Array(MAX_BACKUP_BYTES + 1), NOTHING_DERIVED), hasCode("BACKUP_DAMAGED"));
  const settings = new Map([["history", "x".repeat(MAX_BACKUP_BYTES)]]);
  assert.throws(() => sealBackup({ ...CONTENT, settings }, [secret()], FLOOR, NOTHING_DERIVED), hasCode("BACKUP_TOO_LARGE"));
});

test("whatever is no backup is damaged, and says so without a derivation", () => {
  for (const bytes of [new Uint8Array(0), utf8("{}"), encodeCbor([]), encodeCbor([1, 2, 3, 4, 5, 6]), bytesOf(0x9f, 1000)])
    assert.throws(() => openBackup(bytes, secret(), NOTHING_DERIVED), hasCode("BACKUP_DAMAGED"));
});

test("every secret that sealing and opening made is wiped, and so is what was sealed", () => {
  const made: SecretBytes[] = [];
  const plaintexts: Uint8Array[] = [];
  const keep = (one: SecretBytes): SecretBytes => (made.push(one), one);
  const watched: Crypto = {
    ...crypto,
    randomSecret: (length) => keep(crypto.randomSecret(length)),
    deriveKey: (...given) => keep(crypto.deriveKey(...given)),
    argon2id: (...given) => keep(crypto.argon2id(...given)),
    aeadSeal: (algorithm, key, nonce, plaintext, bound) => {
      plaintexts.push(plaintext);
      return crypto.aeadSeal(algorithm, key, nonce, plaintext, bound);
    },
    aeadOpen: (...given) => {
      const plaintext = crypto.aeadOpen(...given);
      plaintexts.push(plaintext);
      return plaintext;
    },
  };
  const file = sealBackup(CONTENT, [secret(), secret(SAFE)], FLOOR, watched);
  const opened = openBackup(file, secret(SAFE), watched);
  assert.throws(() => openBackup(rewritten(file, { seal: { nonce: bytesOf(0, 12) } }), secret(), watched), hasCode("BACKUP_DAMAGED"));
  assert.throws(() => openBackup(file, secret("wrong"), watched), hasCode("BACKUP_WRONG_PASSWORD"));
  assert.ok(made.length > 20 && plaintexts.length === 6);
  assert.ok(made.every(({ isDisposed }) => isDisposed));
  assert.ok(plaintexts.every((bytes) => bytes.every((byte) => byte === 0)));
  const secrets = secretsOf(opened.content);
  opened[Symbol.dispose]();
  assert.ok(secrets.length === 3 && secrets.every(({ isDisposed }) => isDisposed));
  assert.ok(secretsOf(CONTENT).every(({ isDisposed }) => !isDisposed));
});
