import assert from "node:assert/strict";
import { generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { test } from "node:test";
import {
  agentIdToDid,
  ALGORITHM,
  assembleEvent,
  decodeEvent,
  eventsRequestToJson,
  nodeCrypto,
  ownKey,
  parseAgentAnswer,
  parseErrorBody,
  prepareInception,
  toBase64Url,
  utf8,
  verifyLog,
} from "@talos/core";
import { DirectoryUser, TestDirectory, type RawAnswer } from "@talos/testkit";

const crypto = nodeCrypto;

function resolve(directory: TestDirectory, did: string, query: string = ""): Promise<RawAnswer> {
  return directory.send({ method: "GET", target: `/v1/agents/${did}${query}` });
}

function publish(directory: TestDirectory, did: string, events: readonly Uint8Array[]): Promise<RawAnswer> {
  const body = utf8(JSON.stringify(eventsRequestToJson({ events })));
  return directory.send({ method: "POST", target: `/v1/agents/${did}/events`, headers: { "content-type": "application/json" }, body });
}

test("a log is published and resolved, and survives a restart", async () => {
  await using directory = await TestDirectory.start();
  const user = new DirectoryUser(directory);
  assert.deepEqual([(await resolve(directory, user.did)).status, (await resolve(directory, user.did)).code], [404, "AGENT_UNKNOWN"]);
  assert.equal((await user.registerCertificate(user.certificate())).code, "AGENT_UNKNOWN");
  const head = { seq: 0, hash: toBase64Url(user.id) };
  for (const _ of [1, 2]) assert.deepEqual((await user.publish()).json(), { head });
  assert.deepEqual(parseAgentAnswer((await resolve(directory, user.did)).json()), {
    log: user.log.events,
    certificate: null,
    time: directory.now,
  });

  const certificate = user.certificate();
  assert.deepEqual((await user.registerCertificate(certificate)).json(), { seq: 0, generation: 1 });
  await directory.restart();
  const { log, certificate: registered } = parseAgentAnswer((await resolve(directory, user.did)).json());
  assert.deepEqual([log, registered], [user.log.events, certificate.wire]);
  assert.deepEqual(parseAgentAnswer((await resolve(directory, user.did, "?after=0")).json()).log, []);
});

test("a tampered inception is refused, under its own name and under another", async () => {
  await using directory = await TestDirectory.start();
  const [user, other] = [new DirectoryUser(directory), new DirectoryUser(directory)];
  const wire = user.log.events[0] as Uint8Array;
  for (let i = 0; i < wire.length; i += 7) {
    const tampered = wire.slice();
    tampered[i] = (tampered[i] as number) ^ 1;
    const answer = await publish(directory, user.did, [tampered]);
    assert.ok(answer.status === 400 || answer.status === 401, `byte ${i}: ${answer.status}`);
  }
  // The same with a name that fits the tampered body: then the signature must not.
  const body = decodeEvent(wire, crypto).signed.body.slice();
  body[body.length - 1] = (body.at(-1) as number) ^ 1;
  assert.equal((await publish(directory, other.did, [wire])).code, "MALFORMED");
  assert.equal((await publish(directory, user.did, [wire, wire])).code, "MALFORMED", "a second inception");
  assert.equal((await resolve(directory, user.did)).code, "AGENT_UNKNOWN", "nothing was stored");
});

test("failure 50: the highest (log seq, generation) is registered, a lower one refused, a second copy is a conflict", async () => {
  await using directory = await TestDirectory.start();
  const user = new DirectoryUser(directory);
  await user.publish();
  const lower = user.certificate();
  user.generation = 7;
  const standing = user.certificate();
  assert.equal((await user.registerCertificate(standing)).status, 200);
  assert.equal((await user.registerCertificate(standing)).status, 200);

  const superseded = await user.registerCertificate(lower);
  assert.deepEqual([superseded.status, superseded.code], [409, "INSTANCE_SUPERSEDED"]);
  assert.deepEqual(parseErrorBody(superseded.json()).certificate, standing.wire);

  const instanceKey = user.instanceKey;
  user.instanceKey = crypto.generateSigningKey();
  const conflict = await user.registerCertificate(user.certificate());
  assert.deepEqual([conflict.status, conflict.code], [409, "CERTIFICATE_CONFLICT"]);
  assert.deepEqual(parseErrorBody(conflict.json()).certificate, standing.wire);

  // Renewal: same key and generation, later `from`; the older one again changes nothing.
  user.instanceKey = instanceKey;
  directory.now += 3_600_000;
  const renewed = user.certificate();
  for (const certificate of [renewed, standing]) assert.equal((await user.registerCertificate(certificate)).status, 200);
  assert.deepEqual(parseAgentAnswer((await resolve(directory, user.did)).json()).certificate, renewed.wire);
});

test("a certificate that does not verify, has ended or is another agent's is refused", async () => {
  await using directory = await TestDirectory.start();
  const [user, other] = [new DirectoryUser(directory), new DirectoryUser(directory)];
  await Promise.all([user.publish(), other.publish()]);
  const good = user.certificate();
  const forged = good.wire.slice();
  forged[forged.length - 1] = (forged.at(-1) as number) ^ 1;
  assert.deepEqual(
    [(await user.registerCertificate({ wire: forged })).status, (await user.registerCertificate({ wire: forged })).code],
    [401, "SIGNATURE_INVALID"],
  );
  assert.equal((await user.registerCertificate(other.certificate())).code, "MALFORMED");
  const unknown = new DirectoryUser(directory);
  assert.equal((await unknown.registerCertificate(other.certificate())).code, "MALFORMED", "before any log is looked for");
  assert.equal((await user.registerCertificate({ wire: utf8("certificate") })).code, "MALFORMED");
  const { now } = directory;
  assert.equal(
    (await user.registerCertificate(user.certificate({ from: now - 86_400_000, to: now - 600_001 }))).code,
    "CERTIFICATE_EXPIRED",
  );
  assert.equal((await user.registerCertificate(user.certificate({ from: now + 600_001 }))).code, "CERTIFICATE_EXPIRED");
  assert.equal(parseAgentAnswer((await resolve(directory, user.did)).json()).certificate, null);
});

test("registrations are limited per address, reading is not", async () => {
  await using directory = await TestDirectory.start({ limits: { registrationsPerMinute: 2 } });
  const user = new DirectoryUser(directory);
  for (const _ of [1, 2]) assert.equal((await user.publish()).status, 200);
  const limited = await user.publish();
  assert.deepEqual([limited.status, limited.code], [429, "RATE_LIMITED"]);
  assert.ok(Number(limited.headers["retry-after"]) >= 1);
  assert.equal(parseErrorBody(limited.json()).time, directory.now);
  for (const _ of [1, 2, 3]) assert.equal((await resolve(directory, user.did)).status, 200);
});

test("failure 57: one body with another valid signature is the same event", async () => {
  await using directory = await TestDirectory.start();
  const { body, wires } = es256Inception(directory.now);
  const [first, second] = wires;
  assert.notDeepEqual(first, second);
  const { log } = verifyLog(undefined, [first], directory.now, crypto);
  assert.deepEqual(decodeEvent(second, crypto).hash, log.agentId);
  assert.ok(body.length > 0);
  const did = agentIdToDid(log.agentId);
  const answers = [];
  for (const wire of [first, second, first]) answers.push((await publish(directory, did, [wire])).json());
  assert.deepEqual(
    answers,
    Array.from({ length: 3 }, () => ({ head: { seq: 0, hash: toBase64Url(log.agentId) } })),
  );
  assert.deepEqual(parseAgentAnswer((await resolve(directory, did)).json()).log, [first], "what was verified first stays");
});

/** ES256 signs with fresh randomness, so one body has any number of valid signatures. */
function es256Inception(now: number): { body: Uint8Array; wires: readonly [Uint8Array, Uint8Array] } {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const { x, y } = publicKey.export({ format: "jwk" });
  const yBytes = Buffer.from(y ?? "", "base64url");
  const bytes = new Uint8Array([2 + ((yBytes.at(-1) as number) & 1), ...Buffer.from(x ?? "", "base64url")]);
  const prepared = prepareInception({
    time: now,
    identityKey: ownKey("identity", ALGORITHM.es256, bytes),
    identityProtection: "hardware",
    encryptionKey: ownKey("encryption", ALGORITHM.x25519, crypto.generateAgreementKey().publicKey),
    encryptionProtection: "software",
    next: { online: crypto.randomBytes(32) },
  });
  const assemble = (): Uint8Array =>
    assembleEvent(
      prepared.body,
      prepared.toSign.map(({ role, bytes: message }) => ({ role, algorithm: ALGORITHM.es256, signature: signLowS(privateKey, message) })),
      crypto,
    );
  return { body: prepared.body, wires: [assemble(), assemble()] };
}

function signLowS(privateKey: KeyObject, message: Uint8Array): Uint8Array {
  for (;;) {
    const signature = sign("sha256", message, { key: privateKey, dsaEncoding: "ieee-p1363" });
    // Half of all signatures have s <= n/2; the top bit tells nearly all of them.
    if ((signature[32] as number) < 0x7f) return new Uint8Array(signature);
  }
}
