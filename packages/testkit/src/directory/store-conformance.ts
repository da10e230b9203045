/**
 * What every store of a directory must do, whatever the database: the same tests for each. Calls the contract alone.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  agentId,
  envelopeIdFrom,
  equalBytes,
  isTalosError,
  nodeCrypto,
  toHex,
  type AgentId,
  type EnvelopeId,
  type EnvelopeKind,
  type LogHead,
} from "@talos/core";
import {
  ITEM_MS,
  MAX_CONFLICTS,
  MAX_CUT_OFF_AT_ONCE,
  MAX_EVIDENCE,
  type AcceptedEvents,
  type BatchReplacement,
  type CertificateRecord,
  type DirectoryStore,
  type EventRecord,
  type MailboxQuota,
  type NewItem,
  type PrekeyRecord,
  type ReplaceOutcome,
  type RequestMark,
} from "@talos/directory";

/** One database; `open` again after `close` finds what was written. */
export interface StoreFixture {
  open(): Promise<DirectoryStore>;
  remove(): Promise<void>;
}

const NOW: number = Date.UTC(2026, 10, 24);
const QUOTA: MailboxQuota = { messages: 3, messageBytes: 1_000, slotsPerDepositor: 2 };
const BOUNDS = { limit: 10, maxBytes: 1_000_000 };

const bytes = (length: number): Uint8Array => nodeCrypto.randomBytes(length);
const newAgent = (): AgentId => agentId(bytes(32));
const newId = (): EnvelopeId => envelopeIdFrom(bytes(16));

function markOf(agent: AgentId, nonce: Uint8Array = bytes(16), expiresAt: number = NOW + 600_000): RequestMark {
  return { agentId: agent, nonce, expiresAt };
}

function eventOf(seq: number): EventRecord {
  return { seq, hash: bytes(32), wire: bytes(100) };
}

function logOf(events: readonly EventRecord[], fields: Partial<Omit<AcceptedEvents, "events">> = {}): AcceptedEvents {
  return { events, voidBelow: 0, revoked: false, ...fields };
}

function certificateOf(fields: Partial<CertificateRecord> = {}): CertificateRecord {
  return { seq: 0, generation: 1, instanceKey: bytes(32), hash: bytes(32), from: NOW, to: NOW + 86_400_000, wire: bytes(200), ...fields };
}

function prekeyOf(fields: Partial<PrekeyRecord> = {}): PrekeyRecord {
  return { id: bytes(8), kind: "one-time-prekey", leafHash: bytes(32), to: NOW + 90 * 86_400_000, statement: bytes(300), ...fields };
}

function replacementOf(
  signedPrekey: PrekeyRecord,
  carried: readonly PrekeyRecord[],
  added: readonly PrekeyRecord[],
  from: number = NOW,
): BatchReplacement {
  const leaves = [signedPrekey, ...carried, ...added].toSorted((a, b) => (toHex(a.id) < toHex(b.id) ? -1 : 1));
  return {
    seq: 0,
    root: bytes(32),
    wire: bytes(200),
    from,
    to: from + 30 * 86_400_000,
    leaves,
    signedPrekey,
    carried: carried.map(({ id }) => id),
    added,
  };
}

function itemOf(mailbox: AgentId, fields: { kind?: EnvelopeKind; size?: number; envelopeId?: EnvelopeId } = {}): NewItem {
  const { kind = "message", size = 10, envelopeId = newId() } = fields;
  return { mailbox, envelopeId, kind, bytes: bytes(size) };
}

const isReplayed = (error: unknown): boolean => isTalosError(error, "REQUEST_REPLAYED");

