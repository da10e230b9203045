import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { bytesOf, castMember, signerOf } from "../../../testkit/src/vectors/cast.ts";
import { assertRefused } from "../../../testkit/src/vectors/refusals.ts";
import { fromHex } from "../bytes/hex.ts";
import { BinaryReader } from "../codec/binary.ts";
import { encodeCbor } from "../codec/cbor.ts";
import { readCborArray } from "../codec/readers.ts";
import { nodeCrypto } from "../primitives/node-crypto.ts";
import { agentId, agentIdToDid, didToAgentId, isHostAndPort, parseAddress } from "./agent-id.ts";
import { checkDirectories, checkDirectoryUrl } from "./directory-url.ts";
import { auditHeadToCbor, headToBinary, headToCbor, readAuditHead, readHead, readLogHead, sameHead } from "./heads.ts";
import { protectionCode, protectionLevel, PROTECTION_LEVELS } from "./key-state.ts";
import { labelledBytes, labelledHash, LABELS } from "./labels.ts";
import {
  keyId,
  ownKey,
  parseKeyId,
  prekeyKeyId,
  publicKeyToBinary,
  publicKeyToCbor,
  readRemoteKey,
  remoteKey,
  samePublicKey,
  type OwnKey,
  type RemoteKey,
} from "./public-key.ts";
import { isOffered, isWindow, isWithinSlack } from "./time.ts";

const hash32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
const ed25519 = signerOf("keys test").key.bytes;
const x25519 = castMember("keys test").encryption.publicKey;

test("an agent id goes through its DID and back", () => {
  fc.assert(fc.property(hash32, (bytes) => assert.deepEqual(didToAgentId(agentIdToDid(agentId(bytes))), bytes)));
});

test("an address has a host and optionally a port after the DID", () => {
  const did = agentIdToDid(agentId(bytesOf("a", 32)));
  assert.equal(parseAddress(`${did}@directory.example:8420`).directory, "directory.example:8420");
  assert.equal(parseAddress(did).directory, undefined);
  for (const host of ["", "a b", "a/b", "http://a", "a:0", "a:65536", "a:08", "-a", "a@b", "[::1", "::1", "a:"]) {
    assert.equal(isHostAndPort(host), false, host);
    assertRefused(() => parseAddress(`${did}@${host}`), host, "MALFORMED");
  }
});

test("a DID that was mistyped in one character is refused or names another agent", () => {
  const did = agentIdToDid(agentId(bytesOf("a", 32)));
  for (let index = 0; index < did.length; index++) {
    const mistyped = did.slice(0, index) + (did[index] === "2" ? "3" : "2") + did.slice(index + 1);
    try {
      assert.notDeepEqual(didToAgentId(mistyped), bytesOf("a", 32));
    } catch (error) {
      assertRefused(
        () => {
          throw error;
        },
        mistyped,
        "MALFORMED",
      );
    }
  }
});

test("keys of another kind or side do not compile in each other's place", () => {
  const remote: RemoteKey<"identity"> = remoteKey("identity", 1, ed25519);
  const own: OwnKey<"identity"> = ownKey("identity", 1, ed25519);
  // @ts-expect-error an own key is not a remote one
  const swappedSide: RemoteKey<"identity"> = own;
  // @ts-expect-error an identity key is not an instance key
  const swappedKind: RemoteKey<"instance"> = remote;
  // @ts-expect-error an agreement key is not a KEM key
  const swappedPart: RemoteKey<"signed-prekey", 3> = remoteKey("signed-prekey", 2, x25519);
  // @ts-expect-error an encryption key is X25519
  assertRefused(() => remoteKey("encryption", 1, ed25519), "algorithm", "MALFORMED");
  assert.ok([swappedSide, swappedKind, swappedPart].every(({ bytes }) => bytes.length === 32));
});

test("a key has the length of its algorithm and is not of small order", () => {
  assertRefused(() => remoteKey("identity", 1, new Uint8Array(31)), "short", "MALFORMED");
  assertRefused(() => remoteKey("identity", 4, new Uint8Array(33)), "uncompressed form", "MALFORMED");
  assertRefused(() => remoteKey("identity", 1, fromHex(`01${"00".repeat(31)}`)), "small order", "WEAK_PUBLIC_KEY");
  assertRefused(() => remoteKey("encryption", 2, new Uint8Array(32)), "small order", "WEAK_PUBLIC_KEY");
});

