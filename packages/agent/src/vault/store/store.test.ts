import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { type AgentId, equalBytes, type KeyId, nodeCrypto, revealSecret, SecretBytes, utf8 } from "@talos/core";
import { hasCode } from "@talos/testkit";
import { Sealer } from "../sealer.ts";
import { agent, NOW, prekeyEntry } from "../vault-fixture.test.ts";
import { MAX_KEPT_BYTES, MAX_KEPT_ITEMS } from "./kept.ts";
import { migrate } from "./migrations.ts";
import type { NewOutboxRow, ReadyEnvelope } from "./outbox.ts";
import { MAX_RECEIVE_ONLY_SESSIONS, type SessionRow } from "./sessions.ts";
import { Store } from "./store.ts";
import { type Transaction, transactionOver } from "./transaction.ts";

const crypto = nodeCrypto;
const ALICE: AgentId = agent("alice");
const BOB: AgentId = agent("bob");
const CAROL: AgentId = agent("carol");

interface OpenStore extends Disposable {
  readonly database: DatabaseSync;
  readonly tx: Transaction;
}

/** The tables alone, in memory, writable throughout. */
function openStore(): OpenStore {
  const database = new DatabaseSync(":memory:");
  migrate(database);
  const sealer = new Sealer(crypto.randomSecret(32), ALICE, 1, crypto);
  const store = new Store(database, sealer);
  store.beginWriting();
  return {
    database,
    tx: transactionOver(store),
    [Symbol.dispose]: () => {
      sealer[Symbol.dispose]();
      database.close();
    },
  };
}

const id16 = (): Uint8Array => crypto.randomBytes(16);

function ready(sessionId = id16(), envelope: Uint8Array = crypto.randomBytes(300)): ReadyEnvelope {
  return { sessionId, chain: crypto.randomBytes(32), counter: 3, envelopeId: id16(), envelope };
}

function message(peer: AgentId, outcome: NewOutboxRow["outcome"], body: Uint8Array = utf8("body")): NewOutboxRow {
  const row = { contentType: "text/plain", sign: "instance", frameType: 1, createdAt: NOW } as const;
  const addressed = { ...row, messageId: id16(), peer, peerAddress: "http://127.0.0.1:1", body };
  return outcome === undefined ? addressed : { ...addressed, outcome };
}

function bodyText(tx: Transaction, order: number): string | undefined {
  using body = tx.outbox.body(order);
  return body && Buffer.from(revealSecret(body)).toString();
}

test("outbox: accepted, waiting, ready, deposited, delivered", () => {
  using store = openStore();
  const { outbox } = store.tx;
  const row = message(BOB, undefined);
  const order = outbox.insert(row);
  const shown = (): unknown[] => [outbox.get(order)?.state, outbox.get(order)?.reason, outbox.get(order)?.attempts];
  assert.deepEqual(shown(), ["accepted", undefined, 0]);
  outbox.setReason(order, "no-session");
  assert.deepEqual(shown(), ["waiting", "no-session", 0]);
  assert.equal(bodyText(store.tx, order), "body");
  assert.equal(outbox.envelope(order), undefined);
  assert.equal(outbox.toDeposited(order, NOW), false, "not before it is ready");

  const envelope = ready();
  assert.equal(outbox.toReady(order, envelope), true);
  assert.equal(outbox.toReady(order, ready()), false, "a second envelope for one message would reuse nothing, but is refused");
  outbox.setReason(order, "no-session");
  assert.equal(outbox.get(order)?.state, "ready", "nothing is in its way any more");
  assert.deepEqual(outbox.envelope(order), envelope.envelope);
  assert.equal(outbox.byEnvelopeId(envelope.envelopeId)?.order, order);
  assert.equal(outbox.get(order)?.reason, undefined);

  assert.equal(outbox.toDeposited(order, NOW + 5), true);
  assert.equal(outbox.get(order)?.depositedAt, NOW + 5);
  assert.deepEqual(outbox.headsOfLine(), []);
  assert.equal(outbox.byEnvelopeId(envelope.envelopeId)?.order, order);
  assert.equal(bodyText(store.tx, order), "body", "kept until delivered");

  assert.equal(outbox.toDelivered(CAROL, row.messageId, NOW), false, "nobody acknowledges for another");
  assert.equal(outbox.toDelivered(BOB, row.messageId, NOW + 9), true);
  assert.equal(outbox.toDelivered(BOB, row.messageId, NOW + 9), false);
  assert.deepEqual([outbox.get(order)?.state, outbox.get(order)?.finishedAt], ["delivered", NOW + 9]);
  assert.equal(outbox.body(order), undefined);
  assert.equal(outbox.envelope(order), undefined);
  assert.equal(outbox.byEnvelopeId(envelope.envelopeId), undefined);
  assert.equal(outbox.forgetFinished(NOW + 10), 1);
  assert.deepEqual(outbox.counts(), { accepted: 0, waiting: 0, ready: 0, deposited: 0, delivered: 0, expired: 0 });
});

