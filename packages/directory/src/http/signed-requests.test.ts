import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBase64Url, toBase64Url, utf8 } from "@talos/core";
import { DirectoryUser, TestDirectory, type RawAnswer, type RawRequest } from "@talos/testkit";

interface ErrorJson {
  readonly error: { readonly code: string; readonly time: number; readonly certificate?: string };
}

function errorOf(answer: RawAnswer): ErrorJson["error"] {
  return (answer.json() as ErrorJson).error;
}

test("a request that was seen before is refused, also after a restart", async () => {
  await using directory = await TestDirectory.start();
  const user = await DirectoryUser.register(directory);
  const request = user.sign({ method: "GET", target: `/v1/mailboxes/${user.did}` });
  assert.equal((await directory.send(request)).status, 200);
  assert.equal((await directory.send(request)).code, "REQUEST_REPLAYED");

  const authority = directory.authority;
  await directory.restart();
  const nonce = user.crypto.randomBytes(16);
  const stock = { method: "GET", target: `/v1/agents/${user.did}/prekeys` };
  assert.equal((await user.call(stock, { nonce })).status, 200);
  await directory.restart();
  assert.notEqual(directory.authority, authority);
  assert.equal((await user.call(stock, { nonce })).code, "REQUEST_REPLAYED");
});

test("a refused request is not taken a second time", async () => {
  await using directory = await TestDirectory.start();
  const user = await DirectoryUser.register(directory);
  const other = new DirectoryUser(directory);
  const request = user.sign({ method: "POST", target: `/v1/mailboxes/${other.did}/message`, octets: utf8("hello") });
  assert.equal((await directory.send(request)).code, "AGENT_UNKNOWN");
  await other.publish();
  assert.equal((await directory.send(request)).code, "REQUEST_REPLAYED");
});

test("a clock that is 300 seconds off is tolerated, more is not, and the error tells the server's time", async () => {
  await using directory = await TestDirectory.start();
  const user = await DirectoryUser.register(directory);
  const seconds = directory.now / 1000;
  const at = (createdSeconds: number): Promise<RawAnswer> =>
    user.call({ method: "GET", target: `/v1/mailboxes/${user.did}` }, { createdSeconds });
  for (const skew of [-300, 300]) assert.equal((await at(seconds + skew)).status, 200);
  for (const skew of [-301, 301]) {
    const answer = await at(seconds + skew);
    assert.equal(answer.status, 401);
    assert.deepEqual([errorOf(answer).code, errorOf(answer).time], ["REQUEST_EXPIRED", directory.now]);
  }
});

test("another body than the signed digest is refused before anything happens", async () => {
  await using directory = await TestDirectory.start();
  const [user, other] = [await DirectoryUser.register(directory), await DirectoryUser.register(directory)];
  const request = user.sign({ method: "POST", target: `/v1/mailboxes/${other.did}/message`, octets: utf8("signed") });
  assert.equal((await directory.send({ ...request, body: utf8("forged") })).code, "DIGEST_MISMATCH");
  assert.equal((await directory.send({ ...request, body: utf8("") })).code, "DIGEST_MISMATCH");
  const claim = user.sign({ method: "POST", target: `/v1/agents/${other.did}/claims`, json: {} });
  assert.equal((await directory.send({ ...claim, body: utf8("{ }") })).code, "DIGEST_MISMATCH");
  const get = user.sign({ method: "GET", target: `/v1/mailboxes/${user.did}`, octets: utf8("x") });
  const { "content-type": _type, ...headers } = get.headers ?? {};
  assert.equal((await directory.send({ method: get.method, target: get.target, headers })).code, "DIGEST_MISMATCH");
  assert.equal((await directory.send(request)).status, 200, "the honest request was not used up");
});

test("a request for another authority is refused, a configured public one is taken", async () => {
  await using directory = await TestDirectory.start({ publicAuthorities: ["Directory.example:8443", "directory.example"] });
  const user = await DirectoryUser.register(directory);
  const request = { method: "GET", target: `/v1/mailboxes/${user.did}` };
  const through = async (signedFor: string, host: string): Promise<RawAnswer> => {
    const { headers, ...rest } = user.sign(request, { authority: signedFor });
    return directory.send({ ...rest, headers: { ...headers, host } });
  };
  const port = new URL(directory.url).port;
  for (const own of [directory.authority, `localhost:${port}`, "directory.example", "directory.example:8443"]) {
    assert.equal((await through(own, own)).status, 200, own);
  }
  assert.equal((await through("directory.example", "DIRECTORY.example")).status, 200);
  assert.equal((await through("evil.example", "evil.example")).code, "MALFORMED");
  assert.equal((await through(`127.0.0.1:1`, `127.0.0.1:1`)).code, "MALFORMED");
  assert.equal((await through("evil.example", directory.authority)).code, "SIGNATURE_INVALID", "made for another, passed on with our Host");
});

