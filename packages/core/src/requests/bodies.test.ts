import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { record, recordWithOptional } from "../../../testkit/src/vectors/arbitraries.ts";
import { bytesOf } from "../../../testkit/src/vectors/cast.ts";
import { assertNoTruncationPasses, assertRefused } from "../../../testkit/src/vectors/refusals.ts";
import { toBase64Url } from "../bytes/base64url.ts";
import { envelopeIdFrom, type EnvelopeKind } from "../envelope/envelope.ts";
import { ERROR_CODES } from "../errors/codes.ts";
import { TalosError } from "../errors/talos-error.ts";
import { agentId } from "../keys/agent-id.ts";
import {
  agentAnswerToJson,
  certificateAnswerToJson,
  certificateRequestToJson,
  eventsAnswerToJson,
  eventsRequestToJson,
  parseAgentAnswer,
  parseCertificateAnswer,
  parseCertificateRequest,
  parseEventsAnswer,
  parseEventsRequest,
  parseStatusAnswer,
  statusAnswerToJson,
} from "./agent-bodies.ts";
import { DIRECTORY_ERROR_STATUS, errorBodyToJson, parseErrorBody } from "./error-body.ts";
import type { JsonValue } from "./json-reader.ts";
import {
  acknowledgementsAnswerToJson,
  acknowledgementsRequestToJson,
  decodeMailboxPage,
  depositAnswerToJson,
  encodeMailboxPage,
  parseAcknowledgementsAnswer,
  parseAcknowledgementsRequest,
  parseDepositAnswer,
} from "./mailbox-bodies.ts";
import {
  bundleToJson,
  parseBundle,
  parseClaimRequest,
  parsePrekeysAnswer,
  parsePrekeysRequest,
  parsePrekeyStock,
  prekeysAnswerToJson,
  prekeysRequestToJson,
  prekeyStockToJson,
} from "./prekey-bodies.ts";
import { agentQuery, parseAgentQuery, parseMailboxQuery, parseNoQuery } from "./query.ts";

const bytes = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });
const some = fc.uint8Array({ maxLength: 60 });
const hash = bytes(32);
const time = fc.maxSafeNat();
const head = record({ seq: fc.nat(9999), hash });
const placed = record({ statement: some, index: fc.nat(1000), path: fc.array(hash, { maxLength: 10 }) });
const envelopeId = bytes(16).map(envelopeIdFrom);
const ids = fc.array(bytes(8), { maxLength: 5 });

interface Body {
  readonly value: fc.Arbitrary<never>;
  readonly toJson: (value: never) => JsonValue;
  readonly parse: (json: unknown) => unknown;
}

function body<T>(value: fc.Arbitrary<T>, toJson: (value: T) => JsonValue, parse: (json: unknown) => T): Body {
  return { value, toJson, parse } as unknown as Body;
}

const BODIES: Readonly<Record<string, Body>> = {
  status: body(record({ time }), statusAnswerToJson, parseStatusAnswer),
  agent: body(record({ log: fc.array(some), certificate: fc.option(some), time }), agentAnswerToJson, parseAgentAnswer),
  events: body(record({ events: fc.array(some, { minLength: 1 }) }), eventsRequestToJson, parseEventsRequest),
  "events answer": body(record({ head }), eventsAnswerToJson, parseEventsAnswer),
  certificate: body(record({ certificate: some }), certificateRequestToJson, parseCertificateRequest),
  "certificate answer": body(record({ seq: fc.nat(9999), generation: time }), certificateAnswerToJson, parseCertificateAnswer),
  prekeys: body(
    record({ batch: some, signedPrekey: some, carried: ids, added: fc.array(some) }),
    prekeysRequestToJson,
    parsePrekeysRequest,
  ),
  "prekeys answer": body(record({ oneTimePrekeys: fc.nat(1000), root: hash }), prekeysAnswerToJson, parsePrekeysAnswer),
  stock: body(
    record({ oneTimePrekeys: fc.nat(1000), root: fc.option(hash), to: fc.option(time), claimed: ids }),
    prekeyStockToJson,
    parsePrekeyStock,
  ),
  bundle: body(
    recordWithOptional({ log: fc.array(some), certificate: some, batch: some, signedPrekey: placed, oneTimePrekey: placed }, [
      "log",
      "certificate",
      "batch",
      "signedPrekey",
    ]),
    bundleToJson as never,
    parseBundle as never,
  ),
  deposit: body(record({ envelopeId, receivedAt: time }), depositAnswerToJson, parseDepositAnswer),
  acknowledgements: body(record({ envelopeIds: fc.array(envelopeId) }), acknowledgementsRequestToJson, parseAcknowledgementsRequest),
  "acknowledgements answer": body(record({ acknowledged: fc.nat(256) }), acknowledgementsAnswerToJson, parseAcknowledgementsAnswer),
  error: body(
    recordWithOptional(
      { code: fc.constantFrom("MALFORMED", "SOMETHING_LATER"), message: fc.string(), hint: fc.string(), time, certificate: some, head },
      ["code", "message", "hint", "time"],
    ),
    errorBodyToJson as never,
    parseErrorBody as never,
  ),
};

