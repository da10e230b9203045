/** The whole log at a directory: real HTTP, a real file. Who may change an identity, which branch stands, and what ends with an event. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ALGORITHM,
  assembleEvent,
  chainWith,
  nodeCrypto,
  ownKey,
  parseAgentAnswer,
  parseBundle,
  parseErrorBody,
  parseEventsAnswer,
  prepareRevocation,
  prepareRotation,
  ROLE,
  toHex,
  utf8,
  verifyBundle,
  verifyLog,
  type AgentId,
  type LogHead,
} from "@talos/core";
import { DirectoryUser, TestDirectory, type RawAnswer, type UserBatch } from "@talos/testkit";
import type { EvidenceRecord } from "../storage/contract/index.ts";
import { openSqliteStore } from "../storage/sqlite/sqlite-store.ts";

const crypto = nodeCrypto;

async function logOf(directory: TestDirectory, did: string, query: string = ""): Promise<readonly Uint8Array[]> {
  return parseAgentAnswer((await directory.send({ method: "GET", target: `/v1/agents/${did}${query}` })).json()).log;
}

async function certificateOf(directory: TestDirectory, did: string): Promise<Uint8Array | null> {
  return parseAgentAnswer((await directory.send({ method: "GET", target: `/v1/agents/${did}` })).json()).certificate;
}

/** Beside the running server. */
async function evidenceOf(directory: TestDirectory, agentId: AgentId): Promise<readonly EvidenceRecord[]> {
  const store = openSqliteStore(directory.databasePath);
  const evidence = await store.listEvidence(agentId);
  await store.close();
  return evidence;
}

function assertMoved(answer: RawAnswer, head: LogHead, what?: string): void {
  assert.deepEqual([answer.status, answer.code], [409, "IDENTITY_MOVED"], what);
  assert.deepEqual(parseErrorBody(answer.json()).head, head, what);
}

function assertRefused(answer: RawAnswer, status: number, code: string, head?: LogHead): void {
  assert.deepEqual([answer.status, answer.code], [status, code]);
  if (head !== undefined) assert.deepEqual(parseErrorBody(answer.json()).head, head);
}

function headIn(answer: RawAnswer): LogHead {
  assert.equal(answer.status, 200, answer.code);
  return parseEventsAnswer(answer.json()).head;
}

async function withPrekeys(user: DirectoryUser): Promise<UserBatch> {
  const batch = user.batch({ added: user.statements(5) });
  assert.equal((await user.putPrekeys(batch)).status, 200);
  return batch;
}

test("events that follow the head are appended, and the same bytes again are answered with it", async () => {
  await using directory = await TestDirectory.start();
  const user = await DirectoryUser.register(directory);
  const first = user.identity.rotate({ time: directory.now });
  const { head } = user.log;
  for (const _ of [1, 2]) assert.deepEqual(headIn(await user.publish([first])), head);
  const others = [1, 2].map(() => user.identity.rotate({ time: directory.now }));
  assert.deepEqual(headIn(await user.publish([first, ...others])), user.log.head);
  await directory.restart();
  for (const events of [[first], user.log.events, user.log.events.slice(0, 2), others]) {
    assert.deepEqual(headIn(await user.publish(events)), user.log.head);
  }
  assert.deepEqual(await logOf(directory, user.did), user.log.events);
  assert.deepEqual(await evidenceOf(directory, user.id), []);
});

test("a whole log of several events is taken at once, also where only a part of it is new", async () => {
  await using directory = await TestDirectory.start();
  const user = new DirectoryUser(directory);
  for (const reason of ["planned", "lost", "compromise"] as const) user.identity.rotate({ time: directory.now, reason });
  const [inception, first, ...rest] = user.log.events as [Uint8Array, Uint8Array, ...Uint8Array[]];
  assert.equal((await user.publish([first, ...rest])).code, "AGENT_UNKNOWN");
  await user.publish([inception]);
  assertMoved(await user.publish(rest), { seq: 0, hash: user.id }, "a gap");
  assert.deepEqual(headIn(await user.publish()), user.log.head);
  // One event of the request is not well signed: then none is taken.
  const [good, bad] = [user.identity.rotate({ time: directory.now }), user.identity.rotate({ time: directory.now }).slice()];
  bad[bad.length - 1] = (bad.at(-1) as number) ^ 1;
  const { head } = (await directoryLog(directory, user)).log;
  assertRefused(await user.publish([good, bad]), 401, "SIGNATURE_INVALID");
  assert.deepEqual((await directoryLog(directory, user)).log.head, head);
});

