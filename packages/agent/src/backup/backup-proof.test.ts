import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeAuditEntry, equalBytes, isTalosError, keyId, nodeCrypto, utf8 } from "@talos/core";
import type { BackupContent, BackupKey } from "./backup-content.ts";
import { NOW, rootOf, someCertificate, someContent, someIdentity, someKeys, somePeer } from "./backup-fixture.test.ts";
import { verifyContent } from "./backup-proof.ts";

const IDENTITY = someIdentity(1);
const CONTENT = someContent({}, IDENTITY);
const OTHERS = someKeys(someIdentity());

function verify(changes: Partial<BackupContent>): ReturnType<typeof verifyContent> {
  return verifyContent({ ...CONTENT, ...changes }, nodeCrypto, NOW);
}

/** Refused under that code, and for that reason alone. */
function refuses(changes: Partial<BackupContent>, reason: string, code: "BACKUP_DAMAGED" | "BACKUP_KEY_FAILED" = "BACKUP_DAMAGED"): void {
  assert.throws(
    () => verify(changes),
    (error) => isTalosError(error, code) && error.details["reason"] === reason,
    reason,
  );
}

function keyOf(kind: BackupKey["kind"], keys: readonly BackupKey[] = CONTENT.keys): BackupKey {
  return keys.find((key) => key.kind === kind) ?? assert.fail(kind);
}

function withKey(kind: BackupKey["kind"], changes: Partial<BackupKey>): Partial<BackupContent> {
  return { keys: CONTENT.keys.map((key) => (key.kind === kind ? { ...key, ...changes } : key)) };
}

test("a content that agrees with itself gives the agent's verified log", () => {
  const log = verify({});
  assert.ok(equalBytes(log.agentId, CONTENT.agentId) && equalBytes(log.head.hash, CONTENT.head.hash));
  assert.equal(log.revoked, undefined);
});

test("the log is the agent's, verifies, and ends where the file says", () => {
  const other = someIdentity(1).log;
  refuses({ events: other.events }, "log");
  refuses({ events: [] }, "log");
  refuses({ agentId: other.agentId }, "log");
  const forged = CONTENT.events.map((wire) => wire.slice());
  forged[1]?.set([forged[1]?.at(-1) === 0 ? 1 : 0], (forged[1]?.length ?? 0) - 1);
  refuses({ events: forged }, "log");
  refuses({ events: CONTENT.events.slice(0, 1) }, "head");
  refuses({ head: { ...CONTENT.head, seq: 0 } }, "head");
});

test("each private part is the one of the log's key", () => {
  for (const kind of ["identity", "next-identity", "encryption"] as const) {
    refuses(withKey(kind, { secret: keyOf(kind, OTHERS).secret }), "another-key", "BACKUP_KEY_FAILED");
    refuses(withKey(kind, { keyId: keyOf(kind, OTHERS).keyId }), "key-id", "BACKUP_KEY_FAILED");
    const { keyId: id, publicKey, secret } = keyOf(kind, OTHERS);
    refuses(withKey(kind, { keyId: id, publicKey, secret }), "not-in-the-log", "BACKUP_KEY_FAILED");
  }
  // Keys of the right kind of agent in each other's places.
  const { keyId: id, publicKey, secret } = keyOf("next-identity");
  refuses(withKey("identity", { keyId: id, publicKey, secret }), "not-in-the-log", "BACKUP_KEY_FAILED");
});

test("all three keys are there, if only by name", () => {
  const byName = CONTENT.keys.map((key): BackupKey => ({ ...key, secret: undefined, backend: "hsm", protection: "hardware" }));
  assert.ok(verify({ keys: byName }));
  for (const key of CONTENT.keys) refuses({ keys: CONTENT.keys.filter((other) => other !== key) }, "keys");
  refuses({ keys: [...CONTENT.keys, keyOf("identity")] }, "keys");
  refuses({ keys: [] }, "keys");
});

test("a key of this software is there with its private part: nobody will ever find it elsewhere", () => {
  for (const { kind } of CONTENT.keys) refuses(withKey(kind, { secret: undefined }), "keys");
});

test("a private part under an algorithm whose keys do not travel is refused", () => {
  const point = new Uint8Array(33).fill(2);
  const es256 = { algorithm: 4, publicKey: point, keyId: keyId({ algorithm: 4, bytes: point }, nodeCrypto) } as const;
  refuses(withKey("identity", es256), "not-in-the-log", "BACKUP_KEY_FAILED");
});

test("the certificate is of this log, and not above the generation of the vault", () => {
  refuses({ certificate: someCertificate(someIdentity(), 7) }, "certificate");
  refuses({ certificate: utf8("none") }, "certificate");
  refuses({ certificate: someCertificate(IDENTITY, 8) }, "generation");
  assert.ok(verify({ certificate: someCertificate(IDENTITY, 1) }));
});

test("the audit trail gives its head", () => {
  const { audit, auditHead } = CONTENT;
  refuses({ audit: audit.slice(1) }, "audit");
  refuses({ audit: audit.toReversed() }, "audit");
  refuses({ auditHead: { ...auditHead, size: auditHead.size + 1 } }, "audit");
  refuses({ auditHead: { ...auditHead, root: new Uint8Array(32) } }, "audit");
  const unreadable = [utf8("no entry")];
  refuses({ audit: unreadable, auditHead: { size: 1, root: rootOf(unreadable) } }, "audit");
  const longer = [...audit, encodeAuditEntry({ kind: "unlocked", at: NOW, details: {} }, 2)];
  assert.ok(verify({ audit: longer, auditHead: { size: longer.length, root: rootOf(longer) } }));
  assert.ok(verify({ audit: [], auditHead: { size: 0, root: rootOf([]) } }));
});

test("a peer's log is its own, verifies, and ends at its head", () => {
  const [peer] = CONTENT.peers;
  const other = somePeer(undefined, 1);
  assert.ok(peer !== undefined);
  const withPeer = (changes: Partial<typeof peer.peer>): Partial<BackupContent> => ({
    peers: [{ ...peer, peer: { ...peer.peer, ...changes } }],
  });
  refuses({ peers: [{ ...peer, events: other.events }] }, "peer");
  refuses({ peers: [{ ...peer, events: [] }] }, "peer");
  refuses(withPeer({ head: other.peer.head }), "peer");
  refuses(withPeer({ agentId: other.peer.agentId }), "peer");
  refuses(withPeer({ toldSeq: 1 }), "peer");
  refuses(withPeer({ certificate: someCertificate(someIdentity(), 1) }), "peer");
  refuses(withPeer({ certificate: utf8("none") }), "peer");
  refuses({ peers: [peer, peer] }, "peer");
  refuses({ peers: [peer, { ...other, peer: { ...other.peer, petname: "bob" } }] }, "peer");
  assert.ok(verify({ peers: [] }));
});

test("the home directory that it names is the URL of one", () => {
  for (const home of ["file:///etc", "nowhere", ""]) refuses({ settings: new Map([["home-directory", home]]) }, "settings");
});

test("an event that was cut off is what it is called", () => {
  const [event] = CONTENT.cutOff;
  assert.ok(event !== undefined);
  refuses({ cutOff: [{ ...event, hash: new Uint8Array(32) }] }, "cut-off");
  refuses({ cutOff: [{ ...event, seq: 2 }] }, "cut-off");
  refuses({ cutOff: [{ ...event, wire: utf8("no event") }] }, "cut-off");
});