test("a signature covers method, path and query", async () => {
  await using directory = await TestDirectory.start();
  const [user, other] = [await DirectoryUser.register(directory), await DirectoryUser.register(directory)];
  const request = user.sign({ method: "GET", target: `/v1/mailboxes/${user.did}?limit=5` });
  for (const change of [
    { target: `/v1/mailboxes/${user.did}` },
    { target: `/v1/mailboxes/${user.did}?limit=6` },
    { target: `/v1/mailboxes/${other.did}?limit=5` },
  ]) {
    const answer = await directory.send({ ...request, ...change });
    assert.equal(answer.code, "SIGNATURE_INVALID");
    assert.deepEqual(fromBase64Url(errorOf(answer).certificate ?? ""), user.certificate().wire);
  }
});

test("who signs must be registered, newest and still valid", async () => {
  await using directory = await TestDirectory.start();
  const user = await DirectoryUser.register(directory);
  const request = { method: "GET", target: `/v1/mailboxes/${user.did}` };
  const stranger = new DirectoryUser(directory);
  assert.equal((await stranger.call({ ...request, target: `/v1/mailboxes/${stranger.did}` })).code, "CERTIFICATE_UNKNOWN");
  await stranger.publish();
  assert.equal((await stranger.call({ ...request, target: `/v1/mailboxes/${stranger.did}` })).code, "CERTIFICATE_UNKNOWN");
  assert.equal((await user.call(request, { generation: 2 })).code, "CERTIFICATE_UNKNOWN");
  assert.equal((await user.call(request, { seq: 1 })).code, "CERTIFICATE_UNKNOWN");
  assert.equal((await user.call(request, { instanceKey: user.crypto.generateSigningKey() })).code, "SIGNATURE_INVALID");
  assert.equal((await user.call(request, { agentId: stranger.id })).code, "CERTIFICATE_UNKNOWN");

  user.generation = 2;
  const newest = user.certificate();
  assert.equal((await user.registerCertificate(newest)).status, 200);
  const superseded = await user.call(request, { generation: 1 });
  assert.deepEqual([superseded.status, superseded.code], [409, "INSTANCE_SUPERSEDED"]);
  assert.equal(errorOf(superseded).certificate, toBase64Url(newest.wire));

  directory.now = newest.to + 600_000;
  assert.equal((await user.call(request)).status, 200, "ten minutes of slack");
  directory.now += 1000;
  assert.deepEqual([(await user.call(request)).status, (await user.call(request)).code], [401, "CERTIFICATE_EXPIRED"]);
});

test("a signed request about another agent's prekeys or mailbox is refused", async () => {
  await using directory = await TestDirectory.start();
  const [user, other] = [await DirectoryUser.register(directory), await DirectoryUser.register(directory)];
  for (const request of [
    { method: "GET", target: `/v1/mailboxes/${other.did}` },
    { method: "POST", target: `/v1/mailboxes/${other.did}/acknowledgements`, json: { envelopeIds: [] } },
    { method: "GET", target: `/v1/agents/${other.did}/prekeys` },
  ]) {
    const answer = await user.call(request);
    assert.deepEqual([answer.status, answer.code], [403, "NOT_YOURS"], request.target);
  }
  const batch = user.batch({ added: user.statements(1) });
  const { replacement } = batch;
  const json = { batch: toBase64Url(replacement.batch), signedPrekey: toBase64Url(replacement.signedPrekey), carried: [], added: [] };
  assert.equal((await user.call({ method: "PUT", target: `/v1/agents/${other.did}/prekeys`, json })).code, "NOT_YOURS");
});

test("headers that are missing, doubled or of another form", async () => {
  await using directory = await TestDirectory.start();
  const user = await DirectoryUser.register(directory);
  const request = user.sign({ method: "GET", target: `/v1/mailboxes/${user.did}` });
  const headers = request.headers ?? {};
  const withHeaders = (changed: RawRequest["headers"]): Promise<RawAnswer> =>
    directory.send({ ...request, ...(changed && { headers: changed }) });
  for (const name of ["signature", "signature-input", "content-digest"]) {
    const { [name]: value, ...rest } = headers;
    const missing = await withHeaders(rest);
    assert.deepEqual([missing.status, missing.code], [401, "SIGNATURE_MISSING"], name);
    assert.equal((await withHeaders({ ...headers, [name]: [String(value), String(value)] })).code, "MALFORMED", name);
    assert.equal((await withHeaders({ ...headers, [name]: `x${String(value)}` })).code, "MALFORMED", name);
  }
  const input = String(headers["signature-input"]);
  for (const other of [
    input.replace("talos=", "other="),
    input.replace('"@query" ', ""),
    input.replace("ed25519", "hmac-sha256"),
    `${input};expires=1`,
  ]) {
    assert.equal((await withHeaders({ ...headers, "signature-input": other })).code, "MALFORMED");
  }
  assert.equal((await directory.send(request)).status, 200, "the honest request was not used up");
});
