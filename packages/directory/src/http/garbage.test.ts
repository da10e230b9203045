import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import * as fc from "fast-check";
import {
  DIRECTORY_ERROR_STATUS,
  eventsRequestToJson,
  parseErrorBody,
  prekeysRequestToJson,
  utf8,
  type DirectoryErrorCode,
} from "@talos/core";
import { DirectoryUser, TestDirectory, type RawAnswer } from "@talos/testkit";

// One directory for all of them: it has to live through everything that the others sent.
let directory: TestDirectory;
let user: DirectoryUser;
let peer: DirectoryUser;

before(async () => {
  directory = await TestDirectory.start({ limits: { registrationsPerMinute: 1_000_000, claimsPerHour: 1_000_000 } });
  [user, peer] = [await DirectoryUser.register(directory), await DirectoryUser.register(directory)];
  await peer.putPrekeys(peer.batch({ added: peer.statements(3) }));
});

after(async () => {
  assert.equal((await directory.send({ method: "GET", target: "/v1/status" })).status, 200);
  await directory[Symbol.asyncDispose]();
});

/** A refusal in the form of the protocol: status and code of its table, and the clock. */
function assertRefused(answer: RawAnswer, what: string): void {
  assert.ok(answer.status >= 400 && answer.status < 500, `${what}: ${answer.status} ${Buffer.from(answer.body).toString()}`);
  assert.match(String(answer.headers["content-type"]), /^application\/json/, what);
  const { code, time } = parseErrorBody(answer.json());
  assert.equal(DIRECTORY_ERROR_STATUS[code as DirectoryErrorCode], answer.status, what);
  assert.equal(time, directory.now, what);
}

const methods = fc.constantFrom("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND");
const segments = fc.oneof(
  fc.constantFrom(
    "v1",
    "agents",
    "mailboxes",
    "events",
    "certificate",
    "prekeys",
    "claims",
    "message",
    "event",
    "notice",
    "acknowledgements",
    "status",
  ),
  fc.constantFrom("..", "%00", "%2f", "did:talos:z", "*", ";", "__proto__", "constructor"),
  fc.string({ minLength: 1, maxLength: 30 }).map(encodeURIComponent),
  fc.constant("user").map(() => user.did),
);
const targets = fc
  .tuple(fc.array(segments, { maxLength: 6 }), fc.string({ maxLength: 20 }).map(encodeURIComponent))
  .map(([path, query]) => `/${path.join("/")}${query && `?${query}`}`);
const contentTypes = fc.constantFrom(
  "application/json",
  "application/octet-stream",
  "text/plain",
  "application/json; charset=utf-16",
  "multipart/form-data",
  ";;",
  "",
);
const bodies = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.json().map((text) => utf8(text.isWellFormed() ? text : "null")),
  fc
    .constantFrom(
      "",
      "{",
      "[".repeat(5000),
      '{"a":'.repeat(1000),
      '{"__proto__":{"x":1}}',
      '{"constructor":1}',
      '"\\ud800"',
      "1e999",
      "null",
    )
    .map(utf8),
);

test("garbage on any path is refused as the protocol says, and never an error of the server", async () => {
  const request = fc.tuple(methods, targets, contentTypes, bodies);
  await fc.assert(
    fc.asyncProperty(request, async ([method, target, type, body]) => {
      if (method === "GET" && (target === "/v1/status" || target === "/openapi.json" || target === `/v1/agents/${user.did}`)) return;
      const answer = await directory.send({ method, target, headers: { "content-type": type }, body });
      assertRefused(answer, `${method} ${target}`);
    }),
    { numRuns: 400 },
  );
});

const endpoints = (): readonly (readonly [string, string])[] => [
  ["POST", `/v1/agents/${user.did}/events`],
  ["PUT", `/v1/agents/${user.did}/certificate`],
  ["PUT", `/v1/agents/${user.did}/prekeys`],
  ["POST", `/v1/agents/${peer.did}/claims`],
  ["POST", `/v1/mailboxes/${user.did}/acknowledgements`],
  ["POST", `/v1/mailboxes/${peer.did}/event`],
  ["POST", `/v1/mailboxes/${peer.did}/notice`],
];

