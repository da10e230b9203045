import assert from "node:assert/strict";
import { test } from "node:test";
import { nodeCrypto, revealSecret, SecretBytes, toBase64Url, toHex, utf8 } from "@talos/core";

import { recordingCrypto } from "./recording-crypto.ts";

function copyOf(secret: SecretBytes): Uint8Array {
  return new Uint8Array(revealSecret(secret));
}

test("every secret that comes out of the crypto is remembered, once, also after it was wiped", () => {
  const crypto = recordingCrypto();
  const made: Uint8Array[] = [];
  const keep = (secret: SecretBytes): SecretBytes => {
    made.push(copyOf(secret));
    return secret;
  };

  const random = keep(crypto.randomSecret(32));
  keep(crypto.deriveKey(random, utf8("talos-double-ratchet-chain"), 32));
  keep(crypto.hmacSha256(random, utf8("data")));
  const signing = crypto.generateSigningKey();
  keep(signing.exportSeed());
  keep(crypto.signingKeyFromSeed(nodeCrypto.randomSecret(32)).exportSeed());
  const agreement = crypto.generateAgreementKey();
  keep(agreement.exportPrivate());
  keep(agreement.agree(crypto.generateAgreementKey().publicKey));
  const kem = crypto.generateKemKey();
  keep(kem.exportSeed());
  const { ciphertext, sharedSecret } = crypto.encapsulate(kem.publicKey);
  keep(sharedSecret);
  assert.ok(kem.decapsulate(ciphertext).equals(sharedSecret));
  const password = SecretBytes.fromUtf8("a long password");
  made.push(copyOf(password));
  keep(crypto.argon2id(password, new Uint8Array(16), { memoryKiB: 32, passes: 1, lanes: 1, length: 32 }));
  random.dispose();

  const remembered = crypto.secrets.map(({ bytes }) => toHex(bytes));
  for (const bytes of made) assert.ok(remembered.includes(toHex(bytes)));
  assert.equal(new Set(remembered).size, remembered.length);
});

test("a secret is found raw, in hex, and in base64 of every alignment", () => {
  const crypto = recordingCrypto();
  const secret = revealSecret(crypto.randomSecret(32));
  const around = (position: number): Buffer => Buffer.concat([Buffer.alloc(position, 0xee), secret, Buffer.alloc(5, 0xdd)]);
  for (let position = 0; position < 6; position++) {
    const text = around(position);
    assert.deepEqual(
      crypto.findSecretsIn(text).map(({ form }) => form),
      ["raw"],
    );
    const haystacks = [text.toString("hex"), text.toString("hex").toUpperCase(), text.toString("base64"), toBase64Url(text)];
    for (const haystack of haystacks) assert.ok(crypto.findSecretsIn(utf8(`{"x":"${haystack}"}`)).length > 0, `${position}: ${haystack}`);
  }
  assert.deepEqual(crypto.findSecretsIn(nodeCrypto.randomBytes(10_000)), []);
});

test("what a run publishes is not taken for a secret: public randomness, public keys, session ids", () => {
  const crypto = recordingCrypto();
  const nonce = crypto.randomBytes(12);
  const { publicKey } = crypto.generateSigningKey();
  const sessionId = crypto.deriveKey(crypto.randomSecret(32), utf8("talos-session-id"), 16);
  const published = Buffer.concat([nonce, publicKey, revealSecret(sessionId)]);
  assert.deepEqual(crypto.findSecretsIn(published), []);
});

test("keys of sealed texts and planted canaries are remembered too; short values are not", () => {
  const crypto = recordingCrypto();
  const key = nodeCrypto.randomSecret(32);
  const sealed = crypto.aeadSeal("aes-256-gcm", key, new Uint8Array(12), utf8("text"), new Uint8Array(0));
  assert.deepEqual(crypto.aeadOpen("aes-256-gcm", key, new Uint8Array(12), sealed, new Uint8Array(0)), utf8("text"));
  crypto.remember("canary", utf8("canary-4711"));
  crypto.remember("short", utf8("abc"));
  assert.deepEqual(
    crypto.secrets.map(({ kind }) => kind),
    ["encryption key", "canary"],
  );
  assert.deepEqual(
    crypto.findSecretsIn(utf8("log: canary-4711")).map(({ kind }) => kind),
    ["canary"],
  );
});
