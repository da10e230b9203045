import assert from "node:assert/strict";
import { test } from "node:test";
import {
  assembleCertificate,
  chainWith,
  decodeEvent,
  emptyRoot,
  nodeCrypto,
  ownKey,
  prepareCertificate,
  verifyLog,
  type Certificate,
  type IdentityLog,
} from "@talos/core";
import { UserIdentity } from "@talos/testkit";
import { inceptionOf, recovered, rotated } from "../../../testkit/src/vectors/branch.ts";
import { signerOf } from "../../../testkit/src/vectors/cast.ts";
import { AgentEvents, type AgentEventName } from "../agent-events.ts";
import type { Transaction, Vault } from "../vault/index.ts";
import { makeVault, NOW, temporaryFolder } from "../vault/vault-fixture.test.ts";
import { isFresh } from "./known-peer.ts";
import { LiveSessions } from "./live-sessions.ts";
import { PeerBook } from "./peer-book.ts";
import { mailboxesOf } from "./peer-lookup.ts";

const DAY = 86_400_000;

/** A book over a vault of its own, and what it tells. */
class TestBook implements Disposable {
  readonly vault: Vault;
  readonly book: PeerBook;
  readonly told: [AgentEventName, object][] = [];
  readonly moved: string[] = [];
  readonly #folder: Disposable;
  readonly #sessions = new LiveSessions();