test("outbox: rows of one peer leave in the order of send, each peer for itself", () => {
  using store = openStore();
  const { outbox } = store.tx;
  const first = outbox.insert(message(BOB, { reason: "no-session" }));
  const second = outbox.insert(message(BOB, { ready: ready() }));
  const other = outbox.insert(message(CAROL, undefined));
  const heads = (): number[] => outbox.headsOfLine().map(({ order }) => order);
  assert.deepEqual(heads(), [first, other]);
  assert.deepEqual(
    outbox.pendingFor(BOB).map(({ order }) => order),
    [first, second],
  );
  assert.equal(outbox.toReady(first, ready()), true);
  assert.equal(outbox.toReady(other, ready()), true);
  outbox.toDeposited(first, NOW);
  assert.deepEqual(heads(), [second, other]);
  outbox.againToReady(first, NOW + 1);
  assert.deepEqual(heads(), [first, other], "sent again, it is the first once more");
});

test("outbox: back to waiting for another session, same id, marked as resent", () => {
  using store = openStore();
  const { outbox } = store.tx;
  const sessionId = id16();
  const row = message(BOB, { ready: ready(sessionId, crypto.randomBytes(50_000)) });
  const order = outbox.insert(row);
  outbox.toDeposited(order, NOW);
  assert.deepEqual(
    outbox.ofSession(sessionId).map((found) => found.order),
    [order],
  );
  assert.equal(outbox.againToWaiting(order, "session-replaced"), true);
  const found = outbox.byMessageId(row.messageId);
  assert.deepEqual(
    [found?.state, found?.reason, found?.resent, found?.sessionId, found?.depositedAt],
    ["waiting", "session-replaced", true, undefined, undefined],
  );
  assert.equal(outbox.envelope(order), undefined);
  assert.equal(bodyText(store.tx, order), "body");
});

test("outbox: large bodies and envelopes come back whole and go with their row", () => {
  using store = openStore();
  const { outbox } = store.tx;
  for (const size of [0, 1, 2003, 2004, 2005, 2048, 2049, 1_000_000]) {
    const body = crypto.randomBytes(size);
    const envelope = crypto.randomBytes(size + 1);
    const order = outbox.insert(message(BOB, { ready: ready(id16(), envelope) }, body));
    using stored = outbox.body(order) ?? assert.fail();
    // Not deepEqual: to print how megabytes differ takes minutes.
    assert.ok(equalBytes(revealSecret(stored), body));
    assert.ok(equalBytes(outbox.envelope(order) ?? assert.fail(), envelope));
    outbox.remove(order);
  }
  assert.equal(store.database.prepare("SELECT count(*) AS n FROM large_values").get()?.["n"], 0);
});

