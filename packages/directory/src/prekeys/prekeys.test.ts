import assert from "node:assert/strict";
import { test } from "node:test";
import {
  decodeStatement,
  nodeCrypto,
  parseBundle,
  parsePrekeyStock,
  toBase64Url,
  toHex,
  verifyBundle,
  type UnverifiedBundle,
} from "@talos/core";
import { DirectoryUser, TestDirectory, type RawAnswer } from "@talos/testkit";
import { ClaimLimiter } from "./claim-limiter.ts";

const DAY_MS = 86_400_000;

async function stockOf(user: DirectoryUser): Promise<{ oneTimePrekeys: number; root: string | null; claimed: string[] }> {
  const { oneTimePrekeys, root, claimed } = parsePrekeyStock(
    (await user.call({ method: "GET", target: `/v1/agents/${user.did}/prekeys` })).json(),
  );
  return { oneTimePrekeys, root: root && toHex(root), claimed: claimed.map(toHex) };
}

function bundleOf(answer: RawAnswer): UnverifiedBundle {
  assert.equal(answer.status, 200, Buffer.from(answer.body).toString());
  return parseBundle(answer.json());
}

function idOf(bundle: UnverifiedBundle): string | undefined {
  return bundle.oneTimePrekey && toHex(decodeStatement(bundle.oneTimePrekey.statement).id);
}

test("failure 15: a one-time prekey is handed out once, whatever the concurrency", async () => {
  await using directory = await TestDirectory.start({ limits: { claimsPerHour: 1000 } });
  const owner = await DirectoryUser.register(directory);
  const claimers = await Promise.all(Array.from({ length: 4 }, () => DirectoryUser.register(directory)));
  const batch = owner.batch({ added: owner.statements(100) });
  assert.deepEqual((await owner.putPrekeys(batch)).json(), { oneTimePrekeys: 100, root: toBase64Url(batch.root) });

  const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => claimers[i % 4]?.claim(owner.did) as Promise<RawAnswer>));
  const bundles = answers.map(bundleOf);
  for (const bundle of bundles) assert.ok(verifyBundle(owner.log, bundle, nodeCrypto, directory.now).oneTimePrekey);
  assert.deepEqual(bundles.map((bundle) => idOf(bundle) ?? "none").toSorted(), [...batch.ids].toSorted());
  assert.deepEqual(await stockOf(owner), { oneTimePrekeys: 0, root: toHex(batch.root), claimed: [...batch.ids].toSorted() });

  const last = (await claimers[0]?.claim(owner.did)) as RawAnswer;
  assert.equal((last.json() as { oneTimePrekey: unknown }).oneTimePrekey, null);
  assert.equal(verifyBundle(owner.log, bundleOf(last), nodeCrypto, directory.now).oneTimePrekey, undefined);
  await directory.restart();
  assert.equal((await stockOf(owner)).claimed.length, 100);
});

test("failure 17: an id never comes twice, and the same upload again is answered as the first time", async () => {
  await using directory = await TestDirectory.start();
  const [owner, claimer] = [await DirectoryUser.register(directory), await DirectoryUser.register(directory)];
  const [a, b] = owner.statements(2) as [Uint8Array, Uint8Array];
  const first = owner.batch({ added: [a, b] });
  for (const _ of [1, 2]) assert.deepEqual((await owner.putPrekeys(first)).json(), { oneTimePrekeys: 2, root: toBase64Url(first.root) });
  const claimed = idOf(bundleOf(await claimer.claim(owner.did)));
  assert.deepEqual((await owner.putPrekeys(first)).json(), { oneTimePrekeys: 1, root: toBase64Url(first.root) });

  // The live root in a batch that says something else is not the same upload.
  const shorter = owner.batch({ carried: [a, b], to: directory.now + 20 * DAY_MS });
  assert.deepEqual(shorter.root, first.root);
  const other = await owner.putPrekeys(shorter);
  assert.deepEqual([other.status, other.code], [409, "BATCH_INVALID"]);

  const { id } = decodeStatement(a);
  for (const added of [
    [a],
    [owner.statement("one-time-prekey", { id })],
    [owner.statement("one-time-prekey", { id: decodeStatement(owner.signedPrekey).id })],
  ]) {
    const signedPrekey = owner.statement("signed-prekey");
    const answer = await owner.putPrekeys(owner.batch({ signedPrekey, added }));
    assert.deepEqual([answer.status, answer.code], [409, "PREKEY_ID_REUSED"]);
  }
  const reused = owner.batch({ signedPrekey: owner.statement("signed-prekey", { id }), added: owner.statements(1) });
  assert.equal((await owner.putPrekeys(reused)).code, "PREKEY_ID_REUSED");
  const unknown = await owner.putPrekeys(owner.batch({ carried: [a, ...owner.statements(1)] }));
  assert.deepEqual([unknown.status, unknown.code], [409, "PREKEY_UNKNOWN"]);

  // Both carried, one of them claimed: it counts for the root and is not handed out again.
  const second = owner.batch({ carried: [a, b], added: owner.statements(3) });
  assert.deepEqual((await owner.putPrekeys(second)).json(), { oneTimePrekeys: 4, root: toBase64Url(second.root) });
  assert.deepEqual(await stockOf(owner), { oneTimePrekeys: 4, root: toHex(second.root), claimed: [claimed] });
  for (let i = 0; i < 4; i++) assert.notEqual(idOf(bundleOf(await claimer.claim(owner.did))), claimed);
});