test("a key goes through CBOR and back, and its id is of algorithm and bytes", () => {
  const key = remoteKey("identity", 1, ed25519);
  const read = readRemoteKey(readCborArray(encodeCbor(publicKeyToCbor(key)), "key"), "identity");
  assert.ok(samePublicKey(read, key));
  assert.match(keyId(key, nodeCrypto), /^[0-9a-f]{16}$/);
  assert.notEqual(keyId(key, nodeCrypto), keyId({ algorithm: 2, bytes: ed25519 }, nodeCrypto));
  assert.deepEqual([...publicKeyToBinary(key).subarray(0, 3)], [1, 0, 32]);
  const tooMany = encodeCbor([1, ed25519, 0]);
  assertRefused(() => readRemoteKey(readCborArray(tooMany, "key"), "identity"), "three items", "MALFORMED");
});

test("the id of a prekey is its random id; text is checked", () => {
  assert.equal(prekeyKeyId(Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 0xff)), "00010203040506ff");
  assertRefused(() => prekeyKeyId(new Uint8Array(7)), "short", "MALFORMED");
  assert.equal(parseKeyId("00010203040506ff"), "00010203040506ff");
  for (const text of ["", "00010203040506FF", "00010203040506f", "../../../etc/pass"])
    assertRefused(() => parseKeyId(text), text, "MALFORMED");
});

test("heads go through both of their forms and back", () => {
  fc.assert(
    fc.property(fc.nat(9999), hash32, (seq, hash) => {
      const head = { seq, hash };
      assert.ok(sameHead(readHead(new BinaryReader(headToBinary(head), "head")), head));
      assert.deepEqual(readLogHead(readCborArray(encodeCbor(headToCbor(head)), "head")), head);
      assert.deepEqual(readAuditHead(readCborArray(encodeCbor(auditHeadToCbor({ size: seq, root: hash })), "head")), {
        size: seq,
        root: hash,
      });
    }),
  );
  const beyond = headToBinary({ seq: 10_000, hash: new Uint8Array(32) });
  assertRefused(() => readHead(new BinaryReader(beyond, "head")), "beyond the longest log", "MALFORMED");
});

test("protection levels have their numbers", () => {
  for (const level of PROTECTION_LEVELS) assert.equal(protectionLevel(protectionCode(level)), level);
  assertRefused(() => protectionLevel(5), "5", "MALFORMED");
});

test("home directories are origins, at most four", () => {
  for (const url of ["http://a", "https://directory.example:8420", "http://127.0.0.1", "https://[2001:db8::1]:443"]) checkDirectoryUrl(url);
  for (const url of [
    "a",
    "http://",
    "http://a/",
    "http://a?b",
    "http://a#b",
    "http://u@a",
    "ftp://a",
    "HTTP://a",
    "http://a\n",
    `http://${"a".repeat(249)}`,
  ]) {
    assertRefused(() => checkDirectoryUrl(url), url, "MALFORMED");
  }
  assertRefused(() => checkDirectories(Array.from({ length: 5 }, () => "http://a")), "five", "MALFORMED");
});

test("no label is the beginning of another one's input", () => {
  const labels = Object.values(LABELS);
  assert.equal(new Set(labels).size, labels.length);
  for (const label of labels) assert.equal(label.includes("\u0000"), false);
  assert.deepEqual(labelledHash(LABELS.signUser, x25519, nodeCrypto), nodeCrypto.sha256(labelledBytes(LABELS.signUser, x25519)));
});

test("windows: the verifier's clock may differ by 10 minutes, but nothing is offered after its end", () => {
  const window = { from: 1_000_000, to: 2_000_000 };
  assert.deepEqual(
    [399_999, 400_000, 1_999_999, 2_000_000].map((now) => isOffered(window, now)),
    [false, true, true, false],
  );
  assert.deepEqual(
    [399_999, 400_000, 2_600_000, 2_600_001].map((now) => isWithinSlack(window, now)),
    [false, true, true, false],
  );
  assert.deepEqual(
    [0, 1, 2].map((to) => isWindow({ from: 0, to }, 1)),
    [false, true, false],
  );
});