test("outbox: attempts, expiry, and a body that may be dropped at deposit", () => {
  using store = openStore();
  const { outbox } = store.tx;
  const order = outbox.insert(message(BOB, { ready: ready() }));
  outbox.noteAttempt(order, NOW + 100);
  outbox.noteAttempt(order, NOW + 300);
  assert.deepEqual([outbox.get(order)?.attempts, outbox.get(order)?.nextAttemptAt], [2, NOW + 300]);
  outbox.toDeposited(order, NOW + 400, true);
  assert.equal(outbox.body(order), undefined);
  assert.deepEqual(
    outbox.depositedBefore(NOW + 401).map((row) => row.order),
    [order],
  );
  assert.deepEqual(
    outbox.unfinishedBefore(NOW + 1).map((row) => row.order),
    [order],
  );
  outbox.expire(order, NOW + 500);
  assert.equal(outbox.counts().expired, 1);
  assert.deepEqual(outbox.unfinishedBefore(NOW + 1), []);
});

test("outbox: one message id stands there once", () => {
  using store = openStore();
  const row = message(BOB, { reason: "no-session" });
  store.tx.outbox.insert(row);
  assert.throws(() => store.tx.outbox.insert(row));
});

test("failure 37: a sealed body that was moved to another row does not open", () => {
  using store = openStore();
  const { outbox } = store.tx;
  const moved = outbox.insert(message(BOB, { reason: "no-session" }));
  const source = outbox.insert(message(BOB, { reason: "no-session" }));
  store.database.prepare("UPDATE outbox SET body = (SELECT body FROM outbox WHERE ord = ?) WHERE ord = ?").run(source, moved);
  assert.throws(() => outbox.body(moved), hasCode("VAULT_CORRUPT"));
  assert.equal(bodyText(store.tx, source), "body");
});

test("inbox: offered until acknowledged, never after; a repeated id is stored once", () => {
  using store = openStore();
  const { inbox, acks } = store.tx;
  const row = { sender: BOB, messageId: id16(), contentType: "text/plain", time: NOW - 5, receivedAt: NOW, resent: false };
  const order = inbox.insert({ ...row, body: utf8("hello"), proof: utf8("proof") }) ?? assert.fail();
  assert.equal(inbox.seen(BOB, row.messageId), "offered");
  assert.equal(inbox.insert({ ...row, body: utf8("hello again") }), undefined);
  assert.deepEqual(acks.pending(BOB, 64), [], "not told before the application has it");

  const offered = inbox.next(0) ?? assert.fail();
  assert.deepEqual(revealSecret(offered.body), utf8("hello"));
  assert.deepEqual(offered.proof, utf8("proof"));
  assert.equal(inbox.next(order), undefined);

  assert.equal(inbox.ack(order, NOW + 1), true);
  assert.equal(inbox.ack(order, NOW + 1), false);
  assert.equal(inbox.next(0), undefined);
  assert.equal(inbox.seen(BOB, row.messageId), "acknowledged");
  assert.deepEqual(acks.pending(BOB, 64), [row.messageId]);
  assert.deepEqual(acks.peers(), [{ peer: BOB, since: NOW + 1, count: 1 }]);
  acks.taken(BOB, [row.messageId]);
  assert.deepEqual(acks.pending(BOB, 64), []);

  assert.equal(inbox.insert({ ...row, body: utf8("once more") }), undefined, "the sender did not hear: told again, not offered again");
  assert.deepEqual(acks.pending(BOB, 64), [row.messageId]);
  acks.taken(BOB, [row.messageId]);
  acks.again(BOB, [row.messageId]);
  assert.deepEqual(acks.pending(BOB, 64), [row.messageId]);
  assert.equal(inbox.seen(CAROL, row.messageId), "new", "ids are each sender's own");
  assert.equal(inbox.forgetSeen(NOW + 1), 1);
});

test("inbox: an order is never given out twice while the vault is open", () => {
  using store = openStore();
  const { inbox } = store.tx;
  const insert = (): number => {
    const row = { sender: BOB, messageId: id16(), contentType: "", time: NOW, receivedAt: NOW, resent: false };
    return inbox.insert({ ...row, body: new Uint8Array(0) }) ?? assert.fail();
  };
  const first = insert();
  inbox.ack(first, NOW);
  const second = insert();
  assert.ok(second > first);
  assert.equal(inbox.next(first)?.order, second);
  assert.equal(inbox.count(), 1);
});

