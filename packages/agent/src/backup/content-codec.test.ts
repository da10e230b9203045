import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { agentId, agentIdToDid, type CborValue, decodeCbor, encodeCbor, type ErrorCode, isTalosError, nodeCrypto } from "@talos/core";
import { hasCode } from "@talos/testkit";
import { BACKEND_NAMES, type Conflict, type PeerFork, TRUST } from "../vault/index.ts";
import { plain, someContent } from "./backup-fixture.test.ts";
import type { BackupContent, BackupPeer } from "./backup-content.ts";
import { decodeContent, encodeContent, MAX_AUDIT_ENTRIES, MAX_PEER_ITEMS, secretsOf } from "./content-codec.ts";

const CONTENT = someContent();

function again(content: BackupContent): BackupContent {
  return decodeContent(encodeContent(content), secretsOf(content), content);
}

type Fields = Map<number, CborValue>;

function mapOf(bytes: Uint8Array): Fields {
  return decodeCbor(bytes) as Fields;
}

/** The content with one field of it changed. */
function withField(key: number, change: (value: CborValue | undefined) => CborValue | undefined): Uint8Array {
  const map = mapOf(encodeContent(CONTENT));
  const value = change(map.get(key));
  if (value === undefined) map.delete(key);
  else map.set(key, value);
  return encodeCbor(map);
}

/** The content with the first structure of a section changed. */
function withFirst(section: number, change: (fields: Fields) => void): Uint8Array {
  return withField(section, (value) => {
    const items = decodeCbor(value as Uint8Array) as Uint8Array[];
    const fields = mapOf(items[0] as Uint8Array);
    change(fields);
    return encodeCbor([encodeCbor(fields), ...items.slice(1)]);
  });
}

/** A section of those items. */
function nested(...items: readonly CborValue[]): Uint8Array {
  return encodeCbor(items.map((item) => encodeCbor(item)));
}

function refuses(bytes: Uint8Array, what: string, code: ErrorCode = "BACKUP_DAMAGED"): void {
  assert.throws(() => decodeContent(bytes, secretsOf(CONTENT), CONTENT), hasCode(code), what);
}

