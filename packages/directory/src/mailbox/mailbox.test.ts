import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ALGORITHM,
  assembleNotice,
  decodeMailboxPage,
  envelopeId,
  nodeCrypto,
  parseDepositAnswer,
  prepareNotice,
  toBase64Url,
  utf8,
  type MailboxPage,
} from "@talos/core";
import { DirectoryUser, TestDirectory, type RawAnswer } from "@talos/testkit";
import { MailboxWaiters } from "./mailbox-waiters.ts";

const ITEM_MS = 30 * 86_400_000;

const idOf = (item: Uint8Array): string => toBase64Url(envelopeId(item, nodeCrypto));

function pageOf(answer: RawAnswer): MailboxPage {
  assert.equal(answer.status, 200, Buffer.from(answer.body).toString());
  assert.equal(answer.headers["content-type"], "application/cbor");
  return decodeMailboxPage(answer.body);
}

async function textsOf(answer: Promise<RawAnswer>): Promise<string[]> {
  return pageOf(await answer).items.map(({ item }) => Buffer.from(item).toString());
}

function noticeOf(sender: DirectoryUser, recipient: DirectoryUser): Uint8Array {
  const certificate = sender.certificate();
  const prepared = prepareNotice({
    certificate: certificate.wire,
    recipient: recipient.id,
    envelopeId: envelopeId(utf8("lost"), nodeCrypto),
    reason: "prekey-gone",
    time: sender.directory.now,
  });
  const signatures = prepared.toSign.map(({ role, bytes }) => ({
    role,
    algorithm: ALGORITHM.ed25519,
    signature: sender.instanceKey.sign(bytes),
  }));
  return assembleNotice(sender.log, prepared.body, signatures, nodeCrypto);
}

/** Until the directory has these requests: it takes connections in order, and has answered some that came later. */
async function untilWaiting(directory: TestDirectory, answers: readonly Promise<unknown>[]): Promise<void> {
  const pending = Symbol("pending");
  for (let i = 0; i < 3; i++) await directory.send({ method: "GET", target: "/v1/status" });
  for (const answer of answers)
    assert.equal(await Promise.race([answer, Promise.resolve(pending)]), pending, "a fetch was answered too early");
}

test("deposit, fetch and acknowledge, each as often as it comes, across restarts", async () => {
  await using directory = await TestDirectory.start();
  const [alice, bob] = [await DirectoryUser.register(directory), await DirectoryUser.register(directory)];
  const items = ["one", "two", "three"].map(utf8);
  for (const item of items) {
    const answer = parseDepositAnswer((await alice.deposit(bob.did, item)).json());
    assert.deepEqual([toBase64Url(answer.envelopeId), answer.receivedAt], [idOf(item), directory.now]);
    directory.now += 1000;
  }
  const [first, second] = items as [Uint8Array, Uint8Array];
  const again = parseDepositAnswer((await alice.deposit(bob.did, first)).json());
  assert.equal(again.receivedAt, directory.now - 3000, "answered as the first time");

  await directory.restart();
  const page = pageOf(await bob.fetch());
  assert.deepEqual(
    page.items.map(({ envelopeId: id, kind, depositor, item }) => ({ id: toBase64Url(id), kind, depositor, item })),
    items.map((item) => ({ id: idOf(item), kind: "message", depositor: alice.id, item })),
  );
  assert.equal(page.more, false);
  const short = pageOf(await bob.fetch("?limit=2"));
  assert.deepEqual([short.items.length, short.more], [2, true]);
  assert.deepEqual(await textsOf(alice.fetch()), []);

  for (const _ of [1, 2]) assert.deepEqual((await bob.acknowledge([idOf(first), idOf(second)])).json(), { acknowledged: 2 });
  assert.deepEqual((await bob.acknowledge([idOf(utf8("never"))])).json(), { acknowledged: 0 });
  assert.deepEqual(await textsOf(bob.fetch()), ["three"]);
  await alice.deposit(bob.did, first);
  assert.deepEqual(await textsOf(bob.fetch()), ["three"], "acknowledged before, not taken again");

  directory.now += ITEM_MS;
  await bob.registerCertificate(bob.certificate());
  assert.deepEqual(await textsOf(bob.fetch()), [], "30 days old");
});

