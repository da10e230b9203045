// The frozen backup of version 1, opened by the agent and by a reader that shares no code with it, nor its primitives.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { agentIdToDid, decodeAuditEntry, type IdentityLog, nodeCrypto, revealSecret, toHex, utf8 } from "@talos/core";
import { type BackupReading, readBackup } from "@talos/testkit/backup-reader";
import { FLOOR, NOW, secret, someContent } from "./backup-fixture.test.ts";
import type { BackupContent } from "./backup-content.ts";
import { verifyContent } from "./backup-proof.ts";
import { openBackup, readBackupFacts, sealBackup } from "./seal-backup.ts";

const FROZEN = fileURLToPath(new URL("../../../../fixtures/backup/v1/", import.meta.url));

interface Expected {
  readonly passwords: readonly string[];
  readonly did: string;
  readonly agentName: string;
  readonly id: string;
  readonly createdAt: number;
  readonly head: { readonly seq: number; readonly hash: string };
  readonly generation: number;
  readonly keys: readonly object[];
  readonly certificate: string;
  readonly peers: readonly object[];
  readonly cutOff: readonly object[];
  readonly evidence: readonly object[];
  readonly leftOut: number;
  readonly settings: Readonly<Record<string, string>>;
  readonly audit: { readonly size: number; readonly root: string; readonly first: string };
}

const file: Uint8Array = new Uint8Array(readFileSync(`${FROZEN}alice.backup`));
const expected = JSON.parse(readFileSync(`${FROZEN}expected.json`, "utf8")) as Expected;

/** As JSON has it: what is absent has no name. */
function asJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_, inner: unknown) => (inner === null ? undefined : inner)));
}

function sha256Hex(bytes: Uint8Array): string {
  return toHex(nodeCrypto.sha256(bytes));
}

function ofAgent(content: BackupContent, log: IdentityLog): object {
  const { agentName, createdAt, head, generation, certificate, auditHead, audit, settings } = content;
  return {
    agentName,
    createdAt,
    generation,
    did: agentIdToDid(log.agentId),
    head: { seq: head.seq, hash: toHex(head.hash) },
    keys: content.keys.map(({ kind, keyId, algorithm, publicKey, secret: privatePart }) => {
      return { kind, keyId, algorithm, publicKey: toHex(publicKey), secret: privatePart && toHex(revealSecret(privatePart)) };
    }),
    certificate: sha256Hex(certificate),
    peers: content.peers.map(({ peer, events, forks, conflicts }) => ({
      did: peer.did,
      petname: peer.petname,
      trust: peer.trust,
      directory: peer.directory,
      seq: peer.head.seq,
      certified: peer.certificate !== undefined,
      corresponded: peer.correspondedAt !== undefined,
      events: events.length,
      forks: forks.map(({ seq, decidedAt }) => ({ seq, isDecided: (decidedAt ?? null) !== null })),
      evidence: conflicts.map(({ kind }) => kind),
    })),
    cutOff: content.cutOff.map(({ seq, hash }) => ({ seq, hash: toHex(hash) })),
    evidence: content.evidence.map(({ agentId, kind }) => ({ agent: toHex(agentId), kind })),
    leftOut: content.leftOut.peers,
    settings: Object.fromEntries(settings),
    audit: { size: auditHead.size, root: toHex(auditHead.root), first: decodeAuditEntry(audit[0] ?? new Uint8Array(0), 1).kind },
  };
}

function ofReader({ log, keys, peers, cutOff, evidence: others, leftOut, auditHead, audit, ...read }: BackupReading): object {
  const { agentName, createdAt, head, generation, certificate, settings } = read;
  return {
    agentName,
    createdAt,
    generation,
    head,
    did: log.did,
    keys: keys.map(({ kind, keyId, publicKey, secret: privatePart }) => {
      return { kind, keyId, algorithm: publicKey.algorithm, publicKey: publicKey.key, secret: privatePart };
    }),
    certificate: sha256Hex(certificate),
    peers: peers.map(({ petname, trust, directory, head: peerHead, certificate: certified, events, forks, evidence, agentId, times }) => ({
      did: agentIdToDid(Buffer.from(agentId, "hex") as Uint8Array as BackupContent["agentId"]),
      petname,
      trust,
      directory,
      seq: peerHead.seq,
      certified: certified !== null,
      corresponded: times.at(-1) !== null,
      events: events.length,
      forks: forks.map(({ seq, decidedAt }) => ({ seq, isDecided: (decidedAt ?? null) !== null })),
      evidence: evidence.map(({ kind }) => kind),
    })),
    cutOff: cutOff.map(({ seq, hash }) => ({ seq, hash })),
    evidence: others.map(({ agentId, kind }) => ({ agent: agentId, kind })),
    leftOut,
    settings: Object.fromEntries(settings),
    audit: { ...auditHead, first: audit[0]?.kind },
  };
}

test("the frozen backup opens with each of its passwords, agrees with itself, and holds what it was made of", () => {
  const { passwords, id, ...content } = expected;
  for (const [index, password] of passwords.entries()) {
    using opened = openBackup(file, secret(password), nodeCrypto);
    assert.deepEqual([opened.id, opened.slot, opened.slots, opened.kdf], [id, index + 1, 2, FLOOR]);
    assert.deepEqual(asJson(ofAgent(opened.content, verifyContent(opened.content, nodeCrypto, NOW))), content);
  }
  assert.equal(readBackupFacts(file, nodeCrypto).agentName, expected.agentName);
});

test("a reader written from the specification alone, on other primitives, gives the same", () => {
  const { passwords, id, ...content } = expected;
  const read = readBackup(file, utf8(passwords[1] ?? ""));
  assert.deepEqual([read.id, read.slot, read.slots], [id, 2, 2]);
  assert.deepEqual(asJson(ofReader(read)), content);
});

test("what is made today is read by the other reader too", () => {
  const content = someContent();
  const elsewhere = content.keys.map((key, at) => (at === 1 ? { ...key, secret: undefined, backend: "hsm" as const } : key));
  for (const made of [content, { ...content, keys: elsewhere }, { ...content, peers: [], leftOut: { peers: 70_000 } }]) {
    const read = readBackup(sealBackup(made, [secret()], FLOOR, nodeCrypto), utf8("copper lantern beside the quiet harbour"));
    assert.deepEqual(asJson(ofReader(read)), asJson(ofAgent(made, verifyContent(made, nodeCrypto, NOW))));
  }
});