/** Registers the suite with node:test; `name` tells one store from another. */
export function testDirectoryStore(name: string, newFixture: () => Promise<StoreFixture>): void {
  const storeTest = (what: string, run: (store: DirectoryStore, reopen: () => Promise<DirectoryStore>) => Promise<void>): void => {
    test(`${name}: ${what}`, async () => {
      const fixture = await newFixture();
      let store = await fixture.open();
      try {
        await run(store, async () => {
          await store.close();
          store = await fixture.open();
          return store;
        });
      } finally {
        await store.close();
        await fixture.remove();
      }
    });
  };
  /** A log of one event, or of more. */
  const begun = async (store: DirectoryStore, agent: AgentId, length: number = 1): Promise<EventRecord> => {
    const events = Array.from({ length }, (_, seq) => eventOf(seq));
    assert.equal(await store.acceptEvents(agent, undefined, logOf(events), NOW), "accepted");
    return events.at(-1) as EventRecord;
  };
  const headOf = async (store: DirectoryStore, agent: AgentId): Promise<LogHead> => {
    const record = await store.readAgent(agent);
    assert.ok(record);
    return record.head;
  };
  /** As a caller does that has just verified. */
  const replaceBatch = async (store: DirectoryStore, mark: RequestMark, replacement: BatchReplacement): Promise<ReplaceOutcome> =>
    store.replaceBatch(mark, replacement, await headOf(store, mark.agentId), NOW);
  const registered = async (store: DirectoryStore): Promise<AgentId> => {
    const agent = newAgent();
    const head = await begun(store, agent);
    await store.registerCertificate(agent, certificateOf(), head, NOW);
    return agent;
  };

  storeTest("a log grows only behind the head that was verified", async (store, reopen) => {
    const agent = newAgent();
    assert.equal(await store.readAgent(agent), undefined);
    const [first, second, other] = [eventOf(0), eventOf(1), eventOf(1)];
    assert.equal(await store.acceptEvents(agent, first, logOf([other]), NOW), "moved");
    assert.equal(await store.acceptEvents(agent, undefined, logOf([first]), NOW), "accepted");
    assert.equal(await store.acceptEvents(agent, undefined, logOf([other]), NOW), "moved");
    assert.equal(await store.acceptEvents(agent, { seq: 0, hash: other.hash }, logOf([other]), NOW), "moved");
    assert.equal(await store.acceptEvents(agent, first, logOf([second]), NOW), "accepted");
    assert.equal(await store.acceptEvents(agent, first, logOf([other]), NOW), "moved");
    const again = await reopen();
    assert.deepEqual(await again.readAgent(agent), {
      head: { seq: 1, hash: second.hash },
      revoked: false,
      events: [first, second],
      certificate: undefined,
    });
    assert.deepEqual((await again.readAgent(agent, 0))?.events, [second]);
    assert.deepEqual((await again.readAgent(agent, 7))?.events, []);
  });

  storeTest("when an event was accepted is known while it stands", async (store, reopen) => {
    const agent = newAgent();
    const [first, second, third] = [eventOf(0), eventOf(1), eventOf(2)];
    await store.acceptEvents(agent, undefined, logOf([first]), NOW);
    await store.acceptEvents(agent, first, logOf([second, third]), NOW + 5);
    const again = await reopen();
    const all = [0, 5, 5].map((later, seq) => ({ seq, at: NOW + later }));
    assert.deepEqual(await again.listAccepted(agent, NOW - 1, NOW + 5), all);
    assert.deepEqual(await again.listAccepted(agent, NOW, NOW + 5), all.slice(1));
    assert.deepEqual(await again.listAccepted(agent, NOW - 1, NOW + 4), all.slice(0, 1));
    await again.acceptEvents(agent, third, logOf([eventOf(1)]), NOW + 9);
    assert.deepEqual(await again.listAccepted(agent, NOW - 1, NOW + 99), [all[0], { seq: 1, at: NOW + 9 }]);
    assert.deepEqual(await again.listAccepted(newAgent(), 0, NOW + 99), []);
  });

  storeTest("failure 50: certificates stand in the order of (seq, generation), and a conflict is kept", async (store, reopen) => {
    const agent = newAgent();
    const head = await begun(store, agent, 3);
    const standing = certificateOf({ seq: 1, generation: 5 });
    assert.deepEqual(await store.registerCertificate(agent, standing, head, NOW), { kind: "registered", certificate: standing });
    for (const lower of [certificateOf({ seq: 0, generation: 900 }), certificateOf({ seq: 1, generation: 4 })]) {
      assert.deepEqual(await store.registerCertificate(agent, lower, head, NOW), { kind: "superseded", certificate: standing });
    }
    const clone = certificateOf({ seq: 1, generation: 5 });
    assert.deepEqual(await store.registerCertificate(agent, clone, head, NOW), { kind: "conflict", certificate: standing });
    assert.deepEqual(await store.registerCertificate(agent, clone, head, NOW), { kind: "conflict", certificate: standing });

    const renewed = certificateOf({ ...standing, from: NOW + 1, hash: bytes(32) });
    assert.deepEqual(await store.registerCertificate(agent, renewed, head, NOW), { kind: "registered", certificate: renewed });
    assert.deepEqual(await store.registerCertificate(agent, standing, head, NOW), { kind: "registered", certificate: renewed });
    const again = await reopen();
    assert.deepEqual(await again.readCertificate(agent), renewed);
    assert.deepEqual(await again.listConflicts(agent), [clone.wire]);

    const higher = certificateOf({ seq: 2, generation: 1 });
    assert.deepEqual(await again.registerCertificate(agent, higher, head, NOW), { kind: "registered", certificate: higher });
    assert.deepEqual((await again.readAgent(agent))?.certificate, higher);
  });

  storeTest("conflicts are bounded", async (store) => {
    const agent = await registered(store);
    const head = await headOf(store, agent);
    for (let i = 0; i < MAX_CONFLICTS + 5; i++) await store.registerCertificate(agent, certificateOf(), head, NOW + i);
    assert.equal((await store.listConflicts(agent)).length, MAX_CONFLICTS);
  });

  storeTest(
    "failure 50: a recovery event takes the place of a branch, and what was made under the branch goes in the same step",
    async (store, reopen) => {
      const [agent, claimer] = [newAgent(), await registered(store)];
      const [first, ...stolen] = [eventOf(0), eventOf(1), eventOf(2)];
      await store.acceptEvents(agent, undefined, logOf([first]), NOW);
      await store.acceptEvents(agent, first, logOf(stolen), NOW);
      const head = stolen.at(-1) as EventRecord;
      await store.registerCertificate(agent, certificateOf({ seq: 2, generation: Number.MAX_SAFE_INTEGER }), head, NOW);
      const theirs = replacementOf(prekeyOf({ kind: "signed-prekey" }), [], [prekeyOf()]);
      await replaceBatch(store, markOf(agent), { ...theirs, seq: 2 });

      const recovery = eventOf(1);
      assert.equal(await store.acceptEvents(agent, head, logOf([recovery]), NOW + 1), "accepted");
      const again = await reopen();
      assert.deepEqual(await again.readAgent(agent), {
        head: { seq: 1, hash: recovery.hash },
        revoked: false,
        events: [first, recovery],
        certificate: undefined,
      });
      assert.equal(await again.readCertificate(agent), undefined);
      assert.equal(await again.readLiveBatch(agent), undefined);
      assert.deepEqual(await again.claimPrekey(markOf(claimer), agent, NOW), { kind: "no-prekeys" });
      assert.deepEqual(
        await again.listEvidence(agent),
        stolen.map((event) => ({ ...event, kind: "cut-off", seenAt: NOW + 1 })),
      );
      const low = certificateOf({ seq: 1, generation: 1 });
      assert.deepEqual(await again.registerCertificate(agent, low, recovery, NOW), { kind: "registered", certificate: low });
      const own = replacementOf(prekeyOf({ kind: "signed-prekey" }), [], [prekeyOf()]);
      assert.deepEqual(await replaceBatch(again, markOf(agent), { ...own, seq: 1 }), { kind: "replaced", oneTimePrekeys: 1 });
      assert.equal((await again.claimPrekey(markOf(claimer), agent, NOW)).kind, "claimed");
    },
  );

  storeTest(
    "an event drops what it makes void and leaves the rest: bundle and certificate stay until they are replaced",
    async (store, reopen) => {
      const [agent, claimer] = [await registered(store), await registered(store)];
      const [signed, a] = [prekeyOf({ kind: "signed-prekey" }), prekeyOf()];
      await replaceBatch(store, markOf(agent), replacementOf(signed, [], [a, prekeyOf()]));
      const [planned, compromise] = [eventOf(1), eventOf(2)];
      await store.acceptEvents(agent, await headOf(store, agent), logOf([planned]), NOW);
      const claimed = await store.claimPrekey(markOf(claimer), agent, NOW);
      assert.ok(claimed.kind === "claimed");
      assert.deepEqual([claimed.events.length, claimed.certificate.seq, claimed.batch.seq], [2, 0, 0]);

      await store.acceptEvents(agent, planned, logOf([compromise], { voidBelow: 2 }), NOW);
      const again = await reopen();
      assert.equal((await again.readAgent(agent))?.certificate, undefined);
      assert.deepEqual(await again.claimPrekey(markOf(claimer), agent, NOW), { kind: "no-prekeys" });
      assert.deepEqual(await again.readPrekeyStock(markOf(agent), NOW), { oneTimePrekeys: 0, batch: undefined, claimed: [] });
      // What was void once never comes back, and its ids are taken.
      const next = (
        added: readonly PrekeyRecord[],
        signedPrekey: PrekeyRecord = prekeyOf({ kind: "signed-prekey" }),
      ): BatchReplacement => ({
        ...replacementOf(signedPrekey, [], added),
        seq: 2,
      });
      for (const reused of [next([prekeyOf({ id: a.id })]), next([], signed)]) {
        assert.deepEqual(await replaceBatch(again, markOf(agent), reused), { kind: "id-reused" });
      }
      assert.deepEqual(await replaceBatch(again, markOf(agent), next([prekeyOf()])), { kind: "replaced", oneTimePrekeys: 1 });
      const higher = certificateOf({ seq: 2 });
      assert.equal((await again.registerCertificate(agent, higher, compromise, NOW)).kind, "registered");
      await again.acceptEvents(agent, compromise, logOf([eventOf(3)], { voidBelow: 2 }), NOW);
      assert.deepEqual(await again.readCertificate(agent), higher, "the event that made others void has not made its own void");
      assert.notEqual(await again.readLiveBatch(agent), undefined);
    },
  );

  storeTest("the same prekeys signed anew under a later head replace the batch, and are handed out once all the same", async (store) => {
    const [agent, claimer] = [await registered(store), await registered(store)];
    const first = replacementOf(prekeyOf({ kind: "signed-prekey" }), [], [prekeyOf(), prekeyOf()]);
    await replaceBatch(store, markOf(agent), first);
    await store.claimPrekey(markOf(claimer), agent, NOW);
    await store.acceptEvents(agent, await headOf(store, agent), logOf([eventOf(1)]), NOW);
    const anew = { ...first, seq: 1, wire: bytes(200), carried: first.added.map(({ id }) => id), added: [] };
    assert.deepEqual(await replaceBatch(store, markOf(agent), { ...anew, seq: 0 }), { kind: "unchanged", oneTimePrekeys: 1 });
    assert.deepEqual(await replaceBatch(store, markOf(agent), anew), { kind: "replaced", oneTimePrekeys: 1 });
    assert.deepEqual(await replaceBatch(store, markOf(agent), anew), { kind: "unchanged", oneTimePrekeys: 1 });
    assert.deepEqual(await store.readLiveBatch(agent), { seq: 1, root: first.root, wire: anew.wire, from: NOW });
    const claims = [await store.claimPrekey(markOf(claimer), agent, NOW), await store.claimPrekey(markOf(claimer), agent, NOW)];
    assert.deepEqual(
      claims.map((claim) => claim.kind === "claimed" && claim.oneTimePrekey !== undefined),
      [true, false],
    );
  });

  storeTest("what was verified against a head that has moved is not taken, and uses up no mark", async (store) => {
    const agent = await registered(store);
    const [before, after] = [await headOf(store, agent), eventOf(1)];
    await store.acceptEvents(agent, before, logOf([after]), NOW);
    const certificate = certificateOf({ generation: 2 });
    assert.deepEqual(await store.registerCertificate(agent, certificate, before, NOW), { kind: "moved" });
    const [mark, batch] = [markOf(agent), replacementOf(prekeyOf({ kind: "signed-prekey" }), [], [])];
    assert.deepEqual(await store.replaceBatch(mark, batch, before, NOW), { kind: "moved" });
    assert.equal((await store.readCertificate(agent))?.generation, 1);
    assert.equal(await store.readLiveBatch(agent), undefined);
    assert.equal((await store.replaceBatch(mark, batch, after, NOW)).kind, "replaced");
    await assert.rejects(store.replaceBatch(mark, batch, after, NOW), isReplayed);
  });

  storeTest("failure 28: of events that contend at once exactly one is taken", async (store) => {
    const agent = newAgent();
    const head = await begun(store, agent);
    const contending = Array.from({ length: 20 }, () => eventOf(1));
    const outcomes = await Promise.all(contending.map((event) => store.acceptEvents(agent, head, logOf([event]), NOW)));
    assert.deepEqual(outcomes.toSorted(), ["accepted", ...Array.from({ length: 19 }, () => "moved")]);
    const winner = contending[outcomes.indexOf("accepted")] as EventRecord;
    assert.deepEqual((await store.readAgent(agent, 0))?.events, [winner]);
  });

  storeTest("failure 49: evidence is kept once, bounded, and of a long branch its beginning", async (store, reopen) => {
    const [agent, other] = [newAgent(), newAgent()];
    const head = await begun(store, agent);
    const contenders = Array.from({ length: MAX_EVIDENCE + 3 }, () => eventOf(1));
    for (const [i, event] of contenders.entries()) await store.keepContender(agent, event, NOW + i);
    await store.keepContender(agent, contenders[0] as EventRecord, NOW + 1000);
    const branch = Array.from({ length: MAX_CUT_OFF_AT_ONCE + 3 }, (_, i) => eventOf(i + 1));
    await store.acceptEvents(agent, head, logOf(branch), NOW);
    // The first contender stands at last.
    const [first] = contenders as [EventRecord];
    await store.acceptEvents(agent, branch.at(-1), logOf([first]), NOW + 2000);
    const again = await reopen();
    const evidence = await again.listEvidence(agent);
    assert.deepEqual(
      evidence.filter(({ kind }) => kind === "contender"),
      contenders.slice(1, MAX_EVIDENCE).map((event, i) => ({ ...event, kind: "contender", seenAt: NOW + i + 1 })),
    );
    assert.deepEqual(
      evidence.filter(({ kind }) => kind === "cut-off"),
      branch.slice(0, MAX_CUT_OFF_AT_ONCE).map((event) => ({ ...event, kind: "cut-off", seenAt: NOW + 2000 })),
    );
    assert.deepEqual(await again.listEvidence(other), []);
  });

  storeTest(
    "failure 27: a revoked agent gets nothing and gives nothing, until a recovery event cuts the revocation off",
    async (store, reopen) => {
      const [agent, peer] = [await registered(store), await registered(store)];
      const before = await headOf(store, agent);
      await replaceBatch(store, markOf(agent), replacementOf(prekeyOf({ kind: "signed-prekey" }), [], [prekeyOf()]));
      const item = itemOf(agent);
      await store.deposit(markOf(peer), item, QUOTA, NOW);
      const revocation = eventOf(1);
      await store.acceptEvents(agent, before, logOf([revocation], { voidBelow: 1, revoked: true }), NOW);
      const again = await reopen();
      assert.equal((await again.readAgent(agent))?.revoked, true);
      assert.equal(await again.readCertificate(agent), undefined);
      assert.deepEqual(await again.claimPrekey(markOf(peer), agent, NOW), { kind: "agent-revoked" });
      for (const deposited of [item, itemOf(agent), itemOf(agent, { kind: "event" })]) {
        assert.deepEqual(await again.deposit(markOf(peer), deposited, QUOTA, NOW), { kind: "agent-revoked" });
      }
      await again.acceptEvents(agent, revocation, logOf([eventOf(1)]), NOW);
      assert.equal((await again.readAgent(agent))?.revoked, false);
      assert.deepEqual(await again.claimPrekey(markOf(peer), agent, NOW), { kind: "no-prekeys" });
      assert.equal((await again.fetchItems(markOf(agent), BOUNDS, NOW)).items.length, 1, "mail waits for who was revoked by a thief");
      assert.deepEqual(await again.deposit(markOf(peer), itemOf(agent), QUOTA, NOW), { kind: "stored", receivedAt: NOW });
    },
  );

  storeTest("a mark is taken once, also after a restart, and by its agent alone", async (store, reopen) => {
    const [agent, other] = [await registered(store), newAgent()];
    const mark = markOf(agent);
    await store.fetchItems(mark, BOUNDS, NOW);
    await assert.rejects(store.fetchItems(mark, BOUNDS, NOW), isReplayed);
    await store.fetchItems(markOf(other, mark.nonce), BOUNDS, NOW);
    const again = await reopen();
    for (const use of [
      () => again.fetchItems(mark, BOUNDS, NOW),
      () => again.readPrekeyStock(mark, NOW),
      () => again.claimPrekey(mark, other, NOW),
      () => again.acknowledge(mark, [], NOW),
      () => again.deposit(mark, itemOf(other), QUOTA, NOW),
      () => replaceBatch(again, mark, replacementOf(prekeyOf({ kind: "signed-prekey" }), [], [])),
    ]) {
      await assert.rejects(use(), isReplayed);
    }
  });

  storeTest("a mark is used up by a refusal too, and forgotten when it has expired", async (store) => {
    const agent = newAgent();
    const mark = markOf(agent);
    assert.deepEqual(await store.deposit(mark, itemOf(newAgent()), QUOTA, NOW), { kind: "agent-unknown" });
    await assert.rejects(store.acknowledge(mark, [], NOW), isReplayed);
    while (await store.prune(mark.expiresAt));
    await store.acknowledge(mark, [], mark.expiresAt);
  });

  storeTest("a batch is replaced: carried ones stay, others go, ids never come twice", async (store, reopen) => {
    const agent = await registered(store);
    const signed = prekeyOf({ kind: "signed-prekey" });
    const [a, b, c, d] = [prekeyOf(), prekeyOf(), prekeyOf(), prekeyOf()];
    const first = replacementOf(signed, [], [a, b, c]);
    assert.deepEqual(await replaceBatch(store, markOf(agent), first), { kind: "replaced", oneTimePrekeys: 3 });
    assert.deepEqual(await replaceBatch(store, markOf(agent), first), { kind: "unchanged", oneTimePrekeys: 3 });
    assert.deepEqual(await store.readLiveBatch(agent), { seq: 0, root: first.root, wire: first.wire, from: NOW });

    const stale = replacementOf(signed, [a], [], NOW - 1);
    assert.deepEqual(await replaceBatch(store, markOf(agent), stale), { kind: "stale" });
    const head = await headOf(store, agent);
    const earlier = NOW - 600_001;
    assert.deepEqual(await store.replaceBatch(markOf(agent), replacementOf(signed, [a], [], earlier), head, earlier + 1), {
      kind: "stale",
    });
    const reused = replacementOf(signed, [a], [prekeyOf({ id: b.id })]);
    assert.deepEqual(await replaceBatch(store, markOf(agent), reused), { kind: "id-reused" });
    const reusedSigned = replacementOf(prekeyOf({ kind: "signed-prekey", id: signed.id }), [a], []);
    assert.deepEqual(await replaceBatch(store, markOf(agent), reusedSigned), { kind: "id-reused" });
    const unknown = replacementOf(signed, [a, prekeyOf()], []);
    assert.deepEqual(await replaceBatch(store, markOf(agent), unknown), { kind: "id-unknown" });
    assert.deepEqual(
      await store.readLiveBatch(agent),
      { seq: 0, root: first.root, wire: first.wire, from: NOW },
      "a refusal changes nothing",
    );

    const second = replacementOf(signed, [a, b], [d], NOW + 1);
    assert.deepEqual(await replaceBatch(store, markOf(agent), second), { kind: "replaced", oneTimePrekeys: 3 });
    const again = await reopen();
    const seen = await again.readSeenPrekeys(agent, [a.id, c.id, signed.id, bytes(8)]);
    assert.deepEqual(
      seen.map(({ id, kind, leafHash }) => ({ id, kind, leafHash })),
      [a, c, signed].map(({ id, kind, leafHash }) => ({ id, kind, leafHash })),
    );
    // c was left out: it is known for good, but not handed out again, also when a later batch names it.
    const third = replacementOf(signed, [a, b, c, d], [], NOW + 2);
    assert.deepEqual(await replaceBatch(again, markOf(agent), third), { kind: "replaced", oneTimePrekeys: 3 });
    assert.deepEqual(await again.readPrekeyStock(markOf(agent), NOW), {
      oneTimePrekeys: 3,
      batch: { root: third.root, to: third.to },
      claimed: [c.id],
    });
    assert.deepEqual(await again.readSeenPrekeys(newAgent(), [a.id]), [], "ids are an agent's own");
  });

  storeTest("failure 15: every claim takes another one-time prekey, then none", async (store, reopen) => {
    const [agent, claimer] = [await registered(store), await registered(store)];
    const signed = prekeyOf({ kind: "signed-prekey" });
    const added = Array.from({ length: 20 }, () => prekeyOf());
    const replacement = replacementOf(signed, [], added);
    await replaceBatch(store, markOf(agent), replacement);
    const claims = await Promise.all(Array.from({ length: 30 }, () => store.claimPrekey(markOf(claimer), agent, NOW)));
    const ids = claims.flatMap((claim) => (claim.kind === "claimed" && claim.oneTimePrekey ? [toHex(claim.oneTimePrekey.id)] : []));
    assert.equal(ids.length, 20);
    assert.deepEqual(new Set(ids), new Set(added.map(({ id }) => toHex(id))));
    const last = claims.at(-1);
    assert.ok(last?.kind === "claimed");
    assert.equal(last.oneTimePrekey, undefined);
    assert.deepEqual(last.signedPrekey, { id: signed.id, statement: signed.statement });
    assert.deepEqual(
      last.batch.leaves,
      replacement.leaves.map(({ id, leafHash }) => ({ id, leafHash })),
    );

    const again = await reopen();
    assert.equal((await again.readPrekeyStock(markOf(agent), NOW)).claimed.length, 20);
    // Claimed ones may be carried over, and stay claimed.
    const next = replacementOf(signed, added.slice(0, 5), [prekeyOf()], NOW + 1);
    assert.deepEqual(await replaceBatch(again, markOf(agent), next), { kind: "replaced", oneTimePrekeys: 1 });
    const stock = await again.readPrekeyStock(markOf(agent), NOW);
    assert.deepEqual(
      stock.claimed.map(toHex).toSorted(),
      added
        .slice(0, 5)
        .map(({ id }) => toHex(id))
        .toSorted(),
    );
  });

  storeTest("failure 20: an expired batch and an expired one-time prekey are not handed out", async (store) => {
    const [agent, claimer] = [await registered(store), await registered(store)];
    assert.deepEqual(await store.claimPrekey(markOf(claimer), newAgent(), NOW), { kind: "agent-unknown" });
    assert.deepEqual(await store.claimPrekey(markOf(claimer), agent, NOW), { kind: "no-prekeys" });
    const short = prekeyOf({ to: NOW + 1000 });
    const replacement = replacementOf(prekeyOf({ kind: "signed-prekey" }), [], [short]);
    await replaceBatch(store, markOf(agent), replacement);
    const late = await store.claimPrekey(markOf(claimer), agent, NOW + 1000);
    assert.ok(late.kind === "claimed");
    assert.equal(late.oneTimePrekey, undefined);
    assert.equal((await store.readPrekeyStock(markOf(agent), NOW + 1000)).oneTimePrekeys, 0);
    assert.deepEqual(await store.claimPrekey(markOf(claimer), agent, replacement.to), { kind: "no-prekeys" });
  });

  storeTest("a deposit is kept once by its id, in order, until it is acknowledged", async (store, reopen) => {
    const [owner, sender] = [await registered(store), newAgent()];
    const items = [itemOf(owner), itemOf(owner, { kind: "notice" }), itemOf(owner)] as const;
    for (const [i, item] of items.entries()) {
      assert.deepEqual(await store.deposit(markOf(sender), item, QUOTA, NOW + i), { kind: "stored", receivedAt: NOW + i });
    }
    assert.deepEqual(await store.deposit(markOf(newAgent()), items[0], QUOTA, NOW + 9), { kind: "known", receivedAt: NOW });
    const again = await reopen();
    const page = await again.fetchItems(markOf(owner), BOUNDS, NOW);
    assert.deepEqual(page, {
      more: false,
      items: items.map(({ envelopeId, kind, bytes: item }, i) => ({ envelopeId, kind, depositor: sender, receivedAt: NOW + i, item })),
    });
    assert.deepEqual((await again.fetchItemsAgain(owner, { ...BOUNDS, limit: 2 }, NOW)).items.length, 2);
    assert.equal((await again.fetchItemsAgain(owner, { ...BOUNDS, limit: 2 }, NOW)).more, true);

    const ids = [items[0].envelopeId, items[1].envelopeId, newId()];
    assert.equal(await again.acknowledge(markOf(sender), ids, NOW), 0, "another agent's mailbox");
    assert.equal(await again.acknowledge(markOf(owner), ids, NOW), 2);
    assert.equal(await again.acknowledge(markOf(owner), ids, NOW), 2);
    assert.deepEqual(
      (await again.fetchItemsAgain(owner, BOUNDS, NOW)).items.map(({ envelopeId }) => envelopeId),
      [items[2].envelopeId],
    );
    assert.deepEqual(await again.deposit(markOf(sender), items[0], QUOTA, NOW + 9), { kind: "known", receivedAt: NOW });
    assert.equal((await again.fetchItemsAgain(owner, BOUNDS, NOW)).items.length, 1);
  });

  storeTest("a page begins with events, however many messages lay there before", async (store) => {
    const [owner, sender] = [await registered(store), newAgent()];
    const kinds: readonly EnvelopeKind[] = ["message", "notice", "message", "event", "message", "event"];
    const items = kinds.map((kind) => itemOf(owner, { kind }));
    for (const item of items) await store.deposit(markOf(sender), item, QUOTA, NOW);
    const page = async (limit: number): Promise<readonly number[]> => {
      const { items: found, more } = await store.fetchItemsAgain(owner, { ...BOUNDS, limit }, NOW);
      assert.equal(more, found.length < items.length);
      return found.map(({ envelopeId }) => items.findIndex((item) => equalBytes(item.envelopeId, envelopeId)));
    };
    assert.deepEqual(await page(2), [3, 5]);
    assert.deepEqual(await page(4), [3, 5, 0, 1]);
    assert.deepEqual(await page(10), [3, 5, 0, 1, 2, 4]);
  });

  storeTest("a page is bounded in bytes and never empty", async (store) => {
    const [owner, sender] = [await registered(store), newAgent()];
    for (const size of [700, 200, 100]) await store.deposit(markOf(sender), itemOf(owner, { size }), QUOTA, NOW);
    const sizes = async (maxBytes: number): Promise<readonly number[]> => {
      const page = await store.fetchItemsAgain(owner, { limit: 10, maxBytes }, NOW);
      assert.equal(page.more, page.items.length < 3);
      return page.items.map(({ item }) => item.length);
    };
    assert.deepEqual(await sizes(1), [700]);
    assert.deepEqual(await sizes(899), [700]);
    assert.deepEqual(await sizes(900), [700, 200]);
    assert.deepEqual(await sizes(1000), [700, 200, 100]);
  });

  storeTest("a full mailbox refuses messages; events and notices have a quota per depositor", async (store) => {
    const [owner, sender] = [await registered(store), newAgent()];
    const put = async (kind: EnvelopeKind, depositor: AgentId = sender, size: number = 10): Promise<string> =>
      (await store.deposit(markOf(depositor), itemOf(owner, { kind, size }), QUOTA, NOW)).kind;
    assert.deepEqual(
      [await put("message"), await put("message", sender, 980), await put("message", sender, 11)],
      ["stored", "stored", "full"],
    );
    assert.deepEqual([await put("message"), await put("message", sender, 1)], ["stored", "full"]);
    for (const kind of ["event", "notice"] as const) {
      assert.deepEqual(
        [await put(kind), await put(kind), await put(kind), await put(kind, newAgent())],
        ["stored", "stored", "full", "stored"],
      );
    }
    const { items } = await store.fetchItemsAgain(owner, BOUNDS, NOW);
    await store.acknowledge(
      markOf(owner),
      items.map(({ envelopeId }) => envelopeId),
      NOW,
    );
    assert.deepEqual(
      [await put("message", sender, 1000), await put("event"), await put("message", sender, 1)],
      ["stored", "stored", "full"],
    );
  });

  storeTest("items expire after 30 days, and acknowledged ones are forgotten as long after their deposit", async (store) => {
    const [owner, sender] = [await registered(store), newAgent()];
    const [kept, acknowledged] = [itemOf(owner, { size: 600 }), itemOf(owner)];
    for (const item of [kept, acknowledged]) await store.deposit(markOf(sender), item, QUOTA, NOW);
    await store.acknowledge(markOf(owner), [acknowledged.envelopeId], NOW + 1000);
    const later = NOW + ITEM_MS;
    assert.deepEqual((await store.fetchItemsAgain(owner, BOUNDS, later)).items, []);
    assert.equal(await store.acknowledge(markOf(owner), [kept.envelopeId], later), 0);
    assert.deepEqual(await store.deposit(markOf(sender), acknowledged, QUOTA, later - 1), { kind: "known", receivedAt: NOW });
    assert.deepEqual(await store.deposit(markOf(sender), kept, QUOTA, later), { kind: "stored", receivedAt: later });
    assert.deepEqual(await store.deposit(markOf(sender), acknowledged, QUOTA, later), { kind: "stored", receivedAt: later });

    while (await store.prune(later + 2 * ITEM_MS));
    assert.deepEqual(
      await store.deposit(markOf(sender), itemOf(owner, { size: 1000 }), QUOTA, later),
      { kind: "stored", receivedAt: later },
      "pruning frees the quota",
    );
  });

  storeTest("what comes at once stands or falls alone", async (store, reopen) => {
    const [owner, sender] = [await registered(store), newAgent()];
    const replayed = markOf(sender);
    await store.acknowledge(replayed, [], NOW);
    const items = Array.from({ length: 3 }, () => itemOf(owner));
    const results = await Promise.allSettled(items.map((item, i) => store.deposit(i === 1 ? replayed : markOf(sender), item, QUOTA, NOW)));
    assert.deepEqual(
      results.map(({ status }) => status),
      ["fulfilled", "rejected", "fulfilled"],
    );
    const again = await reopen();
    const { items: kept } = await again.fetchItemsAgain(owner, BOUNDS, NOW);
    assert.deepEqual(
      kept.map(({ envelopeId }) => envelopeId),
      [items[0]?.envelopeId, items[2]?.envelopeId],
    );
  });

  storeTest("closing finishes what was asked for before", async (store, reopen) => {
    const owner = await registered(store);
    const item = itemOf(owner);
    const deposit = store.deposit(markOf(newAgent()), item, QUOTA, NOW);
    const again = await reopen();
    assert.deepEqual(await deposit, { kind: "stored", receivedAt: NOW });
    assert.equal((await again.fetchItemsAgain(owner, BOUNDS, NOW)).items.length, 1);
  });

  storeTest("a closed store refuses", async (store) => {
    await store.close();
    await assert.rejects(store.readAgent(newAgent()));
    await assert.rejects(store.prune(NOW));
  });
}