test("events and notices are taken if they have the form, in slots that a full mailbox does not close", async () => {
  await using directory = await TestDirectory.start({ limits: { mailbox: { messages: 1, messageBytes: 100, slotsPerDepositor: 1 } } });
  const [alice, bob] = [await DirectoryUser.register(directory), await DirectoryUser.register(directory)];
  assert.equal((await alice.deposit(bob.did, utf8("x".repeat(101)))).code, "MAILBOX_FULL");
  await alice.deposit(bob.did, utf8("one"));
  const full = await alice.deposit(bob.did, utf8("two"));
  assert.deepEqual([full.status, full.code], [507, "MAILBOX_FULL"]);
  assert.equal((await alice.deposit(bob.did, utf8("one"))).status, 200);

  const event = alice.log.events[0] as Uint8Array;
  const notice = noticeOf(alice, bob);
  assert.equal((await alice.deposit(bob.did, event, "event")).status, 200);
  assert.equal((await alice.deposit(bob.did, notice, "notice")).status, 200);
  assert.equal((await alice.deposit(bob.did, bob.log.events[0] as Uint8Array, "event")).code, "MAILBOX_FULL");
  assert.equal((await bob.deposit(bob.did, bob.log.events[0] as Uint8Array, "event")).status, 200);
  assert.deepEqual(
    pageOf(await bob.fetch()).items.map(({ kind }) => kind),
    ["event", "event", "message", "notice"],
    "events before what came earlier",
  );

  for (const kind of ["event", "notice"]) {
    for (const bytes of [utf8("{}"), event.slice(1), kind === "event" ? notice : event]) {
      assert.equal((await alice.deposit(bob.did, bytes, kind)).code, "MALFORMED", kind);
    }
  }
  assert.equal((await alice.deposit(bob.did, utf8("x"), "gossip")).code, "ROUTE_UNKNOWN");
  assert.equal((await alice.deposit(bob.did, new Uint8Array())).code, "MALFORMED");
});

test("a rotation reaches a full mailbox, from a sender that has just registered under its new key", async () => {
  await using directory = await TestDirectory.start({ limits: { mailbox: { messages: 1, messageBytes: 100, slotsPerDepositor: 2 } } });
  const [alice, bob, carol] = await Promise.all([1, 2, 3].map(() => DirectoryUser.register(directory)));
  assert.ok(alice && bob && carol);
  assert.equal((await carol.deposit(bob.did, utf8("full"))).status, 200);
  const events = [1, 2, 3].map(() => alice.identity.rotate({ time: directory.now, reason: "compromise" }));
  const [first, second, third] = events as [Uint8Array, Uint8Array, Uint8Array];
  await alice.publish(events);
  assert.equal((await alice.deposit(bob.did, first, "event")).code, "CERTIFICATE_UNKNOWN", "the old certificate went with the event");
  await alice.registerCertificate(alice.certificate());
  assert.equal((await alice.deposit(bob.did, utf8("message"))).code, "MAILBOX_FULL");
  for (const event of [first, second, first]) assert.equal((await alice.deposit(bob.did, event, "event")).status, 200);
  assert.equal((await alice.deposit(bob.did, third, "event")).code, "MAILBOX_FULL", "two wait already");
  assert.equal((await carol.deposit(bob.did, third, "event")).status, 200, "anybody may bring an event, in slots of their own");

  const { items } = pageOf(await bob.fetch());
  assert.deepEqual(
    items.map(({ kind, item, depositor }) => [kind, item, depositor]),
    [
      ["event", first, alice.id],
      ["event", second, alice.id],
      ["event", third, carol.id],
      ["message", utf8("full"), carol.id],
    ],
  );
  await bob.acknowledge([idOf(first)]);
  assert.equal((await alice.deposit(bob.did, alice.identity.rotate({ time: directory.now }), "event")).status, 200);
});

test("sizes are bounded for each kind, and a page in bytes", async () => {
  await using directory = await TestDirectory.start();
  const [alice, bob] = [await DirectoryUser.register(directory), await DirectoryUser.register(directory)];
  for (const [kind, most] of [
    ["message", 11_000_000],
    ["event", 4096],
    ["notice", 8192],
  ] as const) {
    const answer = await alice.deposit(bob.did, new Uint8Array(most + 1), kind);
    assert.deepEqual([answer.status, answer.code], [413, "PAYLOAD_TOO_LARGE"]);
  }
  const large = [1, 2, 3].map((fill) => new Uint8Array(11_000_000).fill(fill));
  for (const item of large) assert.equal((await alice.deposit(bob.did, item)).status, 200);
  const small = utf8("small");
  await alice.deposit(bob.did, small);
  for (const [i, item] of large.entries()) {
    const answer = await bob.fetch();
    const page = pageOf(answer);
    // The last large one and the small one come in one page.
    assert.deepEqual([page.items[0]?.item[0], page.items.length, page.more], [i + 1, i === 2 ? 2 : 1, i < 2]);
    await bob.acknowledge([idOf(item)]);
  }
  assert.deepEqual(await textsOf(bob.fetch()), ["small"]);
});