for (const [name, { value, toJson, parse }] of Object.entries(BODIES)) {
  test(`every body "${name}" goes through JSON and back; a field too many or too few is refused`, () => {
    fc.assert(
      fc.property(value, (given) => {
        const json = JSON.parse(JSON.stringify(toJson(given))) as Record<string, unknown>;
        assert.deepEqual(parse(json), given);
        assertRefused(() => parse({ ...json, extra: null }), "a field too many", "MALFORMED");
        for (const field of Object.keys(json)) {
          const { [field]: _removed, ...rest } = json;
          assertRefused(() => parse(rest), `without ${field}`, "MALFORMED");
        }
      }),
      { numRuns: 30 },
    );
  });

  test(`whatever JSON comes for "${name}" is read or refused as malformed`, () => {
    fc.assert(
      fc.property(fc.jsonValue(), (json) => {
        try {
          parse(json);
        } catch (error) {
          assert.ok(error instanceof TalosError && error.code === "MALFORMED", String(error));
        }
      }),
      { numRuns: 50 },
    );
  });
}

test("an object's prototype is no field, and a field named like it is refused", () => {
  assertRefused(
    () => parseStatusAnswer(JSON.parse('{"name":"talos-directory","version":1,"time":0,"__proto__":{}}')),
    "__proto__",
    "MALFORMED",
  );
  assertRefused(() => parseStatusAnswer(Object.create({ name: "talos-directory", version: 1, time: 0 })), "inherited", "MALFORMED");
  parseClaimRequest({});
});

test("every mailbox page goes through CBOR and back, and no shortened one is read", () => {
  const item = record({
    envelopeId,
    kind: fc.constantFrom<EnvelopeKind>("message", "event", "notice"),
    depositor: hash.map(agentId),
    receivedAt: time,
    item: some,
  });
  fc.assert(
    fc.property(fc.array(item, { maxLength: 20 }), fc.boolean(), (items, more) => {
      assert.deepEqual(decodeMailboxPage(encodeMailboxPage({ items, more })), { items, more });
    }),
  );
  const one = {
    envelopeId: envelopeIdFrom(bytesOf("id", 16)),
    kind: "message",
    depositor: agentId(bytesOf("a", 32)),
    receivedAt: 1,
    item: bytesOf("i", 20),
  } as const;
  assertNoTruncationPasses(encodeMailboxPage({ items: [one, one], more: true }), decodeMailboxPage);
});

test("a page of the largest envelope is read", () => {
  const item = {
    envelopeId: envelopeIdFrom(bytesOf("id", 16)),
    kind: "message",
    depositor: agentId(bytesOf("a", 32)),
    receivedAt: 1,
    item: new Uint8Array(11_000_000),
  } as const;
  assert.equal(decodeMailboxPage(encodeMailboxPage({ items: [item], more: false })).items[0]?.item.length, 11_000_000);
});

test("every code that a directory answers with is a known code", () => {
  for (const [code, status] of Object.entries(DIRECTORY_ERROR_STATUS)) {
    assert.ok(Object.hasOwn(ERROR_CODES, code), code);
    assert.ok(status >= 400 && status < 600, code);
  }
});

test("queries: known names, once each, whole numbers in bounds", () => {
  assert.deepEqual(parseMailboxQuery(""), { waitSeconds: 0, limit: 64 });
  assert.deepEqual(parseMailboxQuery("?limit=256&wait=30"), { waitSeconds: 30, limit: 256 });
  assert.deepEqual(parseAgentQuery("after=0"), { after: 0, head: undefined });
  assert.deepEqual(parseAgentQuery("?"), { after: undefined, head: undefined });
  const known = { seq: 7, hash: bytesOf("head", 32) };
  assert.deepEqual(parseAgentQuery(agentQuery(known)), { after: 7, head: known.hash });
  assert.equal(agentQuery(undefined), "");
  parseNoQuery("");
  for (const query of [
    "wait=31",
    "wait=-1",
    "wait=1.5",
    "wait=",
    "wait",
    "wait=01",
    "wait=1&wait=1",
    "other=1",
    "limit=0",
    "limit=257",
    "wait=1=1",
    "&",
    "wait=%31",
  ]) {
    assertRefused(() => parseMailboxQuery(query), query, "MALFORMED");
  }
  assertRefused(() => parseAgentQuery("after=10000"), "beyond the longest log", "MALFORMED");
  const text = toBase64Url(known.hash);
  for (const query of [
    `head=${text}`,
    `after=7&head=${text.slice(1)}`,
    `after=7&head=${text}A`,
    "after=7&head=",
    `after=7&head=${text}=`,
  ]) {
    assertRefused(() => parseAgentQuery(query), query, "MALFORMED");
  }
  assertRefused(() => parseNoQuery("a=1"), "any", "MALFORMED");
});