async function directoryLog(directory: TestDirectory, user: DirectoryUser): Promise<ReturnType<typeof verifyLog>> {
  return verifyLog(undefined, await logOf(directory, user.did), directory.now, crypto, user.id);
}

test("failure 23: who has the live key alone cannot rotate, under neither authority", async () => {
  await using directory = await TestDirectory.start();
  const user = await DirectoryUser.register(directory);
  for (const authority of ["online", "recovery"] as const) {
    const [revealed, fresh] = [crypto.generateSigningKey(), crypto.generateSigningKey()];
    const holder = authority === "online" ? revealed : fresh;
    const prepared = prepareRotation({
      time: directory.now,
      seq: 1,
      previous: user.log.head.hash,
      authority,
      revealedKey: { algorithm: ALGORITHM.ed25519, bytes: revealed.publicKey },
      identityKey: { algorithm: ALGORITHM.ed25519, bytes: holder.publicKey },
      identityProtection: "software",
      encryptionKey: ownKey("encryption", ALGORITHM.x25519, crypto.generateAgreementKey().publicKey),
      encryptionProtection: "software",
      next: { online: crypto.randomBytes(32), recovery: authority === "online" ? recoveryOf(user) : crypto.randomBytes(32) },
      reason: "planned",
      migrationSeconds: 0,
    });
    const signers = { [ROLE.holder]: holder, [ROLE.revealed]: revealed, [ROLE.outgoing]: user.identityKey };
    const signatures = prepared.toSign.map(({ role, bytes }) => ({
      role,
      algorithm: ALGORITHM.ed25519,
      signature: signers[role].sign(bytes),
    }));
    const wire = assembleEvent(prepared.body, signatures, crypto, user.log.identityKey);
    assertRefused(await user.publish([wire]), 400, "MALFORMED");
  }
  assert.deepEqual(await logOf(directory, user.did), user.log.events);
  assert.deepEqual(await evidenceOf(directory, user.id), [], "what nobody committed to proves nothing");
});

function recoveryOf(user: DirectoryUser): Uint8Array {
  const { recovery } = user.log.next;
  assert.ok(recovery);
  return recovery;
}

test("failure 49: a contending online event is IDENTITY_MOVED with the head, changes nothing, and is kept as evidence", async () => {
  await using directory = await TestDirectory.start();
  const owner = await DirectoryUser.register(directory);
  const thieves = [1, 2, 3].map(() => owner.thief());
  await owner.rotate();
  const batch = await withPrekeys(owner);
  const contenders: Uint8Array[] = [];
  for (const thief of thieves) {
    const event = thief.identity.rotate({ time: directory.now, reason: "compromise" });
    contenders.push(event);
    for (const events of [[event], thief.log.events, [event, thief.identity.rotate({ time: directory.now })]]) {
      assertMoved(await thief.publish(events), owner.log.head);
    }
  }
  const revocation = owner.thief().identity.revoke({ time: directory.now, after: 0 });
  assertMoved(await owner.publish([revocation]), owner.log.head, "also a revocation");
  const evidence = await evidenceOf(directory, owner.id);
  assert.deepEqual(evidence.map(({ wire }) => toHex(wire)).toSorted(), [...contenders, revocation].map(toHex).toSorted());
  assert.deepEqual(new Set(evidence.map(({ kind, seq }) => `${kind} ${seq}`)), new Set(["contender 1"]));
  assert.deepEqual(await logOf(directory, owner.did), owner.log.events);
  assert.deepEqual(parseBundle((await owner.claim(owner.did)).json()).batch, batch.replacement.batch);
});

test("failure 28: of two events published by twenty at once exactly one wins, and everybody learns the same head", async () => {
  await using directory = await TestDirectory.start();
  const user = await DirectoryUser.register(directory);
  const rivals = [user.thief(), user.thief()].map((rival) => ({ rival, event: rival.identity.rotate({ time: directory.now }) }));
  const answers = await Promise.all(
    Array.from({ length: 20 }, async (_, i) => {
      const { event } = rivals[i % 2] as { event: Uint8Array };
      return { event, answer: await user.publish([event]) };
    }),
  );
  const log = await logOf(directory, user.did);
  const winner = rivals.find(({ event }) => toHex(event) === toHex(log[1] ?? new Uint8Array()));
  assert.ok(winner);
  const { head } = winner.rival.log;
  for (const { event, answer } of answers) {
    if (event === winner.event) assert.deepEqual(headIn(answer), head);
    else assertMoved(answer, head);
  }
  assert.equal(log.length, 2);
  assert.deepEqual(
    (await evidenceOf(directory, user.id)).map(({ kind, wire }) => [kind, toHex(wire)]),
    rivals.filter((rival) => rival !== winner).map(({ event }) => ["contender", toHex(event)]),
  );
});

