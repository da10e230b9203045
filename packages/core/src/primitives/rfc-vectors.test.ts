/** The vectors printed in the standards themselves, through our own wrappers; they need nothing from outside. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { concatBytes } from "../bytes/bytes.ts";
import { fromHex, toHex } from "../bytes/hex.ts";
import { utf8 } from "../bytes/utf8.ts";
import { isTalosError } from "../errors/talos-error.ts";
import { revealSecret, SecretBytes } from "../secret/secret-bytes.ts";
import { deriveKey, nodeCrypto } from "./node-crypto.ts";

function secret(hex: string): SecretBytes {
  return SecretBytes.take(fromHex(hex));
}

function hexOf(bytes: SecretBytes): string {
  return toHex(revealSecret(bytes));
}

function x25519(privateKey: string, publicKey: string): string {
  return hexOf(nodeCrypto.agreementKeyFromPrivate(secret(privateKey)).agree(fromHex(publicKey)));
}

test("RFC 5869, appendix A.1 to A.3: HKDF-SHA-256", () => {
  const long = (from: number, to: number): string => toHex(Uint8Array.from({ length: to - from }, (_, i) => from + i));
  const derive = (ikm: string, salt: string, info: string, length: number): string =>
    hexOf(nodeCrypto.deriveKey(secret(ikm), fromHex(info), length, fromHex(salt)));
  assert.equal(
    derive("0b".repeat(22), "000102030405060708090a0b0c", "f0f1f2f3f4f5f6f7f8f9", 42),
    "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
  );
  assert.equal(
    derive(long(0x00, 0x50), long(0x60, 0xb0), long(0xb0, 0x100), 82),
    "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
  );
  const noSalt = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8";
  assert.equal(derive("0b".repeat(22), "", "", 42), noSalt);
  assert.equal(hexOf(deriveKey(secret("0b".repeat(22)), new Uint8Array(0), 42)), noSalt);
});

test("RFC 4231: HMAC-SHA-256", () => {
  const hmac = (key: string, data: Uint8Array): string => hexOf(nodeCrypto.hmacSha256(secret(key), data));
  assert.equal(hmac("0b".repeat(20), utf8("Hi There")), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  assert.equal(
    hmac(toHex(utf8("Jefe")), utf8("what do ya want for nothing?")),
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  );
  assert.equal(
    hmac("aa".repeat(131), utf8("Test Using Larger Than Block-Size Key - Hash Key First")),
    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
  );
});

test("FIPS 180-4: SHA-256, whole and in parts of any size", () => {
  const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  assert.equal(toHex(nodeCrypto.sha256()), empty);
  assert.equal(toHex(nodeCrypto.sha256(utf8(""), utf8(""))), empty);
  assert.equal(toHex(nodeCrypto.sha256(utf8("abc"))), abc);
  assert.equal(toHex(nodeCrypto.sha256(utf8("a"), utf8(""), utf8("bc"))), abc);
  for (const length of [511, 512, 513, 2000]) {
    const bytes = new Uint8Array(length).fill(7);
    assert.deepEqual(nodeCrypto.sha256(bytes.subarray(0, 100), bytes.subarray(100)), nodeCrypto.sha256(bytes));
  }
});

test("RFC 7748, sections 5.2 and 6.1: X25519", () => {
  assert.equal(
    x25519(
      "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
      "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
    ),
    "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
  );
  const shared = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";
  using alice = nodeCrypto.agreementKeyFromPrivate(secret("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"));
  using bob = nodeCrypto.agreementKeyFromPrivate(secret("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"));
  assert.equal(toHex(alice.publicKey), "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
  assert.equal(toHex(bob.publicKey), "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
  assert.equal(hexOf(alice.agree(bob.publicKey)), shared);
  assert.equal(hexOf(bob.agree(alice.publicKey)), shared);
});

test("RFC 7748, section 5.2: one and a thousand iterations", () => {
  let k = "0900000000000000000000000000000000000000000000000000000000000000";
  let u = k;
  for (let i = 1; i <= 1000; i++) {
    [k, u] = [x25519(k, u), k];
    if (i === 1) assert.equal(k, "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
  }
  assert.equal(k, "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
});

test("RFC 7748, section 5.2: the vector with the high bit set is refused; its canonical twin gives the RFC's result", () => {
  const privateKey = "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d";
  const withHighBit = "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493";
  const canonical = "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a413";
  assert.throws(
    () => x25519(privateKey, withHighBit),
    (error) => isTalosError(error, "WEAK_PUBLIC_KEY"),
  );
  assert.equal(x25519(privateKey, canonical), "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957");
});

test("RFC 8032, section 7.1: Ed25519", () => {
  const vectors = [
    {
      seed: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
      publicKey: "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
      message: "",
      signature:
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    },
    {
      seed: "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
      publicKey: "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
      message: "72",
      signature:
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    },
    {
      seed: "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
      publicKey: "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
      message: "af82",
      signature:
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    },
  ];
  for (const { seed, publicKey, message, signature } of vectors) {
    using key = nodeCrypto.signingKeyFromSeed(secret(seed));
    assert.equal(toHex(key.publicKey), publicKey);
    assert.equal(toHex(key.sign(fromHex(message))), signature);
    assert.equal(hexOf(key.exportSeed()), seed);
    assert.ok(nodeCrypto.verifySignature(1, fromHex(publicKey), fromHex(message), fromHex(signature)));
  }
});

test("RFC 8439, section 2.8.2: ChaCha20-Poly1305", () => {
  const key = secret("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
  const nonce = fromHex("070000004041424344454647");
  const associatedData = fromHex("50515253c0c1c2c3c4c5c6c7");
  const plaintext = utf8(
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
  );
  const sealed = nodeCrypto.aeadSeal("chacha20-poly1305", key, nonce, plaintext, associatedData);
  assert.equal(
    toHex(sealed),
    "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36" +
      "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b6116" +
      "1ae10b594f09e26a7e902ecbd0600691",
  );
  assert.deepEqual(nodeCrypto.aeadOpen("chacha20-poly1305", key, nonce, sealed, associatedData), plaintext);
});

test("RFC 9106, section 5.3: Argon2id with secret and associated data", () => {
  const tag = nodeCrypto.argon2id(secret("01".repeat(32)), fromHex("02".repeat(16)), {
    memoryKiB: 32,
    passes: 3,
    lanes: 4,
    length: 32,
    secret: secret("03".repeat(8)),
    associatedData: fromHex("04".repeat(12)),
  });
  assert.equal(hexOf(tag), "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659");
});

test("RFC 6979, appendix A.2.5: ES256 (P-256, SHA-256), low s only", () => {
  const publicKey = fromHex("0360fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6");
  const lowS = fromHex(
    "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083",
  );
  assert.ok(nodeCrypto.verifySignature(4, publicKey, utf8("test"), lowS));
  assert.ok(!nodeCrypto.verifySignature(4, publicKey, utf8("Test"), lowS));

  const r = fromHex("efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716");
  const highS = fromHex("f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8");
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const twin = fromHex((order - BigInt(`0x${toHex(highS)}`)).toString(16).padStart(64, "0"));
  assert.ok(!nodeCrypto.verifySignature(4, publicKey, utf8("sample"), concatBytes(r, highS)));
  assert.ok(nodeCrypto.verifySignature(4, publicKey, utf8("sample"), concatBytes(r, twin)));
});