test("inbox: large bodies with and without proof", () => {
  using store = openStore();
  const { inbox } = store.tx;
  for (const [size, proof] of [
    [3_000_000, undefined],
    [3_000_000, crypto.randomBytes(500)],
    [0, crypto.randomBytes(500)],
  ] as const) {
    const body = crypto.randomBytes(size);
    const row = { sender: BOB, messageId: id16(), contentType: "x", time: NOW, receivedAt: NOW, resent: true };
    const order = inbox.insert({ ...row, body, proof }) ?? assert.fail();
    const found = inbox.next(order - 1) ?? assert.fail();
    using stored = found.body;
    assert.ok(equalBytes(revealSecret(stored), body));
    assert.deepEqual(found.proof, proof);
    assert.deepEqual(inbox.list()[0], { ...row, order });
    inbox.ack(order, NOW);
  }
  assert.equal(store.database.prepare("SELECT count(*) AS n FROM large_values").get()?.["n"], 0);
});

test("opened: the same envelope is a redelivery, another one at its place is a reused counter", () => {
  using store = openStore();
  const { opened } = store.tx;
  const place = { sessionId: id16(), chain: crypto.randomBytes(32), counter: 7 };
  const [first, second] = [id16(), id16()];
  assert.equal(opened.lookup(place, first), "new");
  opened.add(place, first, NOW);
  assert.equal(opened.lookup(place, first), "redelivery");
  assert.equal(opened.lookup(place, second), "counter-reuse");
  assert.deepEqual(opened.envelopeAt(place), first);
  assert.equal(opened.lookup({ ...place, counter: 8 }, second), "new");
  assert.throws(() => opened.add(place, second, NOW));
  assert.equal(opened.forget(NOW + 1), 1);
});

function session(peer: AgentId, sending: boolean, lastUsedAt = NOW): SessionRow {
  return {
    sessionId: id16(),
    handshakeId: crypto.randomBytes(32),
    transcriptHash: crypto.randomBytes(32),
    peer,
    sending,
    answered: false,
    createdAt: NOW,
    lastUsedAt,
    state: crypto.randomSecret(400),
  };
}

test("sessions: stored sealed, found by id, handshake and peer", () => {
  using store = openStore();
  const { sessions } = store.tx;
  const row = session(BOB, true);
  sessions.put(row);
  for (const found of [sessions.byId(row.sessionId), sessions.byHandshakeId(row.handshakeId), sessions.sendingFor(BOB)]) {
    assert.ok(found !== undefined && found.state.equals(row.state));
    assert.deepEqual(found.handshakeId, row.handshakeId);
  }
  const later = { ...row, answered: true, lastUsedAt: NOW + 1, state: crypto.randomSecret(500) };
  sessions.put(later);
  const found = sessions.byId(row.sessionId) ?? assert.fail();
  assert.ok(found.state.equals(later.state) && found.answered && found.lastUsedAt === NOW + 1);
  assert.deepEqual(sessions.count(), { sending: 1, receiveOnly: 0 });
  sessions.remove(row.sessionId);
  assert.equal(sessions.byId(row.sessionId), undefined);
});

test("sessions: a newer sending session makes the older one receive-only; of those five stay, the latest used", () => {
  using store = openStore();
  const { sessions } = store.tx;
  const rows = Array.from({ length: 8 }, (_, i) => session(BOB, true, NOW + i));
  for (const row of rows) sessions.put(row);
  assert.deepEqual(sessions.sendingFor(BOB)?.sessionId, rows[7]?.sessionId);
  assert.deepEqual(
    sessions.listFor(BOB).map(({ sessionId }) => sessionId),
    [7, 6, 5, 4, 3, 2].map((i) => rows[i]?.sessionId),
  );
  assert.deepEqual(sessions.count(), { sending: 1, receiveOnly: MAX_RECEIVE_ONLY_SESSIONS });

  const back = rows[4] ?? assert.fail();
  sessions.put({ ...back, sending: true, lastUsedAt: NOW + 20 });
  assert.deepEqual(sessions.sendingFor(BOB)?.sessionId, back.sessionId);
  assert.equal(sessions.count().sending, 1);
});