test("failure 23, failure 50: a thief of the whole vault rotates first; the owner's kit takes everything back, in one step", async () => {
  await using directory = await TestDirectory.start();
  const [owner, peer] = [await DirectoryUser.register(directory), await DirectoryUser.register(directory)];
  await withPrekeys(owner);
  const thief = owner.thief();
  assert.equal((await thief.rotate({ reason: "compromise" })).status, 200);
  assert.equal((await owner.fetch()).code, "CERTIFICATE_UNKNOWN");
  thief.generation = Number.MAX_SAFE_INTEGER;
  const theirs = thief.certificate();
  assert.equal((await thief.registerCertificate(theirs)).status, 200);
  const batch = await withPrekeys(thief);
  await thief.rotate({ reason: "planned" });
  assertMoved(await owner.rotate({ reason: "compromise", after: 0 }), thief.log.head, "contestable without the kit");
  const stolenEvents = thief.log.events.slice(1);

  const before = await directory.send({ method: "GET", target: `/v1/agents/${owner.did}` });
  assert.deepEqual(parseAgentAnswer(before.json()).certificate, theirs.wire);
  assert.deepEqual(headIn(await owner.rotate({ authority: "recovery", reason: "compromise", after: 0 })), owner.log.head);
  await directory.restart();
  assert.deepEqual(await logOf(directory, owner.did), owner.log.events);
  assert.equal(await certificateOf(directory, owner.did), null);
  assert.equal((await peer.claim(owner.did)).code, "NO_PREKEYS");
  assert.equal((await thief.fetch()).code, "CERTIFICATE_UNKNOWN");
  assertMoved(await thief.registerCertificate(theirs), owner.log.head, "its head is not in the log any more");
  assertMoved(await thief.rotate(), owner.log.head, "its branch was cut off");
  assertMoved(await thief.publish(), owner.log.head);
  assertMoved(await thief.revoke(), owner.log.head);

  // Generation 1 of the owner stands above every generation of the thief.
  assert.equal((await owner.registerCertificate(owner.certificate())).status, 200);
  assertMoved(await owner.putPrekeys(batch), owner.log.head, "a batch of the thief, whoever brings it");
  owner.signedPrekey = owner.statement("signed-prekey");
  const own = await withPrekeys(owner);
  assert.deepEqual(parseBundle((await peer.claim(owner.did)).json()).batch, own.replacement.batch);
  const evidence = await evidenceOf(directory, owner.id);
  for (const event of stolenEvents) {
    assert.ok(
      evidence.some(({ kind, wire }) => kind === "cut-off" && toHex(wire) === toHex(event)),
      "the thief's branch is on disk",
    );
  }
});

test("failure 50: no generation under a stolen live key outlives the owner's next event for compromise", async () => {
  await using directory = await TestDirectory.start();
  const [owner, peer] = [await DirectoryUser.register(directory), await DirectoryUser.register(directory)];
  const thief = owner.thief();
  thief.generation = Number.MAX_SAFE_INTEGER;
  const theirs = thief.certificate();
  assert.equal((await thief.registerCertificate(theirs)).status, 200);
  owner.generation += 1;
  assert.equal((await owner.registerCertificate(owner.certificate())).code, "INSTANCE_SUPERSEDED");
  await withPrekeys(thief);
  const waiting = thief.fetch("?wait=30");
  await peer.fetch();

  await owner.rotate({ reason: "compromise" });
  const longer = peer.fetch("?wait=20").then(() => "waited");
  assert.equal(await Promise.race([waiting.then(({ code }) => code), longer]), "CERTIFICATE_UNKNOWN", "who waits is told at once");
  const { head } = owner.log;
  assert.equal(await certificateOf(directory, owner.did), null);
  assert.equal((await thief.fetch()).code, "CERTIFICATE_UNKNOWN");
  assert.equal((await peer.claim(owner.did)).code, "NO_PREKEYS");
  for (const stale of [theirs, thief.certificate({ from: directory.now + 1 })]) {
    assertRefused(await thief.registerCertificate(stale), 409, "CERTIFICATE_VOID", head);
  }
  assert.equal((await owner.registerCertificate(owner.certificate())).status, 200);
  assertRefused(await owner.putPrekeys(thief.batch({ added: thief.statements(2) })), 409, "BATCH_VOID", head);
  assert.equal((await peer.claim(owner.did)).code, "NO_PREKEYS");
  // Void stays void, however the log goes on.
  await owner.rotate();
  assertRefused(await thief.registerCertificate(theirs), 409, "CERTIFICATE_VOID", owner.log.head);
});