test("bodies beyond what fits in memory are refused as busy, and room comes back", async () => {
  await using directory = await TestDirectory.start({ limits: { bufferedBytes: 100_000 } });
  const [alice, bob] = [await DirectoryUser.register(directory), await DirectoryUser.register(directory)];
  const busy = await alice.deposit(bob.did, new Uint8Array(100_001));
  assert.deepEqual([busy.status, busy.code, busy.headers["retry-after"]], [503, "DIRECTORY_BUSY", "1"]);
  for (const fill of [1, 2, 3]) assert.equal((await alice.deposit(bob.did, new Uint8Array(90_000).fill(fill))).status, 200);
  assert.equal((await bob.fetch()).code, "DIRECTORY_BUSY");
  for (let i = 0; i < 3; i++) assert.equal((await bob.fetch("?limit=1")).status, 200);
});

test("a waiting fetch is answered by a deposit, and by a deposit alone", async () => {
  await using directory = await TestDirectory.start();
  const [alice, bob, carol] = await Promise.all([1, 2, 3].map(() => DirectoryUser.register(directory)));
  assert.ok(alice && bob && carol);
  const waiting = bob.fetch("?wait=30");
  await untilWaiting(directory, [waiting]);
  await alice.deposit(carol.did, utf8("not for bob"));
  await untilWaiting(directory, [waiting]);
  await alice.deposit(bob.did, utf8("hello"));
  assert.deepEqual(await textsOf(waiting), ["hello"]);
  assert.deepEqual(await textsOf(bob.fetch("?wait=30")), ["hello"], "what lies there is not waited for");
});

test("a waiting fetch ends with its time, and with the directory", async () => {
  await using directory = await TestDirectory.start();
  const bob = await DirectoryUser.register(directory);
  assert.deepEqual(await textsOf(bob.fetch("?wait=1")), []);
  const waiting = [bob.fetch("?wait=30"), bob.fetch("?wait=30")];
  await untilWaiting(directory, waiting);
  await directory.stop();
  for (const answer of waiting) assert.deepEqual(await textsOf(answer), []);
});

test("a waiting fetch of an instance that is superseded meanwhile is refused", async () => {
  await using directory = await TestDirectory.start();
  const bob = await DirectoryUser.register(directory);
  const waiting = bob.fetch("?wait=30");
  await untilWaiting(directory, [waiting]);
  bob.generation = 2;
  bob.instanceKey = nodeCrypto.generateSigningKey();
  await bob.registerCertificate(bob.certificate());
  assert.equal((await waiting).code, "INSTANCE_SUPERSEDED");
});

test("a waiting fetch whose client has gone takes nothing and holds up nothing", async () => {
  await using directory = await TestDirectory.start();
  const [alice, bob] = [await DirectoryUser.register(directory), await DirectoryUser.register(directory)];
  const controller = new AbortController();
  const waiting = bob.fetch("?wait=30", controller.signal);
  await untilWaiting(directory, [waiting]);
  controller.abort();
  await assert.rejects(waiting);
  await alice.deposit(bob.did, utf8("hello"));
  assert.deepEqual(await textsOf(bob.fetch()), ["hello"]);
});

test("waiters: nothing that comes after entering is missed, and none is left behind", async () => {
  const waiters = new MailboxWaiters(2);
  const [mailbox, other] = [nodeCrypto.randomBytes(32), nodeCrypto.randomBytes(32)] as Parameters<MailboxWaiters["wake"]>[0][];
  assert.ok(mailbox && other);
  const never = new AbortController().signal;
  const first = waiters.enter(mailbox);
  waiters.wake(mailbox);
  await first.wait(60_000, never);
  first.end();

  const [second, third, foreign] = [waiters.enter(mailbox), waiters.enter(mailbox), waiters.enter(other)];
  const fourth = waiters.enter(mailbox);
  await second.wait(60_000, never);
  assert.equal(waiters.size, 4);
  const gone = new AbortController();
  const left = third.wait(60_000, gone.signal);
  gone.abort();
  await left;
  await fourth.wait(1, never);
  waiters.stop();
  await foreign.wait(60_000, never);
  await waiters.enter(other).wait(60_000, never);
  for (const waiter of [second, third, fourth, foreign]) waiter.end();
  assert.equal(waiters.size, 1);
});
