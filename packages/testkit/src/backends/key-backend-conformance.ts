/**
 * What every key backend must do, whichever hardware stands behind it. An implementation's own test calls
 * `keyBackendConformance` with a way to open it; nothing in here knows an implementation.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import type { KeyBackend, KeyReference } from "@talos/agent";
import { fromHex, isTalosError, type KeyId, keyId, nodeCrypto, PROTECTION_LEVELS, revealSecret, SecretBytes, utf8 } from "@talos/core";

/** One place where keys live: opened once for making them, and again as after a restart. */
export interface BackendUnderTest extends AsyncDisposable {
  readonly backend: KeyBackend;
  /** Makes what was created so far durable, closes everything, and opens the same place anew. */
  reopen(created: readonly KeyReference[]): Promise<KeyBackend>;
}

export interface ConformanceOptions {
  readonly name: string;
  readonly open: () => Promise<BackendUnderTest>;
}

const MESSAGE: Uint8Array = utf8("what a backend is asked to sign");
const SMALL_ORDER: Uint8Array = new Uint8Array(32);
const UNKNOWN_ID = "00000000000000ff" as KeyId;

export function keyBackendConformance({ name, open }: ConformanceOptions): void {
  const check = (what: string, run: (place: BackendUnderTest) => Promise<void>): void => {
    test(`${name}: ${what}`, async () => {
      await using place = await open();
      await run(place);
    });
  };

  check("an identity key signs what its public key verifies", async ({ backend }) => {
    using key = await backend.create("identity");
    const { algorithm, bytes } = key.publicKey;
    const signature = await key.sign(MESSAGE);
    assert.equal(signature.length, 64);
    assert.ok(nodeCrypto.verifySignature(algorithm, bytes, MESSAGE, signature));
    assert.equal(nodeCrypto.verifySignature(algorithm, bytes, utf8("something else"), signature), false);
  });

  check("an encryption key agrees with a peer on one secret", async ({ backend }) => {
    using key = await backend.create("encryption");
    using peer = nodeCrypto.generateAgreementKey();
    using ours = await key.deriveSharedSecret(peer.publicKey);
    using theirs = peer.agree(key.publicKey.bytes);
    assert.equal(ours.length, 32);
    assert.ok(ours.equals(theirs));
  });

  check("a reference names backend, kind and the id of the public key", async ({ backend }) => {
    for (const kind of ["identity", "next-identity", "encryption"] as const) {
      using key = await backend.create(kind);
      assert.deepEqual(key.reference, { backend: backend.name, kind, keyId: keyId(key.publicKey, nodeCrypto) });
      assert.ok(PROTECTION_LEVELS.includes(key.protection));
      assert.equal(fromHex(key.reference.keyId).length, 8);
    }
  });

  check("keys are found again by their reference after a restart", async (place) => {
    using identity = await place.backend.create("identity");
    using next = await place.backend.create("next-identity");
    using encryption = await place.backend.create("encryption");
    using peer = nodeCrypto.generateAgreementKey();
    using before = await encryption.deriveSharedSecret(peer.publicKey);

    const again = await place.reopen([identity.reference, next.reference, encryption.reference]);
    for (const key of [identity, next]) {
      using found = await again.open(key.reference);
      assert.deepEqual(found.publicKey, key.publicKey);
      assert.ok("sign" in found);
      const signature = await found.sign(MESSAGE);
      assert.ok(nodeCrypto.verifySignature(key.publicKey.algorithm, key.publicKey.bytes, MESSAGE, signature));
    }
    using found = await again.open(encryption.reference);
    using after = await found.deriveSharedSecret(peer.publicKey);
    assert.ok(after.equals(before));
  });

  check("a next identity key that was promoted opens as the identity key", async (place) => {
    using next = await place.backend.create("next-identity");
    const again = await place.reopen([next.reference]);
    using promoted = await again.open({ ...next.reference, kind: "identity" });
    assert.equal(promoted.reference.kind, "identity");
    assert.deepEqual(promoted.publicKey.bytes, next.publicKey.bytes);
  });

  check("two keys of one kind are different and both remain", async (place) => {
    using first = await place.backend.create("next-identity");
    using second = await place.backend.create("next-identity");
    assert.notEqual(first.reference.keyId, second.reference.keyId);
    const signature = await first.sign(MESSAGE);
    assert.ok(nodeCrypto.verifySignature(first.publicKey.algorithm, first.publicKey.bytes, MESSAGE, signature));
  });

  check("an unknown id and a foreign backend are named errors", async ({ backend }) => {
    for (const kind of ["identity", "next-identity", "encryption"] as const) {
      await assert.rejects(backend.open({ backend: backend.name, kind, keyId: UNKNOWN_ID }), isNotFound);
    }
    const foreign = backend.name === "hsm" ? "tpm" : "hsm";
    await assert.rejects(backend.open({ backend: foreign, kind: "identity", keyId: UNKNOWN_ID }), isNotFound);
  });

  check("weak and malformed public keys of a peer are refused", async ({ backend }) => {
    using key = await backend.create("encryption");
    await assert.rejects(key.deriveSharedSecret(SMALL_ORDER), (error) => isTalosError(error, "WEAK_PUBLIC_KEY"));
    await assert.rejects(key.deriveSharedSecret(new Uint8Array(31)), (error) => isTalosError(error, "MALFORMED"));
  });

  check("a disposed handle does nothing any more, and others of the same key do", async (place) => {
    const key = await place.backend.create("identity");
    const encryption = await place.backend.create("encryption");
    const again = await place.reopen([key.reference, encryption.reference]);
    const first = await again.open(key.reference);
    using second = await again.open(key.reference);
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    await assert.rejects(first.sign(MESSAGE), (error) => isTalosError(error, "SECRET_DISPOSED"));
    assert.equal((await second.sign(MESSAGE)).length, 64);
    encryption[Symbol.dispose]();
    using peer = nodeCrypto.generateAgreementKey();
    await assert.rejects(encryption.deriveSharedSecret(peer.publicKey), (error) => isTalosError(error, "SECRET_DISPOSED"));
  });

  check("operations may overlap", async ({ backend }) => {
    using key = await backend.create("identity");
    const messages = Array.from({ length: 20 }, (_, i) => Uint8Array.of(i));
    const signatures = await Promise.all(messages.map(async (message) => await key.sign(message)));
    signatures.forEach((signature, i) => {
      assert.ok(nodeCrypto.verifySignature(key.publicKey.algorithm, key.publicKey.bytes, messages[i] ?? MESSAGE, signature));
    });
  });

  check("what leaves as portable comes back as the same key, and as no other", async (place) => {
    const { portable } = place.backend.capabilities;
    if (portable === undefined) return;
    using identity = await place.backend.create("identity");
    using next = await place.backend.create("next-identity");
    using encryption = await place.backend.create("encryption");
    await using other = await open();
    const target = other.backend.capabilities.portable;
    assert.ok(target !== undefined);
    for (const key of [identity, next, encryption]) {
      const { kind, keyId: id } = key.reference;
      using secret = await portable.exportKey(key.reference);
      using copy = secret.clone();
      assert.equal(secret.length, 32);
      await assert.rejects(target.importKey(kind, UNKNOWN_ID, secret), (error) => isTalosError(error, "INVALID_ARGUMENT"));
      using short = SecretBytes.copyOf(revealSecret(secret).subarray(0, 31));
      await assert.rejects(target.importKey(kind, id, short), (error) => isTalosError(error, "INVALID_ARGUMENT"));
      await target.importKey(kind, id, secret);
      assert.ok(secret.equals(copy), "the secret stays the caller's");
    }
    const again = await other.reopen([identity.reference, next.reference, encryption.reference]);
    for (const key of [identity, next]) {
      using found = await again.open(key.reference);
      assert.deepEqual(found.publicKey, key.publicKey);
      assert.ok("sign" in found);
      const signature = await found.sign(MESSAGE);
      assert.ok(nodeCrypto.verifySignature(key.publicKey.algorithm, key.publicKey.bytes, MESSAGE, signature));
    }
    using found = await again.open(encryption.reference);
    using peer = nodeCrypto.generateAgreementKey();
    using before = await encryption.deriveSharedSecret(peer.publicKey);
    using after = await found.deriveSharedSecret(peer.publicKey);
    assert.ok(after.equals(before));
    await assert.rejects(portable.exportKey({ backend: place.backend.name, kind: "identity", keyId: UNKNOWN_ID }), isNotFound);
  });

  check(
    "nothing that is printed of a key holds a shared secret, and there is no way to export one from its handle",
    async ({ backend }) => {
      using key = await backend.create("encryption");
      using peer = nodeCrypto.generateAgreementKey();
      using secret = await key.deriveSharedSecret(peer.publicKey);
      const hex = Buffer.from(revealSecret(secret)).toString("hex");
      assert.equal(inspect([key, secret], { depth: 10, showHidden: true }).includes(hex), false);
      for (const handle of [key, await backend.create("identity")]) {
        assert.deepEqual(
          Object.keys(handle).filter((member) => /export|private|seed|secretKey/i.test(member)),
          [],
        );
      }
    },
  );
}

function isNotFound(error: unknown): boolean {
  return isTalosError(error, "KEY_NOT_FOUND") || isTalosError(error, "KEY_FILE_MISSING");
}