for (const reason of ["planned", "lost"] as const) {
  test(`a rotation that is ${reason} keeps bundle and certificate until they are replaced`, async () => {
    await using directory = await TestDirectory.start();
    const [owner, peer] = [await DirectoryUser.register(directory), await DirectoryUser.register(directory)];
    const old = await withPrekeys(owner);
    const before = owner.certificate();
    await owner.rotate({ reason, migrationSeconds: reason === "planned" ? 604_800 : 0 });
    assert.equal((await owner.fetch()).status, 200, "requests go on under the old certificate");
    const bundle = parseBundle((await peer.claim(owner.did)).json());
    assert.deepEqual([bundle.log, bundle.batch], [owner.log.events, old.replacement.batch]);
    verifyBundle(verifyLog(undefined, bundle.log, directory.now, crypto).log, bundle, crypto, directory.now);
    assert.equal((await owner.registerCertificate(before)).status, 200, "not yet replaced, it may be renewed");

    assert.equal((await owner.registerCertificate(owner.certificate())).status, 200);
    assertRefused(await owner.registerCertificate(before), 409, "INSTANCE_SUPERSEDED");
    assert.equal((await owner.fetch()).status, 200);
    assert.deepEqual(parseBundle((await peer.claim(owner.did)).json()).batch, old.replacement.batch);
    // The same prekeys under the new key: nothing is handed out twice.
    const renewed = owner.batch({ carried: old.replacement.added });
    assert.deepEqual(((await owner.putPrekeys(renewed)).json() as { oneTimePrekeys: number }).oneTimePrekeys, 3);
    const last = parseBundle((await peer.claim(owner.did)).json());
    assert.deepEqual(verifyBundle(owner.log, last, crypto, directory.now).head, owner.log.head);
  });
}

test("a certificate and an event for compromise at once: whatever the order, nothing void is registered", async () => {
  await using directory = await TestDirectory.start();
  const owner = await DirectoryUser.register(directory);
  const thief = owner.thief();
  const certificates = Array.from({ length: 10 }, (_, i) => {
    thief.generation = i + 2;
    return thief.certificate();
  });
  const answers = await Promise.all([
    ...certificates.slice(0, 5).map((certificate) => thief.registerCertificate(certificate)),
    owner.rotate({ reason: "compromise" }),
    ...certificates.slice(5).map((certificate) => thief.registerCertificate(certificate)),
  ]);
  for (const { status, code } of answers) assert.ok(status === 200 || code === "CERTIFICATE_VOID" || code === "INSTANCE_SUPERSEDED", code);
  assert.equal(await certificateOf(directory, owner.did), null);
});

test("failure 27: a revoked agent is refused everything but its log, and comes back only by the kit", async () => {
  await using directory = await TestDirectory.start();
  const [owner, peer] = [await DirectoryUser.register(directory), await DirectoryUser.register(directory)];
  const [certificate, batch] = [owner.certificate(), await withPrekeys(owner)];
  await peer.deposit(owner.did, utf8("before"));
  const thief = owner.thief();
  const waiting = owner.fetch("?wait=0");
  assert.equal((await waiting).status, 200);

  await thief.revoke({ reason: "decommissioned" });
  const { head } = thief.log;
  for (const refused of [
    owner.registerCertificate(certificate),
    owner.putPrekeys(batch),
    owner.fetch(),
    owner.acknowledge([]),
    owner.claim(peer.did),
    owner.deposit(peer.did, utf8("after")),
  ]) {
    assertRefused(await refused, 410, "AGENT_REVOKED", head);
  }
  for (const refused of [peer.claim(owner.did), peer.deposit(owner.did, utf8("before")), peer.deposit(owner.did, utf8("after"))]) {
    assertRefused(await refused, 410, "AGENT_REVOKED");
  }
  assertRefused(await peer.deposit(owner.did, peer.log.events[0] as Uint8Array, "event"), 410, "AGENT_REVOKED");
  assert.deepEqual(await logOf(directory, owner.did), thief.log.events);
  assertMoved(await owner.rotate({ after: 0 }), head, "an online event contends with the revocation");
  assert.deepEqual(headIn(await thief.publish()), head);

  assert.equal((await owner.rotate({ after: 0, authority: "recovery", reason: "compromise" })).status, 200);
  assert.equal((await owner.registerCertificate(owner.certificate())).status, 200);
  const page = await owner.fetch();
  assert.equal(page.status, 200);
  assert.ok(Buffer.from(page.body).includes("before"), "mail from before the theft is still there");
  assert.equal((await peer.deposit(owner.did, utf8("after"))).status, 200);
});