  private constructor(vault: Vault, folder: Disposable) {
    this.vault = vault;
    this.#folder = folder;
    const events = new AgentEvents();
    for (const name of ["peerRotated", "peerRevoked", "peerForked"] as const) {
      events.on(name, (payload) => this.told.push([name, payload]));
    }
    this.book = new PeerBook({ crypto: nodeCrypto, sessions: this.#sessions, events });
    this.book.onMove(() => this.moved.push("moved"));
  }

  static async open(): Promise<TestBook> {
    const folder = temporaryFolder();
    return new TestBook((await makeVault(folder.dataDir)).vault, folder);
  }

  do<T>(work: (tx: Transaction) => T): T {
    try {
      const result = this.vault.transaction((tx) => {
        const value = work(tx);
        this.#sessions.beforeCommit(tx);
        return value;
      });
      this.#sessions.committed();
      this.book.committed();
      return result;
    } catch (error) {
      this.book.rolledBack();
      throw error;
    }
  }

  /** Hears events of that identity, as from its directory. */
  hear(log: IdentityLog, events: readonly Uint8Array[], now: number, certificate?: Certificate): ReturnType<PeerBook["learn"]> {
    return this.do((tx) => {
      const known = this.book.get(tx, log.agentId);
      const chain = chainWith(known?.log, events, nodeCrypto);
      const verdict = verifyLog(known?.log, chain, now, nodeCrypto, log.agentId);
      return this.book.learn(tx, { log: verdict.log, chain, certificate }, now);
    });
  }

  trust(log: IdentityLog): string | undefined {
    return this.do((tx) => tx.peers.get(log.agentId)?.trust);
  }

  verify(log: IdentityLog): void {
    this.do((tx) => this.book.update(tx, log.agentId, { trust: "verified", trustSince: NOW }));
  }

  /** As an operator does. */
  acceptHistory({ agentId }: IdentityLog): void {
    this.do((tx) => {
      for (const fork of tx.peerForks.undecided(agentId)) tx.peerForks.decide(fork, NOW);
      this.book.update(tx, agentId, { forkedAt: undefined });
    });
  }

  [Symbol.dispose](): void {
    this.vault.close();
    this.#folder[Symbol.dispose]();
  }
}

function certify(user: UserIdentity, generation: number, from: number, directories: readonly string[] = []): Certificate {
  const { log } = user;
  const prepared = prepareCertificate({
    agentId: log.agentId,
    head: log.head,
    generation,
    instanceKey: ownKey("instance", 1, nodeCrypto.generateSigningKey().publicKey),
    directories: [...directories],
    auditHead: { size: 0, root: emptyRoot(nodeCrypto) },
    from,
    to: from + DAY,
  });
  return assembleCertificate(log, prepared.body, user.sign(prepared), nodeCrypto);
}

test("what was known is not taken back by a look that was older", async () => {
  using world = await TestBook.open();
  const bob = UserIdentity.begin(NOW, false);
  const short = bob.log;
  world.hear(bob.log, bob.log.events, NOW);
  const rotation = bob.rotate({ time: NOW });
  const long = world.hear(bob.log, [rotation], NOW + 1);
  const after = world.do((tx) => world.book.learn(tx, { log: short, directory: "http://127.0.0.1:1" }, NOW + 2));
  assert.equal(after.log, long.log);
  assert.equal(after.peer.directory, "http://127.0.0.1:1", "the rest is taken over");
  assert.deepEqual(
    world.do((tx) => tx.peers.get(bob.log.agentId)?.head),
    bob.log.head,
  );
});

test("a planned rotation keeps a trust and says so; each event has the time at which it was first seen, also after a restart", async () => {
  using world = await TestBook.open();
  const bob = UserIdentity.begin(NOW, false);
  world.hear(bob.log, bob.log.events, NOW);
  world.verify(bob.log);
  const known = world.hear(bob.log, [bob.rotate({ time: NOW })], NOW + 5);
  assert.deepEqual([known.seenAt(0), known.seenAt(1)], [NOW, NOW + 5]);
  assert.equal(world.trust(bob.log), "verified");
  const [[name, payload] = [], ...rest] = world.told;
  assert.deepEqual([name, rest.length, world.moved.length], ["peerRotated", 0, 1]);
  assert.deepEqual(
    { ...payload, peerDid: "", hash: "", identityKey: "" },
    {
      peerDid: "",
      hash: "",
      identityKey: "",
      seq: 1,
      authority: "online",
      reason: "planned",
      trust: "kept",
      sessionsDropped: false,
      cutOffEvents: 0,
    },
  );
  const again = new PeerBook({ crypto: nodeCrypto, sessions: new LiveSessions(), events: new AgentEvents() });
  const loaded = world.vault.read((tx) => again.get(tx, bob.log.agentId));
  assert.deepEqual([loaded?.seenAt(0), loaded?.seenAt(1)], [NOW, NOW + 5]);
});

test("anything but a planned rotation drops a trust, and says so", async () => {
  for (const reason of ["lost", "compromise"] as const) {
    using world = await TestBook.open();
    const bob = UserIdentity.begin(NOW, true);
    world.hear(bob.log, bob.log.events, NOW);
    world.verify(bob.log);
    world.hear(bob.log, [bob.rotate({ time: NOW, reason })], NOW + 1);
    assert.equal(world.trust(bob.log), "unverified", reason);
    assert.deepEqual(
      world.told.map(([name, payload]) => [name, (payload as { trust: string }).trust]),
      [["peerRotated", "dropped"]],
    );
  }
  using world = await TestBook.open();
  const bob = UserIdentity.begin(NOW, true);
  world.hear(bob.log, bob.log.events, NOW);
  world.verify(bob.log);
  world.hear(bob.log, [bob.rotate({ time: NOW, authority: "recovery" })], NOW + 1);
  assert.equal(world.trust(bob.log), "unverified", "by the kit");
  world.hear(bob.log, [bob.revoke({ time: NOW })], NOW + 2);
  assert.deepEqual(
    world.told.map(([name, payload]) => [name, (payload as { trust: string }).trust]),
    [
      ["peerRotated", "dropped"],
      ["peerRevoked", "none"],
    ],
  );
});

test("failure 28: nobody goes back behind a head once seen but by a recovery event; a fork is kept, told once, and stops handshakes", async () => {
  using world = await TestBook.open();
  const owner = UserIdentity.begin(NOW, true);
  const thief = owner.stolen();
  const other = owner.stolen();
  world.hear(owner.log, owner.log.events, NOW);
  world.verify(owner.log);
  const seenFirst = thief.rotate({ time: NOW });
  const contender = other.rotate({ time: NOW + 1 });
  world.hear(owner.log, [seenFirst], NOW + 1);

  for (const at of [2, 3]) {
    const known = world.hear(owner.log, [contender], NOW + at);
    assert.deepEqual(known.log.head, thief.log.head, "the one that was seen first stands");
    assert.equal(known.peer.forkedAt, NOW + 2);
  }
  assert.deepEqual(
    world.do((tx) => tx.peers.conflicts(owner.log.agentId)),
    [{ agentId: owner.log.agentId, kind: "log-fork", first: seenFirst, second: contender, seenAt: NOW + 2 }],
  );
  assert.deepEqual(
    world.told.map(([name]) => name),
    ["peerRotated", "peerForked"],
  );
  assert.equal(world.trust(owner.log), "unverified");

  // An operator decides for what he has: whatever contends with the same event is no news any more.
  world.acceptHistory(owner.log);
  assert.equal(world.hear(owner.log, [contender], NOW + 4).peer.forkedAt, undefined);
  const third = owner.stolen().rotate({ time: NOW + 2 });
  assert.equal(world.hear(owner.log, [third], NOW + 5).peer.forkedAt, undefined, "another one neither");

  const recovery = owner.rotate({ time: NOW, authority: "recovery", after: 0 });
  const known = world.hear(owner.log, [recovery], NOW + 6);
  assert.deepEqual([known.log.head, known.peer.forkedAt], [owner.log.head, undefined]);
  assert.deepEqual(
    world.do((tx) => tx.cutOff.list(owner.log.agentId)),
    [{ hash: decodeEvent(seenFirst, nodeCrypto).hash, agentId: owner.log.agentId, seq: 1, wire: seenFirst, seenAt: NOW + 6 }],
  );
  const { log } = world.hear(owner.log, [contender], NOW + 7);
  assert.deepEqual(log.head, owner.log.head, "what a recovery event has cut off contends no more");
  assert.deepEqual(
    world.do((tx) => tx.peers.conflicts(owner.log.agentId).map(({ kind }) => kind)),
    ["log-fork", "log-fork", "cut-off-branch"],
  );
  assert.deepEqual(
    world.told.map(([name]) => name),
    ["peerRotated", "peerForked", "peerRotated"],
  );
  const last = world.told.at(-1)?.[1];
  assert.deepEqual(
    { ...last, peerDid: "", hash: "", identityKey: "" },
    {
      peerDid: "",
      hash: "",
      identityKey: "",
      seq: 1,
      authority: "recovery",
      reason: "planned",
      trust: "none",
      sessionsDropped: true,
      cutOffEvents: 1,
    },
  );
});

test("failure 28: an alarm does not depend on the room for evidence: whoever fills that with an old backup silences nothing", async () => {
  using world = await TestBook.open();
  const owner = UserIdentity.begin(NOW, true);
  const old = owner.stolen();
  world.hear(owner.log, owner.log.events, NOW);
  world.hear(owner.log, [owner.rotate({ time: NOW })], NOW);
  for (let n = 0; n < 120; n++) world.hear(owner.log, [old.stolen().rotate({ time: NOW + n })], NOW + 1);
  assert.equal(world.do((tx) => tx.peers.conflicts(owner.log.agentId)).length, 100);
  world.acceptHistory(owner.log);

  // Today's keys are stolen, and the thief is heard first.
  const thief = owner.stolen();
  const theirs = thief.rotate({ time: NOW + 2 });
  const mine = owner.rotate({ time: NOW + 3 });
  world.hear(owner.log, [theirs], NOW + 2);
  assert.equal(world.hear(owner.log, [mine], NOW + 3).peer.forkedAt, NOW + 3);
  assert.deepEqual(
    world.told.filter(([name]) => name === "peerForked").map(([, payload]) => (payload as { seq: number }).seq),
    [1, 2],
  );
  const [last] = world.do((tx) => tx.peers.conflicts(owner.log.agentId)).slice(-1);
  assert.deepEqual([last?.first, last?.second], [theirs, mine], "with its evidence");
});

test("failure 23: a kit that a branch brought itself neither ends an alarm nor prevents one", async () => {
  const base = inceptionOf("bob", { kit: false });
  const owner = rotated(base, "owner");
  const withKit = rotated(base, "owner with a kit", { kit: signerOf("kit of the owner") });
  const thief = rotated(base, "thief", { kit: signerOf("kit of the thief") });
  const further = recovered(thief, "thief recovers", { reason: "planned" });
  for (const [order, standing] of [
    [[base, thief, owner, further], further],
    [[base, further, owner], further],
    [[base, further, withKit], further],
    [[base, thief, recovered(withKit, "owner recovers")], thief],
  ] as const) {
    using world = await TestBook.open();
    const { log } = verifyLog(undefined, base.wires, NOW, nodeCrypto);
    world.hear(log, base.wires, NOW);
    world.verify(log);
    const last = order.map((branch, index) => world.hear(log, branch.wires, NOW + index)).at(-1);
    assert.notEqual(last?.peer.forkedAt, undefined);
    assert.deepEqual([last?.log.head, world.trust(log)], [standing.head, "unverified"]);
    assert.equal(world.told.filter(([name]) => name === "peerForked").length, 1);
    world.acceptHistory(log);
    assert.equal(world.hear(log, owner.wires, NOW + 9).peer.forkedAt, undefined, "one decision for all that parts there");
  }
});

test("a recovery event decides a fork where the kit was in force before it, whichever branch it stands on; two by one key do not", async () => {
  const base = inceptionOf("bob", { kit: true });
  const [mine, theirs] = [rotated(base, "owner"), rotated(base, "thief")];
  const first = recovered(base, "first");
  for (const [order, isDecided] of [
    [[base, theirs, mine, recovered(theirs, "on what stands")], true],
    [[base, theirs, mine, recovered(mine, "on the other")], true],
    [[base, theirs, mine, recovered(base, "before both")], true],
    [[base, first, recovered(base, "second"), recovered(first, "third")], false],
  ] as const) {
    using world = await TestBook.open();
    const { log } = verifyLog(undefined, base.wires, NOW, nodeCrypto);
    const heard = order.map((branch, index) => world.hear(log, branch.wires, NOW + index).peer.forkedAt);
    assert.deepEqual(heard, [undefined, undefined, NOW + 2, isDecided ? undefined : NOW + 2]);
    assert.deepEqual(
      world.do((tx) => tx.peerForks.undecided(log.agentId)).map(({ seq, isOfRecovery }) => [seq, isOfRecovery]),
      isDecided ? [] : [[1, true]],
    );
  }
});

test("certificates of a head that was voided or fell away are forgotten, and none of them counts again", async () => {
  for (const way of ["compromise", "recovery"] as const) {
    using world = await TestBook.open();
    const bob = UserIdentity.begin(NOW, true);
    world.hear(bob.log, bob.log.events, NOW);
    const thief = bob.stolen();
    const rotation = thief.rotate({ time: NOW });
    world.hear(bob.log, [rotation], NOW);
    const stolen = certify(thief, 9, NOW);
    assert.equal(world.hear(bob.log, [rotation], NOW + 1, stolen).certificate, stolen);
    const event =
      way === "compromise" ? thief.rotate({ time: NOW, reason: "compromise" }) : bob.rotate({ time: NOW, authority: "recovery", after: 0 });
    const user = way === "compromise" ? thief : bob;
    const known = world.hear(bob.log, [event], NOW + 2);
    assert.deepEqual([known.certificate, known.peer.highest], [undefined, undefined]);
    world.do((tx) => {
      assert.deepEqual(tx.peers.certificates(bob.log.agentId), []);
      assert.equal(world.book.findCertificate(tx, known.log, stolen.hash), undefined, "nor from memory");
      // Somebody brings it once more.
      assert.equal(world.book.learn(tx, { log: known.log, certificate: stolen }, NOW + 3).certificate, undefined);
    });
    const fresh = certify(user, 1, NOW + 3);
    assert.equal(world.hear(bob.log, [event], NOW + 4, fresh).certificate, fresh, "the lower generation of the later event");
  }
});

test("failure 48: a key that was rotated away makes its peer neither fresh nor at home elsewhere, whether or not the new certificate is known", async () => {
  for (const reason of ["lost", "planned"] as const) {
    for (const isKnown of [true, false]) {
      using world = await TestBook.open();
      const bob = UserIdentity.begin(NOW, false);
      const thief = bob.stolen();
      const home = certify(bob, 1, NOW, ["http://home:1"]);
      world.hear(bob.log, bob.log.events, NOW, isKnown ? home : undefined);
      // The event comes alone.
      const known = world.hear(bob.log, [bob.rotate({ time: NOW, reason, migrationSeconds: 86_400 })], NOW);
      assert.equal(isFresh(known, 21, NOW), isKnown && reason === "planned");
      const later = NOW + DAY;
      assert.equal(isFresh(known, 21, later), false, "the migration ran out, and nothing was heard");
      const stolen = certify(thief, Number.MAX_SAFE_INTEGER, later, ["http://thief:1"]);
      const facts = { log: known.log, certificate: stolen, directory: "http://home:1" };
      const after = world.do((tx) => world.book.learn(tx, facts, later));
      assert.equal(isFresh(after, 21, later), false, reason);
      assert.deepEqual(mailboxesOf(after, undefined), ["http://home:1"]);
      world.do((tx) => assert.equal(world.book.findCertificate(tx, after.log, stolen.hash), undefined));

      const fresh = certify(bob, 1, later, ["http://new:1"]);
      const settled = world.do((tx) => world.book.learn(tx, { log: after.log, certificate: fresh }, later));
      assert.equal(isFresh(settled, 21, later), true);
      assert.deepEqual(mailboxesOf(settled, undefined), ["http://new:1"]);
    }
  }
});

test("a certificate of an ended identity that comes with a message is found again for the next message, and is nobody's newest", async () => {
  using world = await TestBook.open();
  const bob = UserIdentity.begin(NOW, false);
  const former = certify(bob, 3, NOW);
  world.hear(bob.log, bob.log.events, NOW);
  const { log } = world.hear(bob.log, [bob.rotate({ time: NOW, reason: "lost" })], NOW + 1);
  const known = world.do((tx) => world.book.learn(tx, { log, certificate: former }, NOW + 2));
  assert.deepEqual([known.certificate, known.peer.highest], [undefined, undefined]);
  world.do((tx) => assert.deepEqual(world.book.findCertificate(tx, log, former.hash)?.wire, former.wire));
});

test("an owner is told once for a head; of a peer that is new nothing has to be told", async () => {
  using world = await TestBook.open();
  const bob = UserIdentity.begin(NOW, true);
  const thief = bob.stolen();
  const first = thief.rotate({ time: NOW });
  world.hear(bob.log, bob.log.events, NOW);
  const untold = (): number => world.do((tx) => tx.peers.untold().length);
  assert.equal(untold(), 0);
  world.hear(bob.log, [first], NOW);
  assert.equal(untold(), 1);
  world.do((tx) => world.book.update(tx, bob.log.agentId, { toldSeq: 1 }));
  assert.equal(untold(), 0);
  world.hear(bob.log, [bob.rotate({ time: NOW, authority: "recovery", after: 0 })], NOW);
  assert.equal(untold(), 1, "another event with the same number");

  const carol = UserIdentity.begin(NOW, false);
  carol.rotate({ time: NOW });
  world.hear(carol.log, carol.log.events, NOW);
  assert.equal(untold(), 1);
});

test("what fails to commit is not told, and not remembered", async () => {
  using world = await TestBook.open();
  const bob = UserIdentity.begin(NOW, false);
  world.hear(bob.log, bob.log.events, NOW);
  const rotation = bob.rotate({ time: NOW });
  assert.throws(() =>
    world.do((tx) => {
      world.book.learn(tx, { log: bob.log, chain: [...bob.log.events.slice(0, 1), rotation] }, NOW);
      throw new Error("the disk is full");
    }),
  );
  assert.deepEqual(world.told, []);
  assert.equal(
    world.do((tx) => world.book.get(tx, bob.log.agentId)?.log.head.seq),
    0,
  );
});

test("a peer that was forgotten is met anew, with either history; evidence against it stays", async () => {
  using world = await TestBook.open();
  const owner = UserIdentity.begin(NOW, false);
  const thief = owner.stolen();
  world.hear(owner.log, owner.log.events, NOW);
  const [mine, theirs] = [owner.rotate({ time: NOW }), thief.rotate({ time: NOW + 1 })];
  world.hear(owner.log, [theirs], NOW);
  world.hear(owner.log, [mine], NOW);
  world.do((tx) => world.book.forget(tx, owner.log.agentId));
  assert.equal(
    world.do((tx) => world.book.get(tx, owner.log.agentId)),
    undefined,
  );
  const known = world.hear(owner.log, owner.log.events, NOW + 1);
  assert.deepEqual([known.log.head, known.peer.forkedAt], [owner.log.head, undefined]);
  assert.equal(
    world.do((tx) => tx.peers.conflicts(owner.log.agentId).length),
    1,
  );
});