test("garbage under a good signature is refused the same way", async () => {
  const json = fc.oneof(
    fc.jsonValue(),
    fc.record({ events: fc.jsonValue() }),
    fc.record({ events: fc.array(fc.base64String()) }),
    fc.record({ certificate: fc.base64String() }),
    fc.record({ envelopeIds: fc.jsonValue(), extra: fc.jsonValue() }),
    fc.record({
      batch: fc.base64String(),
      signedPrekey: fc.base64String(),
      carried: fc.array(fc.base64String()),
      added: fc.array(fc.base64String()),
    }),
  );
  await fc.assert(
    fc.asyncProperty(fc.nat(), json, bodies, fc.boolean(), async (choice, value, octets, asJson) => {
      const all = endpoints();
      const [method, target] = all[choice % all.length] as readonly [string, string];
      if (target.endsWith("/claims") && JSON.stringify(value) === "{}") return;
      const answer = await user.call({ method, target, ...(asJson ? { json: value } : { octets }) });
      assertRefused(answer, `${method} ${target} ${JSON.stringify(value)}`);
    }),
    { numRuns: 400 },
  );
});

test("structures that are cut off, bent or blown up are refused", async () => {
  const event = user.log.events[0] as Uint8Array;
  const certificate = user.certificate().wire;
  const batch = user.batch({ added: user.statements(2) });
  const bent = fc.tuple(fc.nat(), fc.nat(), fc.integer({ min: 1, max: 255 }), fc.boolean());
  const bend = (wire: Uint8Array, [choice, at, mask, cut]: readonly [number, number, number, boolean]): Uint8Array => {
    if (cut) return wire.slice(0, at % wire.length);
    if (choice % 5 === 0) return new Uint8Array([...wire, mask]);
    const copy = wire.slice();
    copy[at % wire.length] = (copy[at % wire.length] as number) ^ mask;
    return copy;
  };
  await fc.assert(
    fc.asyncProperty(bent, async (how) => {
      const { replacement } = batch;
      const answers = [
        await user.publish([bend(event, how)]),
        await user.registerCertificate({ wire: bend(certificate, how) }),
        await user.deposit(peer.did, bend(certificate, how), "notice"),
        await user.putPrekeys({ ...batch, replacement: { ...replacement, batch: bend(replacement.batch, how) } }),
        await user.putPrekeys({ ...batch, replacement: { ...replacement, signedPrekey: bend(replacement.signedPrekey, how) } }),
        await user.putPrekeys({ ...batch, replacement: { ...replacement, added: replacement.added.map((wire) => bend(wire, how)) } }),
      ];
      // The directory goes by the hash of the body: bytes that only touch a signature of a known event change nothing.
      for (const [i, answer] of answers.entries()) if (i > 0 || answer.status !== 200) assertRefused(answer, `structure ${i}`);
    }),
    { numRuns: 60 },
  );
  const hostile = [
    new Uint8Array([0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
    new Uint8Array([0x5b, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff]),
    new Uint8Array(4000).fill(0x81),
    new Uint8Array([0x9f, 0xff]),
    new Uint8Array([0xa2, 0x00, 0x01, 0x00, 0x01]),
    new Uint8Array([0x82, 0x41, 0xa0, 0x41, 0x80]),
  ];
  for (const bytes of hostile) {
    for (const kind of ["event", "notice"]) assertRefused(await user.deposit(peer.did, bytes, kind), kind);
    assertRefused(await user.publish([bytes]), "events");
    assertRefused(await user.registerCertificate({ wire: bytes }), "certificate");
  }
});

test("parameters outside their bounds", async () => {
  for (const query of [
    "?wait=31",
    "?wait=-1",
    "?wait=1.5",
    "?wait=",
    "?limit=0",
    "?limit=257",
    "?limit=1&limit=2",
    "?limit=01",
    "?x=1",
    "?wait",
    "?limit=1&",
    "?&limit=1",
  ]) {
    assertRefused(await user.fetch(query), query);
  }
  for (const query of ["?after=-1", "?after=10000", "?after=x", "?after=0&after=1", "?before=1"]) {
    assertRefused(await directory.send({ method: "GET", target: `/v1/agents/${user.did}${query}` }), query);
  }
  for (const did of ["did:talos:z", `${user.did}x`, user.did.toLowerCase(), "did:key:z6Mk", "%ff", "did%3Atalos%3Az1"]) {
    assertRefused(await directory.send({ method: "GET", target: `/v1/agents/${did}` }), did);
  }
});

test("too many and too large", async () => {
  const event = user.log.events[0] as Uint8Array;
  assertRefused(await user.publish(Array.from({ length: 101 }, () => event)), "101 events");
  const oversized = utf8(JSON.stringify(eventsRequestToJson({ events: Array.from({ length: 200 }, () => new Uint8Array(4096)) })));
  const headers = { "content-type": "application/json" };
  const answer = await directory.send({ method: "POST", target: `/v1/agents/${user.did}/events`, headers, body: oversized });
  assert.equal(answer.code, "PAYLOAD_TOO_LARGE");
  const chunked = await directory.send({
    method: "POST",
    target: `/v1/agents/${user.did}/events`,
    headers: { ...headers, "transfer-encoding": "chunked" },
    body: oversized,
  });
  assert.equal(chunked.code, "PAYLOAD_TOO_LARGE");
  const ids = Array.from({ length: 257 }, () => "AAAAAAAAAAAAAAAAAAAAAA");
  assertRefused(await user.acknowledge(ids), "257 ids");
  const { replacement } = user.batch({ added: user.statements(1) });
  const carried = Array.from({ length: 1001 }, () => new Uint8Array(8));
  assertRefused(
    await user.call({ method: "PUT", target: `/v1/agents/${user.did}/prekeys`, json: prekeysRequestToJson({ ...replacement, carried }) }),
    "1,001 carried",
  );
  assertRefused(
    await directory.send({ method: "GET", target: "/v1/status", headers: { "x-large": "x".repeat(20_000) } }),
    "a large header",
  );
  assertRefused(await directory.send({ method: "GET", target: `/v1/${"x".repeat(9_000)}` }), "a long path");
  assertRefused(
    await directory.send({ method: "GET", target: "/v1/status", headers: { "content-type": "application/json" }, body: utf8("{}") }),
    "a GET with a body",
  );
});

test("what is not HTTP is answered in the same form, and the connection closed", async () => {
  const texts = [
    "GARBAGE\r\n\r\n",
    "GET /v1/status HTTP/9.9\r\n\r\n",
    "GET /v1/status HTTP/1.1\r\nconnection: close\r\n\r\n",
    "GET /v1/status HTTP/1.1\r\nhost: a\r\nbad header\r\n\r\n",
    "POST /v1/agents/x/events HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n",
    "POST /v1/agents/x/events HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n",
    "POST /v1/agents/x/events HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    "GET /v1/status HTTP/1.1\r\nhost: a\r\nexpect: miracles\r\nconnection: close\r\n\r\n",
    `GET /v1/status HTTP/1.1\r\nhost: a\r\nx: ${"y".repeat(20_000)}\r\n\r\n`,
    "\0\0\0\0\r\n\r\n",
  ];
  for (const text of texts) {
    const answer = await exchange(text);
    assert.match(answer, /^HTTP\/1\.1 4\d\d /, JSON.stringify(text.slice(0, 60)));
    if (/content-type: application\/json/i.test(answer))
      parseErrorBody(JSON.parse(answer.slice(answer.indexOf("\r\n\r\n") + 4).replace(/^[0-9a-f]+\r\n|\r\n0\r\n\r\n$/g, "")));
    else assert.fail(`not in the form of the protocol: ${answer}`);
  }
  await exchange("GET /v1/status HTTP/1.1\r\nhost");
});

/** What comes back until the server closes; a request that never ends is cut off by us. */
function exchange(text: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = connect(directory.running.port, "127.0.0.1", () => socket.write(text));
  let answer = "";
  socket.setEncoding("utf8");
  socket.on("data", (part: string) => (answer += part));
  socket.on("error", () => {});
  socket.on("close", () => resolve(answer));
  if (!text.endsWith("\n")) socket.once("connect", () => setImmediate(() => socket.destroy()));
  return promise;
}