test("sessions: whose turn is due is told without opening a state", () => {
  using store = openStore();
  const { sessions } = store.tx;
  const row = { ...session(BOB, true), turnDueAt: NOW + 5 };
  sessions.put(row);
  sessions.put({ ...session(CAROL, true), turnDueAt: NOW + 6 });
  assert.deepEqual(sessions.turnsDue(NOW + 4), []);
  assert.deepEqual(sessions.turnsDue(NOW + 5), [BOB]);
  sessions.put({ ...row, turnDueAt: undefined });
  assert.deepEqual(sessions.turnsDue(NOW + 6), [CAROL]);
  sessions.put(session(CAROL, true));
  assert.deepEqual(sessions.turnsDue(NOW + 6), [], "one that only receives turns nothing");
});

test("sessions: a handshake is remembered beyond its session", () => {
  using store = openStore();
  const { sessions } = store.tx;
  const { handshakeId, transcriptHash, sessionId } = session(BOB, false);
  sessions.rememberHandshake({ handshakeId, transcriptHash, sessionId, seenAt: NOW });
  sessions.rememberHandshake({ handshakeId, transcriptHash, sessionId, seenAt: NOW + 5 });
  assert.deepEqual(sessions.usedHandshake(handshakeId), { handshakeId, transcriptHash, sessionId, seenAt: NOW });
  assert.equal(sessions.forgetHandshakes(NOW + 1), 1);
});

test("peers: histories that contend with one event are raised once, until the peer is forgotten", () => {
  using store = openStore();
  const { peers, peerForks } = store.tx;
  const fork = { agentId: BOB, seq: 4, standing: crypto.randomBytes(32), isOfRecovery: false, seenAt: NOW };
  const earlier = { ...fork, seq: 2, standing: crypto.randomBytes(32), isOfRecovery: true, seenAt: NOW + 1 };
  assert.deepEqual(
    [fork, { ...fork, seenAt: NOW + 9 }, earlier].map((each) => peerForks.raise(each)),
    [true, false, true],
  );
  assert.deepEqual(peerForks.undecided(BOB), [earlier, fork]);
  assert.deepEqual(peerForks.undecided(CAROL), []);
  peerForks.decide(fork, NOW + 2);
  assert.deepEqual(peerForks.undecided(BOB), [earlier]);
  assert.deepEqual(peerForks.list(BOB), [earlier, { ...fork, decidedAt: NOW + 2 }]);
  assert.equal(peerForks.raise(fork), false, "decided for good");
  peers.forget(BOB);
  assert.deepEqual(peerForks.undecided(BOB), []);
  assert.equal(peerForks.raise(fork), true);
});

