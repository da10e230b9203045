import assert from "node:assert/strict";
import { test } from "node:test";
import { endsAt } from "./ends.ts";

const DAY = 86_400_000;
const WIDEST = { "signed-prekey": 45, "one-time-prekey": 90, encryption: 45 } as const;

test("a retired key ends 37 days after its published validity, whenever it was retired", () => {
  for (const kind of ["signed-prekey", "one-time-prekey", "encryption"] as const) {
    assert.equal(endsAt({ kind, retiredAt: 0, to: 14 * DAY }, 0), 51 * DAY);
    assert.equal(endsAt({ kind, retiredAt: 0, to: 14 * DAY }, 900 * DAY), 51 * DAY);
    assert.equal(endsAt({ kind, retiredAt: 0, to: 14 * DAY }, 0, 3), 51 * DAY, "a clock that was set back changes nothing of it");
    assert.equal(endsAt({ kind, retiredAt: 0, to: WIDEST[kind] * DAY }, 0), (WIDEST[kind] + 37) * DAY);
  }
});

test("where nobody wrote down how long it was published, the widest validity counts from its retirement on", () => {
  assert.equal(endsAt({ kind: "encryption", retiredAt: 5 * DAY }, 5 * DAY), (5 + 45 + 37) * DAY);
  assert.equal(endsAt({ kind: "one-time-prekey", retiredAt: 5 * DAY }, 5 * DAY), (5 + 90 + 37) * DAY);
});

test("a key of a time to come is kept until the time is known to be wrong, and then for the widest validity", () => {
  const key = { kind: "signed-prekey", retiredAt: 3650 * DAY, to: 3660 * DAY } as const;
  assert.equal(endsAt(key, 0), undefined);
  assert.equal(endsAt(key, 30 * DAY, 20 * DAY), (20 + 45 + 37) * DAY);
  assert.equal(endsAt(key, 3660 * DAY, 20 * DAY), (3660 + 37) * DAY, "a time that has come after all");
  const edge = { kind: "signed-prekey", retiredAt: 0, to: 45 * DAY + 1 } as const;
  assert.equal(endsAt(edge, 0), undefined);
  assert.equal(endsAt(edge, 1), 45 * DAY + 1 + 37 * DAY);
});