test("failure 27: after a revocation by the recovery key nothing follows, and nothing takes its place", async () => {
  await using directory = await TestDirectory.start();
  const owner = await DirectoryUser.register(directory);
  const other = owner.identity.stolen();
  await owner.revoke({ authority: "recovery" });
  const { head } = owner.log;
  for (const authority of ["online", "recovery"] as const) {
    const key = crypto.generateSigningKey();
    const prepared = prepareRevocation({
      time: directory.now,
      seq: 2,
      previous: head.hash,
      authority,
      revealedKey: { algorithm: ALGORITHM.ed25519, bytes: key.publicKey },
      reason: "lost",
    });
    const signatures = prepared.toSign.map(({ role, bytes }) => ({ role, algorithm: ALGORITHM.ed25519, signature: key.sign(bytes) }));
    assertRefused(await owner.publish([assembleEvent(prepared.body, signatures, crypto)]), 410, "AGENT_REVOKED", head);
  }
  assertMoved(await owner.rotate({ authority: "recovery", reason: "compromise", after: 0 }), head, "another recovery event");
  assertMoved(await owner.publish([other.rotate({ time: directory.now })]), head);
  assert.equal((await directoryLog(directory, owner)).log.revoked?.authority, "recovery");
});

test("failure 48: who knows a head gets what comes after it; who knows another one gets the whole log", async () => {
  await using directory = await TestDirectory.start();
  const owner = await DirectoryUser.register(directory);
  const thief = owner.thief();
  await thief.rotate();
  await thief.rotate();
  const seen = thief.log;
  const query = ({ seq, hash }: LogHead): string => `?after=${seq}&head=${Buffer.from(hash).toString("base64url")}`;
  assert.deepEqual(await logOf(directory, owner.did, query(seen.head)), []);
  assert.deepEqual(await logOf(directory, owner.did, query({ seq: 0, hash: owner.id })), seen.events.slice(1));

  await owner.rotate({ authority: "recovery", reason: "compromise", after: 0 });
  assert.deepEqual(await logOf(directory, owner.did, query(seen.head)), owner.log.events, "event 2 is not there");
  await owner.rotate();
  await owner.rotate();
  const whole = await logOf(directory, owner.did, query(seen.head));
  assert.deepEqual(whole, owner.log.events, "event 2 is another one");
  const verdict = verifyLog(seen, chainWith(seen, whole, crypto), directory.now, crypto, owner.id);
  assert.deepEqual([verdict.kind, verdict.log.head], ["replaced", owner.log.head]);
  assert.deepEqual(
    await logOf(directory, owner.did, query({ seq: 1, hash: owner.log.states[1]?.head.hash as Uint8Array })),
    whole.slice(2),
  );
  assert.deepEqual(await logOf(directory, owner.did, "?after=2"), whole.slice(3), "without a hash nothing is compared");
  assert.deepEqual(await logOf(directory, owner.did, query({ seq: 9_999, hash: owner.id })), whole);
  for (const malformed of [`?head=${Buffer.from(owner.id).toString("base64url")}`, "?after=0&head=AA", "?after=0&head="]) {
    assert.equal((await directory.send({ method: "GET", target: `/v1/agents/${owner.did}${malformed}` })).code, "MALFORMED", malformed);
  }
});

test("a hundred events come in one request, and a long log is answered while there is room for it", async () => {
  await using directory = await TestDirectory.start({ limits: { bufferedBytes: 120_000, eventsPerDay: 350 } });
  const user = new DirectoryUser(directory);
  for (let i = 0; i < 300; i++) user.identity.rotate({ time: directory.now });
  const { events } = user.log;
  assert.equal((await user.publish(events.slice(0, 101))).code, "MALFORMED");
  for (const from of [0, 100, 200]) assert.equal(headIn(await user.publish(events.slice(from, from + 100))).seq, from + 99);
  assert.deepEqual(headIn(await user.publish(events.slice(250))), user.log.head);
  const busy = await directory.send({ method: "GET", target: `/v1/agents/${user.did}` });
  assertRefused(busy, 503, "DIRECTORY_BUSY");
  for (let i = 0; i < 3; i++) assert.equal((await logOf(directory, user.did, "?after=150")).length, 150, "and the room comes back");
});