test("peers: log, certificates, evidence", () => {
  using store = openStore();
  const { peers } = store.tx;
  const head = { seq: 0, hash: crypto.randomBytes(32) };
  peers.put({ agentId: BOB, did: "", trust: "unverified", firstSeenAt: NOW, head });
  peers.putEvents(BOB, 0, [utf8("inception"), utf8("rotation")], NOW);
  assert.deepEqual(peers.events(BOB), [utf8("inception"), utf8("rotation")]);
  peers.putEvents(BOB, 2, [utf8("another")], NOW);
  peers.putEvents(BOB, 1, [utf8("recovery")], NOW + 1);
  assert.deepEqual(peers.events(BOB), [utf8("inception"), utf8("recovery")], "what was cut off is gone");
  assert.deepEqual(
    peers.eventsSeen(BOB).map(({ seenAt }) => seenAt),
    [NOW, NOW + 1],
    "each since it was first seen",
  );

  const known = peers.get(BOB) ?? assert.fail();
  assert.ok(known.did.startsWith("did:talos:z"));
  const highest = { seq: 1, generation: 9, instanceKey: crypto.randomBytes(32) };
  peers.put({
    ...known,
    trust: "verified",
    petname: "bobby",
    directory: "http://d",
    certificate: utf8("c"),
    certificateSeenAt: NOW,
    highest,
  });
  assert.deepEqual(peers.byPetname("bobby")?.highest, highest);
  assert.equal(peers.list().length, 1);

  const certificate = { hash: crypto.randomBytes(32), wire: utf8("wire"), seenAt: NOW };
  peers.rememberCertificate(BOB, certificate);
  peers.rememberCertificate(BOB, certificate);
  assert.deepEqual(peers.certificate(BOB, certificate.hash), utf8("wire"));
  assert.equal(peers.certificate(CAROL, certificate.hash), undefined);
  assert.deepEqual(peers.certificates(BOB), [certificate]);
  assert.equal(peers.forgetCertificates(NOW + 1), 1);

  const conflict = { agentId: BOB, kind: "clone", first: utf8("1"), second: utf8("2"), seenAt: NOW };
  peers.addConflict(conflict);
  peers.addConflict({ ...conflict, seenAt: NOW + 1 });
  assert.deepEqual(peers.conflicts(BOB), [conflict]);
  // A directory can make as many as it likes.
  for (let n = 0; n < 300; n++) peers.addConflict({ ...conflict, second: Uint8Array.of(1, n >> 8, n & 255) });
  assert.equal(peers.conflicts(BOB).length, 100);
  assert.deepEqual(peers.conflicts(BOB)[0], conflict, "the first stay");
  peers.addConflict({ ...conflict, first: utf8("3"), seenAt: NOW + 2 }, true);
  assert.deepEqual(peers.conflicts(BOB).at(-1)?.first, utf8("3"), "what was not in doubt before finds room");
  assert.deepEqual(peers.conflicts(CAROL), []);
  assert.deepEqual([peers.accused(), peers.conflicts().length], [[BOB], 101]);
});

test("kept: bounded in number and in bytes, the oldest out first", () => {
  using store = openStore();
  const { kept } = store.tx;
  const item = (size: number): Parameters<typeof kept.add>[0] => ({
    envelopeId: id16(),
    kind: "message",
    bytes: new Uint8Array(size),
    code: "SESSION_NOT_FOUND",
    receivedAt: NOW,
  });
  const first = item(10);
  assert.equal(kept.add(first), 0);
  kept.add(first);
  assert.deepEqual(kept.counts(), { message: 1, event: 0, notice: 0 });
  assert.equal(kept.get(first.envelopeId)?.byteLength, 10);
  for (let i = 1; i < MAX_KEPT_ITEMS; i++) kept.add(item(1));
  assert.equal(kept.list().length, MAX_KEPT_ITEMS);
  assert.equal(kept.add(item(1)), 1);
  assert.equal(kept.get(first.envelopeId), undefined);
  assert.equal(kept.add(item(MAX_KEPT_BYTES)), MAX_KEPT_ITEMS, "one that fills everything leaves nothing else");
  assert.equal(kept.list().length, 1);
});

test("plans: resume at their step, keep their payload sealed, end", () => {
  using store = openStore();
  const { plans } = store.tx;
  const plan = {
    id: "publish-1",
    kind: "publish",
    step: "events",
    createdAt: NOW,
    updatedAt: NOW,
    attempts: 0,
    nextAttemptAt: NOW,
  } as const;
  plans.put({ ...plan, payload: utf8("payload") });
  plans.noteFailure(plan.id, "DIRECTORY_UNREACHABLE", NOW + 1, NOW + 100);
  assert.deepEqual(plans.open(), [
    { ...plan, updatedAt: NOW + 1, attempts: 1, nextAttemptAt: NOW + 100, lastError: "DIRECTORY_UNREACHABLE", doneAt: undefined },
  ]);
  plans.advance(plan.id, "batch", NOW + 2);
  const found = plans.get(plan.id);
  assert.deepEqual([found?.step, found?.attempts, found?.lastError, found?.payload], ["batch", 0, undefined, utf8("payload")]);
  plans.done(plan.id, NOW + 3);
  assert.deepEqual(plans.open(), []);
  assert.equal(plans.list().length, 1);
  assert.equal(plans.forgetDone(NOW + 4), 1);
});