const time = fc.nat({ max: 2_000_000_000_000 });
const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
const bytes = fc.uint8Array({ maxLength: 300 });
const maybe = <T>(some: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(some, { nil: undefined });
/** As a decoder makes them: with a prototype. */
const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> => fc.record(model, { noNullPrototype: true });
const head = record({ seq: fc.nat(9_999), hash });
const word = fc.string({ minLength: 1, maxLength: 16, unit: "grapheme-ascii" });

function fork(id: Uint8Array): fc.Arbitrary<PeerFork> {
  const undecided = { agentId: fc.constant(agentId(id)), seq: fc.nat(), standing: hash, isOfRecovery: fc.boolean(), seenAt: time };
  return fc.oneof(record<PeerFork>(undecided), record({ ...undecided, decidedAt: time }));
}

function evidenceAgainst(id: Uint8Array): fc.Arbitrary<Conflict> {
  return record({ agentId: fc.constant(agentId(id)), kind: word, first: bytes, second: bytes, seenAt: time });
}

const peer: fc.Arbitrary<BackupPeer> = hash.chain((id) =>
  record({
    peer: record({
      agentId: fc.constant(agentId(id)),
      did: fc.constant(agentIdToDid(agentId(id))),
      directory: maybe(fc.constant("https://directory.example:8443")),
      petname: maybe(word),
      trust: fc.constantFrom(...TRUST),
      firstSeenAt: time,
      head,
      certificate: maybe(bytes),
      certificateSeenAt: maybe(time),
      highest: maybe(record({ seq: fc.nat(), generation: fc.maxSafeNat(), instanceKey: hash })),
      toldSeq: maybe(fc.nat()),
      trustSince: maybe(time),
      forkedAt: maybe(time),
      sessionReplacedAt: maybe(time),
      correspondedAt: maybe(time),
    }),
    events: fc.array(record({ wire: bytes, seenAt: time }), { maxLength: 3 }),
    forks: fc.array(fork(id), { maxLength: 3 }),
    conflicts: fc.array(evidenceAgainst(id), { maxLength: 3 }),
  }),
);

const changes: fc.Arbitrary<Partial<BackupContent>> = record({
  generation: fc.maxSafeNat(),
  events: fc.array(bytes, { maxLength: 4 }),
  certificate: bytes,
  peers: fc.array(peer, { maxLength: 4 }),
  cutOff: fc.array(record({ agentId: hash.map(agentId), seq: fc.nat(), hash, wire: bytes, seenAt: time }), { maxLength: 3 }),
  evidence: fc.array(hash.chain(evidenceAgainst), { maxLength: 3 }),
  leftOut: record({ peers: fc.maxSafeNat() }),
  settings: fc.dictionary(word, fc.string({ unit: "grapheme" })).map((values) => new Map(Object.entries(values))),
  audit: fc.array(bytes, { maxLength: 8 }),
  auditHead: record({ size: fc.maxSafeNat(), root: hash }),
});

test("whatever a vault may hold comes back as it was", () => {
  fc.assert(
    fc.property(changes, (changed) => {
      const content = { ...CONTENT, ...changed };
      assert.deepEqual(plain(again(content)), plain(content));
    }),
    { numRuns: 200 },
  );
});

test("keys come back with their private parts where they were included, in any order", () => {
  const [identity, next, encryption] = CONTENT.keys;
  assert.ok(identity !== undefined && next !== undefined && encryption !== undefined);
  const { secret: _, ...elsewhere } = identity;
  const byName = { ...elsewhere, backend: "hsm", protection: "hardware" } as const;
  for (const keys of [[], [byName], [encryption, byName, next], [next, encryption, identity]]) {
    assert.deepEqual(again({ ...CONTENT, keys }).keys, keys);
  }
});

test("long lists take nothing from one another", () => {
  const audit = Array.from({ length: 30_000 }, (_, at) => Uint8Array.of(at >> 16, at >> 8, at));
  const cutOff = Array.from({ length: 25_000 }, () => CONTENT.cutOff[0] ?? assert.fail("no event"));
  const content = { ...CONTENT, audit, cutOff };
  assert.deepEqual(plain(again(content)), plain(content));
});

/** A section of so many items with nothing in them, each a byte long. */
function empties(count: number): Uint8Array {
  return encodeCbor(Array.from({ length: count }, () => new Uint8Array(0)));
}

/** Refused as too many, before any of them was looked at: what is in them would be refused for another reason. */
function tooMany(encoded: Uint8Array, what: string): void {
  const isIt = (error: unknown): boolean => {
    const { cause } = error as Error;
    return hasCode("BACKUP_DAMAGED")(error) && cause instanceof Error && /too many items|more items than/.test(cause.message);
  };
  assert.throws(() => decodeContent(encoded, secretsOf(CONTENT), CONTENT), isIt, what);
}

test("failure 35: no list is taken apart that is longer than such lists are", () => {
  const most: readonly (readonly [number, number])[] = [
    [3, 10_000],
    [5, 3],
    [6, MAX_PEER_ITEMS],
    [7, MAX_PEER_ITEMS],
    [8, 64],
    [9, MAX_AUDIT_ENTRIES],
    [11, MAX_PEER_ITEMS],
  ];
  for (const [section, max] of most)
    tooMany(
      withField(section, () => empties(max + 1)),
      `section ${section}`,
    );
  for (const [field, max] of [
    [15, 10_000],
    [16, MAX_PEER_ITEMS],
    [17, MAX_PEER_ITEMS],
  ] as const)
    tooMany(
      withFirst(6, (fields) => fields.set(field, empties(max + 1))),
      `peer, section ${field}`,
    );
});

test("failure 35: what is known of peers is bounded as a whole, wherever it stands", () => {
  const [one, other] = CONTENT.peers;
  const [event] = CONTENT.cutOff;
  const [evidence] = CONTENT.evidence;
  assert.ok(one !== undefined && other !== undefined && event !== undefined && evidence !== undefined);
  const present = CONTENT.peers.reduce((sum, each) => sum + 1 + each.events.length + each.forks.length + each.conflicts.length, 2);
  const left = MAX_PEER_ITEMS - present;
  const half = Array.from({ length: left >> 1 }, () => evidence);
  const rest = Array.from({ length: left - half.length }, () => evidence);
  const full = {
    ...CONTENT,
    peers: [one, { ...other, conflicts: [...other.conflicts, ...half.map((each) => ({ ...each, agentId: other.peer.agentId }))] }],
    evidence: [evidence, ...rest],
  };
  assert.equal(again(full).evidence.length, rest.length + 1);
  for (const more of [{ evidence: [evidence, ...full.evidence] }, { cutOff: [event, event] }, { peers: [...full.peers, one] }])
    tooMany(encodeContent({ ...full, ...more }), Object.keys(more).join());
});

test("failure 35: a structure has no room for more than its own fields", () => {
  const many = Array.from({ length: 200 }, () => 0);
  const isIt = (error: unknown): boolean => {
    const { cause } = error as Error;
    return hasCode("BACKUP_DAMAGED")(error) && isTalosError(cause, "MALFORMED") && cause.details["reason"] === "too-many-items";
  };
  for (const encoded of [withField(99, () => many), withFirst(6, (fields) => fields.set(99, many))])
    assert.throws(() => decodeContent(encoded, secretsOf(CONTENT), CONTENT), isIt);
});

test("disposing the content wipes its keys", () => {
  const content = someContent();
  const decoded = again(content);
  decoded[Symbol.dispose]();
  assert.ok(secretsOf(content).every(({ isDisposed }) => isDisposed));
});

test("a list of keys that does not fit the private parts is refused", () => {
  const encoded = encodeContent(CONTENT);
  const [one, two, three] = secretsOf(CONTENT);
  assert.ok(one !== undefined && two !== undefined && three !== undefined);
  for (const secrets of [[], [one, two], [one, two, three, nodeCrypto.randomSecret(32)]])
    assert.throws(() => decodeContent(encoded, secrets, CONTENT), hasCode("BACKUP_DAMAGED"), `${secrets.length} private parts`);
  const twice = [...CONTENT.keys, ...CONTENT.keys.slice(0, 1)];
  assert.throws(() => again({ ...CONTENT, keys: twice }), hasCode("BACKUP_DAMAGED"));
});

test("every field must be there, of its own kind, and no other", () => {
  for (let key = 0; key <= 12; key++) {
    refuses(
      withField(key, () => undefined),
      `field ${key} missing`,
    );
    refuses(
      withField(key, () => "other"),
      `field ${key} of another kind`,
    );
  }
  refuses(
    withField(13, () => 1),
    "a field that nobody knows",
  );
  refuses(
    withField(3, () => encodeCbor([new Uint8Array(4_097)])),
    "an event beyond its length",
  );
  refuses(
    withField(4, () => new Uint8Array(4_097)),
    "a certificate beyond its length",
  );
  refuses(
    withField(3, (value) => new Uint8Array([...(value as Uint8Array), 0])),
    "bytes after a section",
  );
  refuses(
    withField(7, () => nested([1, 2, 3, 4, 5])),
    "no event",
  );
  refuses(
    withField(8, () => nested(["a", "1"], ["a", "2"])),
    "a setting twice",
  );
  refuses(
    withField(8, () => nested(["", "1"])),
    "a setting without a name",
  );
  refuses(
    withField(8, () => encodeCbor([["a", "1"]])),
    "a setting that is no byte string",
  );
  refuses(
    withField(11, () => nested([new Uint8Array(31), encodeCbor(["log-fork", new Uint8Array(1), new Uint8Array(1), 0])])),
    "evidence against nobody",
  );
  refuses(
    withField(9, () => encodeCbor(["text"])),
    "an entry that is no byte string",
  );
});

test("a key or a peer whose words nobody knows is refused", () => {
  const keyChanges: readonly (readonly [number, CborValue])[] = [
    [2, "instance"],
    [2, "signed-prekey"],
    [3, "0123456789ABCDEF"],
    [4, 2],
    [4, 3],
    [5, new Uint8Array(32)],
    [5, new Uint8Array(31)],
    [6, -1],
    [8, "paper"],
    [9, 5],
    [10, 1],
    [11, 1],
  ];
  for (const [key, value] of keyChanges)
    refuses(
      withFirst(5, (fields) => fields.set(key, value)),
      `key, field ${key}`,
    );
  const peerChanges: readonly (readonly [number, CborValue])[] = [
    [2, new Uint8Array(31)],
    [3, "x".repeat(256)],
    [4, "x".repeat(257)],
    [5, "trusted"],
    [7, [0, new Uint8Array(31)]],
    [8, new Uint8Array(4_097)],
    [10, [0, 1, new Uint8Array(31)]],
    [10, [0, 1]],
    [15, nested([new Uint8Array(4_097), 0])],
    [15, nested([new Uint8Array(1)])],
    [15, [[new Uint8Array(1), 0]]],
    [16, nested([0, new Uint8Array(32), 1, 0])],
    [16, nested([0, new Uint8Array(32), true, 0, 0, 0])],
    [16, nested([0, new Uint8Array(32), true, 0, null])],
    [17, nested(["x".repeat(65), new Uint8Array(1), new Uint8Array(1), 0])],
    [18, "x"],
    [19, 1],
  ];
  for (const [key, value] of peerChanges)
    refuses(
      withFirst(6, (fields) => fields.set(key, value)),
      `peer, field ${key}`,
    );
  assert.equal(BACKEND_NAMES.length, 5);
});

test("what a later release made is named as that, wherever it stands", () => {
  refuses(
    withField(0, () => 2),
    "version",
    "UNSUPPORTED_VERSION",
  );
  refuses(
    withField(1, () => 2),
    "suite",
    "UNSUPPORTED_SUITE",
  );
  refuses(
    withField(99, () => [[7, true, new Uint8Array(0)]]),
    "extension",
    "UNSUPPORTED_EXTENSION",
  );
  refuses(
    withFirst(5, (fields) => fields.set(0, 2)),
    "version of a key",
    "UNSUPPORTED_VERSION",
  );
  refuses(
    withFirst(6, (fields) => fields.set(0, 2)),
    "version of a peer",
    "UNSUPPORTED_VERSION",
  );
  const harmless = withField(99, () => [[7, false, new Uint8Array(3)]]);
  assert.deepEqual(plain(decodeContent(harmless, secretsOf(CONTENT), CONTENT)), plain(CONTENT));
});

test("no bytes at all can do more than be refused", () => {
  const whole = encodeContent(CONTENT);
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const damaged = whole.slice();
      damaged[at] = (damaged[at] ?? 0) ^ flip;
      try {
        decodeContent(damaged, secretsOf(CONTENT), CONTENT);
      } catch (error) {
        const codes = ["BACKUP_DAMAGED", "UNSUPPORTED_VERSION", "UNSUPPORTED_SUITE", "UNSUPPORTED_EXTENSION"] as const;
        assert.ok(codes.some((code) => hasCode(code)(error)));
      }
    }),
    { numRuns: 500 },
  );
});