test("failure 20: an expired batch is not served", async () => {
  await using directory = await TestDirectory.start();
  const [owner, claimer] = [await DirectoryUser.register(directory), await DirectoryUser.register(directory)];
  const to = directory.now + 3_600_000;
  assert.equal((await claimer.claim(owner.did)).code, "NO_PREKEYS");
  await owner.putPrekeys(owner.batch({ added: owner.statements(2), to }));
  bundleOf(await claimer.claim(owner.did));
  directory.now = to;
  const answer = await claimer.claim(owner.did);
  assert.deepEqual([answer.status, answer.code], [404, "NO_PREKEYS"]);
});

test("a batch that does not verify changes nothing", async () => {
  await using directory = await TestDirectory.start();
  const [owner, other] = [await DirectoryUser.register(directory), await DirectoryUser.register(directory)];
  const live = owner.batch({ added: owner.statements(1) });
  await owner.putPrekeys(live);
  const good = owner.batch({ added: owner.statements(2) });
  const { replacement } = good;
  const refused = async (changed: Partial<typeof replacement>): Promise<string | undefined> =>
    (await owner.putPrekeys({ ...good, replacement: { ...replacement, ...changed } })).code;
  const forged = replacement.batch.slice();
  forged[forged.length - 1] = (forged.at(-1) as number) ^ 1;
  assert.equal(await refused({ batch: forged }), "SIGNATURE_INVALID");
  assert.equal(await refused({ batch: other.batch({ added: other.statements(1) }).replacement.batch }), "BATCH_INVALID");
  assert.equal(await refused({ added: replacement.added.slice(1) }), "BATCH_INVALID");
  assert.equal(await refused({ added: [...replacement.added, ...owner.statements(1)] }), "BATCH_INVALID");
  assert.equal(await refused({ added: [...replacement.added.slice(1), ...owner.statements(1)] }), "BATCH_INVALID");
  assert.equal(await refused({ signedPrekey: owner.statement("signed-prekey") }), "BATCH_INVALID");
  assert.equal(await refused({ signedPrekey: owner.statement("one-time-prekey") }), "BATCH_INVALID");
  const { now } = directory;
  for (const window of [{ from: now - 2 * DAY_MS, to: now }, { from: now + 600_001 }]) {
    const signedPrekey = owner.statement("signed-prekey", { from: now - 2 * DAY_MS });
    const answer = await owner.putPrekeys(owner.batch({ signedPrekey, added: owner.statements(1), ...window }));
    assert.ok(answer.code === "BATCH_INVALID" || answer.code === "BATCH_STALE", answer.code);
  }
  const stale = await owner.putPrekeys(owner.batch({ added: owner.statements(1), from: now - 1 }));
  assert.deepEqual([stale.status, stale.code], [409, "BATCH_STALE"]);
  assert.deepEqual(await stockOf(owner), { oneTimePrekeys: 1, root: toHex(live.root), claimed: [] });
});

test("a batch that went live by a clock that ran ahead is replaced as soon as the clock is right", async () => {
  await using directory = await TestDirectory.start();
  const owner = await DirectoryUser.register(directory);
  const { now } = directory;
  const signedPrekey = owner.statement("signed-prekey", { from: now - DAY_MS, to: now + 40 * DAY_MS });
  const publish = async (from: number): Promise<string | undefined> =>
    (await owner.putPrekeys(owner.batch({ signedPrekey, added: owner.statements(1), from, to: from + 20 * DAY_MS }))).code;
  directory.now += DAY_MS / 2;
  assert.equal(await publish(directory.now), undefined);
  directory.now = now;
  assert.equal(await publish(now), undefined);
  assert.equal(await publish(now - 1), "BATCH_STALE");
  // Within the slack the order is kept: that is how far honest clocks differ.
  assert.equal(await publish(now + 600_000), undefined);
  assert.equal(await publish(now), "BATCH_STALE");
});

test("failure 14: claims are limited per claimer and target", async () => {
  await using directory = await TestDirectory.start({ limits: { claimsPerHour: 2 } });
  const [owner, first, second] = await Promise.all([1, 2, 3].map(() => DirectoryUser.register(directory)));
  assert.ok(owner && first && second);
  await owner.putPrekeys(owner.batch({ added: owner.statements(5) }));
  for (const _ of [1, 2]) bundleOf(await first.claim(owner.did));
  const limited = await first.claim(owner.did);
  assert.deepEqual([limited.status, limited.code, limited.headers["retry-after"]], [429, "RATE_LIMITED", "1800"]);
  bundleOf(await second.claim(owner.did));
  directory.now += 1_800_000;
  bundleOf(await first.claim(owner.did));
  assert.equal((await stockOf(owner)).oneTimePrekeys, 1);
});

test("a claim limit fills evenly and never above its size", () => {
  const limiter = new ClaimLimiter(2);
  const at = (minutes: number): number => limiter.take("pair", minutes * 60_000);
  assert.deepEqual([at(0), at(0), at(0), at(29), at(30)], [0, 0, 1800, 60, 0]);
  assert.deepEqual([at(600), at(600), at(600)], [0, 0, 1800]);
  assert.equal(limiter.take("another", 600 * 60_000), 0);
  assert.equal(at(0), 1800, "a clock that is set back fills nothing");
});

test("the largest batch is taken and handed out", async () => {
  await using directory = await TestDirectory.start();
  const [owner, claimer] = [await DirectoryUser.register(directory), await DirectoryUser.register(directory)];
  const batch = owner.batch({ added: owner.statements(1000) });
  assert.equal(((await owner.putPrekeys(batch)).json() as { oneTimePrekeys: number }).oneTimePrekeys, 1000);
  assert.ok(verifyBundle(owner.log, bundleOf(await claimer.claim(owner.did)), nodeCrypto, directory.now).oneTimePrekey);
});
