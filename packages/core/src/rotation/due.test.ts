import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { sightClock, type ClockRecord } from "./clock-watch.ts";
import { due, upcoming, type RotationInventory, type Task, type TaskKind } from "./due.ts";
import { checkPolicy, DEFAULT_ROTATION_POLICY as POLICY } from "./policy.ts";
import { identityDueAt, oneTimePrekeyTimes, signedPrekeyTimes } from "./schedule.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const START = Date.UTC(2026, 10, 24);

const kindsOf = (tasks: readonly Task[]): readonly TaskKind[] => tasks.map(({ kind }) => kind);
const dueKinds = (inventory: RotationInventory, now: number, policy = POLICY): readonly TaskKind[] => kindsOf(due(inventory, policy, now));
const find = (inventory: RotationInventory, kind: TaskKind, now: number, policy = POLICY): Task | undefined =>
  upcoming(inventory, policy, now).find((task) => task.kind === kind);

/** As an agent has them that was made at `from`. */
function fresh(from: number): RotationInventory {
  return {
    certificate: { from, to: from + DAY },
    signedPrekey: { from },
    identity: { from },
    oneTimePrekeys: Array.from({ length: 100 }, () => ({ from })),
    stock: { count: 100, at: from },
  };
}

test("nothing is due of an agent with fresh keys, or with none", () => {
  assert.deepEqual(due(fresh(0), POLICY, 1), []);
  assert.deepEqual(due({}, POLICY, Number.MAX_SAFE_INTEGER), []);
  assert.deepEqual(upcoming({ retired: [], oneTimePrekeys: [] }, POLICY, 5), []);
});

test("a certificate is renewed at its share of its life, and one of a time to come at once", () => {
  const certificate = { from: 0, to: 100 * HOUR };
  assert.deepEqual(due({ certificate }, POLICY, 67 * HOUR - 1), []);
  assert.deepEqual(due({ certificate }, POLICY, 67 * HOUR), [{ kind: "renew-certificate", dueAt: 67 * HOUR }]);
  const ahead = { from: START + 300_001, to: START + DAY };
  assert.deepEqual(due({ certificate: ahead }, POLICY, START), [{ kind: "renew-certificate", dueAt: START }]);
  assert.deepEqual(due({ certificate: { ...ahead, from: START + 300_000 } }, POLICY, START), []);
});

test("a signed prekey is due as written down, but never later than the policy of today says", () => {
  assert.equal(find({ signedPrekey: { from: 5 } }, "rotate-signed-prekey", 5)?.dueAt, 5 + 30 * DAY);
  assert.equal(find({ signedPrekey: { from: 5, dueAt: 29 * DAY } }, "rotate-signed-prekey", 5)?.dueAt, 29 * DAY);
  assert.equal(find({ signedPrekey: { from: 5, dueAt: 999 * DAY } }, "rotate-signed-prekey", 5)?.dueAt, 5 + 30 * DAY);
  const weekly = checkPolicy({ signedPrekeyDays: 7 });
  assert.equal(find({ signedPrekey: { from: 5, dueAt: 29 * DAY } }, "rotate-signed-prekey", 5, weekly)?.dueAt, 5 + 7 * DAY);
  assert.deepEqual(dueKinds({ signedPrekey: { from: 5 } }, 5 + 30 * DAY), ["rotate-signed-prekey"]);
});

test("failure 25: no due time is postponed for ever: a key that a clock of the future made is due now", () => {
  const from = START + 3650 * DAY;
  const inventory = { signedPrekey: { from, dueAt: from + 30 * DAY }, oneTimePrekeys: [{ from, dueAt: from + 76 * DAY }] };
  assert.deepEqual(due(inventory, POLICY, START), [
    { kind: "rotate-signed-prekey", dueAt: START },
    { kind: "replace-one-time-prekeys", dueAt: START, count: 1 },
  ]);
});

test("unclaimed one-time prekeys are replaced before they expire: those that are due, and no others", () => {
  const oneTimePrekeys = [{ from: 0 }, { from: DAY, dueAt: 75 * DAY }, { from: 40 * DAY }];
  assert.deepEqual(due({ oneTimePrekeys }, POLICY, 75 * DAY - 1), []);
  assert.deepEqual(due({ oneTimePrekeys }, POLICY, 75 * DAY), [{ kind: "replace-one-time-prekeys", dueAt: 75 * DAY, count: 1 }]);
  assert.deepEqual(due({ oneTimePrekeys }, POLICY, 76 * DAY), [{ kind: "replace-one-time-prekeys", dueAt: 75 * DAY, count: 2 }]);
});