test("inventory: one live key per place, a life that only goes forward", () => {
  using store = openStore();
  const { inventory } = store.tx;
  const [a, b] = ["000000000000000a" as KeyId, "000000000000000b" as KeyId];
  inventory.put(prekeyEntry("signed-prekey", a));
  assert.throws(() => inventory.put(prekeyEntry("signed-prekey", b)), "two live ones");
  inventory.put({ ...prekeyEntry("signed-prekey", b), state: "staged" });
  assert.throws(() => inventory.setState(b, "live", NOW), "not before the other has retired");
  inventory.setState(a, "retired", NOW);
  inventory.setState(b, "live", NOW);
  assert.equal(inventory.live("signed-prekey")?.keyId, b);
  assert.equal(inventory.get(a)?.retiredAt, NOW);
  assert.equal(inventory.setState(a, "live", NOW), false);
  assert.equal(inventory.setState(a, "ended", NOW), true);
  assert.equal(inventory.setState(a, "retired", NOW), false);
  assert.deepEqual(
    inventory.listPublic().map(({ keyId }) => keyId),
    [b],
  );
  assert.equal(inventory.forgetEnded(NOW + 1), 1);
  assert.equal(inventory.get(a), undefined);
});

test("own log and batches: in order, by root", () => {
  using store = openStore();
  const { log, batches } = store.tx;
  const event = { seq: 0, hash: crypto.randomBytes(32), wire: utf8("inception") };
  log.append(event);
  assert.deepEqual(log.events(), [event]);
  assert.deepEqual(log.head(), { seq: 0, hash: event.hash });
  assert.equal(log.certificate(), undefined);
  log.setCertificate(utf8("first"));
  log.setCertificate(utf8("second"));
  assert.deepEqual(log.certificate(), utf8("second"));

  const ids = ["000000000000000a" as KeyId, "000000000000000b" as KeyId];
  const batch = {
    root: crypto.randomBytes(32),
    wire: utf8("batch"),
    head: { seq: 0, hash: event.hash },
    options: 1,
    createdAt: NOW,
    to: NOW + 10,
    ids,
  };
  batches.put(batch);
  batches.put({ ...batch, root: crypto.randomBytes(32), ids: [] });
  assert.deepEqual(batches.byRoot(batch.root), { ...batch, publishedAt: undefined });
  batches.setPublished(batch.root, NOW + 1);
  assert.equal(batches.byRoot(batch.root)?.publishedAt, NOW + 1);
  assert.deepEqual(batches.newest()?.ids, []);
  assert.equal(batches.forget(NOW + 11), 2);
});

test("a value of another type than the schema's is a damaged vault", () => {
  using store = openStore();
  store.database.exec("INSERT INTO settings (name, value) VALUES ('a', 'b')");
  assert.equal(store.tx.settings.get("a"), "b");
  const order = store.tx.outbox.insert(message(BOB, { reason: "no-session" }));
  store.database.exec("UPDATE outbox SET state = 'nonsense'");
  assert.throws(() => store.tx.outbox.get(order), hasCode("VAULT_CORRUPT"));
});

test("a body that is a secret is the caller's to dispose", () => {
  using store = openStore();
  const order = store.tx.outbox.insert(message(BOB, { reason: "no-session" }));
  const body = store.tx.outbox.body(order);
  assert.ok(body instanceof SecretBytes);
  body.dispose();
  assert.equal(bodyText(store.tx, order), "body");
});
