import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { bytesOf } from "../../../testkit/src/vectors/cast.ts";
import { assertRefused } from "../../../testkit/src/vectors/refusals.ts";
import { concatBytes, equalBytes } from "../bytes/bytes.ts";
import { TalosError } from "../errors/talos-error.ts";
import { nodeCrypto } from "../primitives/node-crypto.ts";
import {
  decodeEnvelope,
  encodeEnvelopeHeader,
  envelopeId,
  envelopeIdFrom,
  messageAssociatedData,
  type EnvelopeHeader,
} from "./envelope.ts";

const bytes = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });
const extensions = fc
  .uniqueArray(fc.tuple(fc.nat(65_535), fc.uint8Array({ maxLength: 30 })), { selector: ([id]) => id, maxLength: 4 })
  .map((list) => list.toSorted(([a], [b]) => a - b).map(([id, value]) => ({ id, critical: false, value })));
/** 53 bytes and the KEM parts that the flags announce. */
const ratchetHeader = fc.constantFrom(0, 1, 2, 3).chain((flags) =>
  bytes(53 + ((flags & 1) === 0 ? 0 : 1184) + ((flags & 2) === 0 ? 0 : 1088)).map((header) => {
    header[32] = flags;
    return header;
  }),
);
const header: fc.Arbitrary<EnvelopeHeader> = fc
  .tuple(fc.boolean(), bytes(16), bytes(1275), ratchetHeader, extensions, bytes(12))
  .map(([first, sessionId, handshakeHeader, ratchet, list, nonce]) => {
    const common = { ratchetHeader: ratchet, extensions: list, nonce };
    return first ? { type: "first", handshakeHeader, ...common } : { type: "message", sessionId, ...common };
  });

test("every envelope goes through its encoding and back, and clear bytes and ciphertext are the whole of it", () => {
  fc.assert(
    fc.property(header, fc.uint8Array({ minLength: 16, maxLength: 100 }), (fields, ciphertext) => {
      const wire = concatBytes(encodeEnvelopeHeader(fields), ciphertext);
      const { clear, ciphertext: read, ...rest } = decodeEnvelope(wire);
      assert.deepEqual(rest, fields);
      assert.deepEqual(concatBytes(clear, read), wire);
      assert.deepEqual(read, ciphertext);
    }),
    { numRuns: 60 },
  );
});

test("whatever comes is read or refused, never anything else, and what is read is written the same", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (noise, plausible) => {
      const wire = plausible ? concatBytes(Uint8Array.of(1, 1, 1, 0), noise) : noise;
      try {
        const { clear, ciphertext: _ciphertext, ...fields } = decodeEnvelope(wire);
        assert.deepEqual(encodeEnvelopeHeader(fields), concatBytes(clear));
      } catch (error) {
        assert.ok(error instanceof TalosError, String(error));
      }
    }),
  );
});

test("failure 47: the associated data covers every byte before the ciphertext, and the session", () => {
  const fields = {
    type: "message",
    sessionId: bytesOf("id", 16),
    ratchetHeader: new Uint8Array(53),
    extensions: [],
    nonce: bytesOf("nonce", 12),
  } as const;
  const key = nodeCrypto.randomSecret(32);
  const clear = encodeEnvelopeHeader(fields);
  const transcript = bytesOf("transcript", 32);
  const ciphertext = nodeCrypto.aeadSeal(
    "chacha20-poly1305",
    key,
    fields.nonce,
    bytesOf("plaintext", 32),
    messageAssociatedData(transcript, clear),
  );
  const wire = concatBytes(clear, ciphertext);
  const open = (envelope: Uint8Array, hash = transcript): Uint8Array => {
    const decoded = decodeEnvelope(envelope);
    return nodeCrypto.aeadOpen("chacha20-poly1305", key, fields.nonce, decoded.ciphertext, messageAssociatedData(hash, decoded.clear));
  };
  assert.deepEqual(open(wire), bytesOf("plaintext", 32));
  for (const index of wire.keys()) {
    const changed = wire.slice();
    changed[index] = (changed[index] as number) ^ 1;
    assertRefused(() => open(changed), `byte ${index}`);
  }
  assertRefused(() => open(wire, bytesOf("other transcript", 32)), "another session", "DECRYPTION_FAILED");
});

test("an envelope has at most 11,000,000 bytes", () => {
  const fields = {
    type: "message",
    sessionId: bytesOf("id", 16),
    ratchetHeader: new Uint8Array(53),
    extensions: [],
    nonce: bytesOf("nonce", 12),
  } as const;
  const clear = encodeEnvelopeHeader(fields);
  decodeEnvelope(concatBytes(clear, new Uint8Array(11_000_000 - clear.length)));
  assertRefused(() => decodeEnvelope(concatBytes(clear, new Uint8Array(11_000_001 - clear.length))), "one more", "MALFORMED");
});

test("parts of a wrong length are not encoded", () => {
  const fields = {
    type: "message",
    sessionId: bytesOf("id", 16),
    ratchetHeader: new Uint8Array(53),
    extensions: [],
    nonce: bytesOf("nonce", 12),
  } as const;
  const withKemFlag = new Uint8Array(53);
  withKemFlag[32] = 1;
  const extension = { id: 1, critical: false, value: new Uint8Array(5000) };
  for (const changes of [
    { sessionId: new Uint8Array(15) },
    { nonce: new Uint8Array(24) },
    { ratchetHeader: new Uint8Array(54) },
    { ratchetHeader: withKemFlag },
    { extensions: [extension] },
    {
      extensions: [
        { ...extension, value: new Uint8Array(0) },
        { ...extension, value: new Uint8Array(0) },
      ],
    },
  ]) {
    assertRefused(() => encodeEnvelopeHeader({ ...fields, ...changes }), JSON.stringify(Object.keys(changes)), "INVALID_ARGUMENT");
  }
});

test("an envelope's id follows from its bytes", () => {
  const id = envelopeId(bytesOf("an envelope", 32), nodeCrypto);
  assert.equal(id.length, 16);
  assert.ok(equalBytes(id, nodeCrypto.sha256(bytesOf("an envelope", 32)).subarray(0, 16)));
  assertRefused(() => envelopeIdFrom(new Uint8Array(15)), "short", "MALFORMED");
});