test("one-time prekeys are filled up to the target below the threshold, as the directory counts them", () => {
  const stock = (count: number, at = 3): RotationInventory => ({ stock: { count, at } });
  assert.deepEqual(due(stock(10), POLICY, 7), []);
  assert.deepEqual(due(stock(9), POLICY, 7), [{ kind: "refill-one-time-prekeys", dueAt: 3, count: 91 }]);
  assert.deepEqual(due(stock(0), POLICY, 7), [{ kind: "refill-one-time-prekeys", dueAt: 3, count: 100 }]);
  assert.deepEqual(due(stock(0, 9), POLICY, 7), [{ kind: "refill-one-time-prekeys", dueAt: 7, count: 100 }], "counted by another clock");
  const policy = checkPolicy({ oneTimePrekeyTarget: 50, refillBelow: 20 });
  assert.deepEqual(due(stock(19), policy, 7), [{ kind: "refill-one-time-prekeys", dueAt: 3, count: 31 }]);
});

test("failure 14 (in part): a directory that always says the stock is low gets a bounded number of refills a day", () => {
  const policy = checkPolicy({ refillsPerDay: 3 });
  const refills: number[] = [];
  for (let now = START; now < START + 10 * DAY; now += HOUR) {
    const [task] = due({ stock: { count: 0, at: now }, refills }, policy, now);
    if (task !== undefined) refills.push(now);
  }
  assert.equal(refills.length, 30);
  for (const at of refills) assert.ok(refills.filter((other) => other > at - DAY && other <= at).length <= 3);
  const waiting = upcoming({ stock: { count: 0, at: 9 }, refills: [START + 2, START, START + 1] }, policy, START + HOUR);
  assert.deepEqual(waiting, [{ kind: "refill-one-time-prekeys", dueAt: START + DAY, count: 100 }]);
  const after = (...times: readonly number[]): number => due({ stock: { count: 0, at: START }, refills: times }, policy, START).length;
  assert.equal(after(START + 1, START + 9 * DAY, START + 9 * DAY), 1, "refills of a time to come do not count");
  assert.equal(after(START - DAY, START - DAY, START - 2 * DAY), 1, "nor those of a day ago");
  assert.equal(after(START, START, START - DAY + 1), 0);
});

test("failure 14 (in part): who claims and never writes does not fill the disk", () => {
  const policy = checkPolicy({ oneTimePrekeyTarget: 5, refillBelow: 2 });
  const unused = (count: number): RotationInventory => ({
    stock: { count: 0, at: START },
    retired: Array.from({ length: count }, () => ({ keyId: "c", kind: "one-time-prekey" as const, retiredAt: START, to: START + DAY })),
  });
  assert.deepEqual(dueKinds(unused(99), START, policy), ["refill-one-time-prekeys"]);
  assert.deepEqual(dueKinds(unused(100), START, policy), []);
  const others = { ...unused(99), retired: [...(unused(99).retired ?? []), RETIRED] };
  assert.ok(dueKinds(others, START, policy).includes("refill-one-time-prekeys"));
});

test("an identity is announced before it is due, and rotated by itself only where that was chosen", () => {
  const identity = { from: 0, dueAt: 360 * DAY };
  assert.deepEqual(due({ identity }, POLICY, 330 * DAY - 1), []);
  assert.deepEqual(due({ identity }, POLICY, 330 * DAY), [{ kind: "warn-identity", dueAt: 330 * DAY, rotateAt: 360 * DAY }]);
  assert.deepEqual(dueKinds({ identity }, 400 * DAY), ["warn-identity"]);
  const automatic = checkPolicy({ identityAutomatic: true });
  assert.deepEqual(dueKinds({ identity }, 360 * DAY - 1, automatic), ["warn-identity"]);
  assert.deepEqual(due({ identity }, automatic, 360 * DAY)[0], { kind: "rotate-identity", dueAt: 360 * DAY });
  assert.equal(find({ identity: { from: 0 } }, "warn-identity", 0)?.dueAt, 335 * DAY);
  assert.equal(find({ identity: { from: 0, dueAt: 999 * DAY } }, "warn-identity", 0)?.dueAt, 335 * DAY);
});

test("an identity of a time to come is due an interval after the clock was set right", () => {
  const identity = { from: START + 3650 * DAY, dueAt: START + 4000 * DAY };
  const rotateAt = (clock?: ClockRecord): unknown => {
    const task = find({ identity, clock }, "warn-identity", START + 10 * DAY);
    return task?.kind === "warn-identity" ? task.rotateAt : undefined;
  };
  const record = { seen: START, since: START, before: START, isBehind: false };
  assert.equal(rotateAt({ ...record, setBackAt: START }), START + 365 * DAY);
  assert.equal(rotateAt({ ...record, setBackAt: START + 99 * DAY }), START + 375 * DAY);
  assert.equal(rotateAt(), START + 375 * DAY);
});

const RETIRED = { keyId: "a", kind: "signed-prekey", retiredAt: 30 * DAY, to: 44 * DAY } as const;

test("failure 19: a retired signed prekey is kept until its published expiry and the longest delivery, and not a moment longer", () => {
  assert.deepEqual(due({ retired: [RETIRED] }, POLICY, 81 * DAY - 1), []);
  assert.deepEqual(due({ retired: [RETIRED] }, POLICY, 81 * DAY), [{ kind: "end-retired", dueAt: 81 * DAY, keyIds: ["a"] }]);
  const others = [RETIRED, { ...RETIRED, keyId: "b", to: 45 * DAY }, { ...RETIRED, keyId: "c", to: 40 * DAY }];
  assert.deepEqual(due({ retired: others }, POLICY, 81 * DAY), [{ kind: "end-retired", dueAt: 77 * DAY, keyIds: ["a", "c"] }]);
  assert.deepEqual(upcoming({ retired: others }, POLICY, 0), [{ kind: "end-retired", dueAt: 77 * DAY, keyIds: [] }]);
});

test("failure 25: a clock that has leapt ends no key before it has stood for a day", () => {
  const { record } = sightClock({ seen: START, since: START, before: START, isBehind: false }, START + 400 * DAY);
  const retired = [{ ...RETIRED, retiredAt: START, to: START + 14 * DAY }];
  assert.deepEqual(due({ retired, clock: record }, POLICY, START + 400 * DAY), []);
  assert.deepEqual(due({ retired, clock: record }, POLICY, START + 401 * DAY - 1), []);
  assert.deepEqual(dueKinds({ retired, clock: record }, START + 401 * DAY), ["end-retired"]);
});

test("while the clock is behind nothing is due but the certificate; then everything as before", () => {
  const overdue: RotationInventory = { ...fresh(START - 300 * DAY), stock: { count: 0, at: START }, retired: [RETIRED] };
  const isBehind = { seen: START, since: START, before: START, isBehind: true };
  assert.deepEqual(dueKinds({ ...overdue, clock: isBehind }, START), ["renew-certificate"]);
  assert.deepEqual(dueKinds({ ...overdue, clock: { ...isBehind, isBehind: false } }, START), [
    "renew-certificate",
    "rotate-signed-prekey",
    "replace-one-time-prekeys",
    "refill-one-time-prekeys",
    "end-retired",
  ]);
});

test("after a year off everything is due once, what is needed by others first and what destroys last", () => {
  const policy = checkPolicy({ identityAutomatic: true });
  const inventory = { ...fresh(START), stock: { count: 3, at: START }, retired: [{ ...RETIRED, retiredAt: START, to: START }] };
  assert.deepEqual(dueKinds(inventory, START + 366 * DAY, policy), [
    "renew-certificate",
    "rotate-identity",
    "warn-identity",
    "rotate-signed-prekey",
    "replace-one-time-prekeys",
    "refill-one-time-prekeys",
    "end-retired",
  ]);
});

test("a year of looks at any hours: each key is replaced in its window, and none twice", () => {
  const pause = fc.integer({ min: 1, max: 24 * 20 });
  const bytes = fc.integer({ min: 0, max: 255 });
  fc.assert(
    fc.property(fc.array(fc.tuple(pause, bytes), { minLength: 60, maxLength: 60 }), (looks) => {
      let now = START;
      let signed = signedPrekeyTimes(POLICY, now, 77);
      let oneTime = oneTimePrekeyTimes(POLICY, now, 77);
      let last = now;
      for (const [hours, byte] of looks) {
        now += hours * HOUR;
        const kinds = dueKinds({ signedPrekey: signed, oneTimePrekeys: [oneTime], identity: { from: START } }, now);
        assert.equal(new Set(kinds).size, kinds.length, "each once");
        if (kinds.includes("rotate-signed-prekey")) {
          assert.ok(now >= signed.from + 28.5 * DAY && last < signed.from + 30 * DAY, "at the first look in its window");
          signed = signedPrekeyTimes(POLICY, now, byte);
        } else assert.ok(now < signed.from + 30 * DAY);
        if (kinds.includes("replace-one-time-prekeys")) {
          assert.ok(now >= oneTime.from + 74.5 * DAY && last < oneTime.from + 76 * DAY);
          oneTime = oneTimePrekeyTimes(POLICY, now, byte);
        } else assert.ok(now < oneTime.from + 76 * DAY);
        assert.equal(kinds.includes("warn-identity"), now >= identityDueAt(POLICY, START, 0) - 30 * DAY);
        last = now;
      }
    }),
  );
});

test("what is due at a time stays due until it is done, whatever else happens", () => {
  const times = fc.integer({ min: 0, max: 500 }).map((days) => START + days * DAY);
  fc.assert(
    fc.property(times, times, fc.nat({ max: 30 }), times, times, (made, counted, count, now, later) => {
      fc.pre(now <= later);
      const inventory = { ...fresh(made), stock: { count, at: counted }, retired: [{ ...RETIRED, retiredAt: made, to: made + 14 * DAY }] };
      const before = dueKinds(inventory, now).filter(() => made <= now && counted <= now);
      const after = dueKinds(inventory, later);
      for (const kind of before) assert.ok(after.includes(kind), kind);
    }),
  );
});
