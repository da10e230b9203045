import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import type { Environment } from "@talos/agent";
import { talosError, type MailboxItem } from "@talos/core";
import { startDirectory } from "@talos/directory";
import { AgentWorld, type DirectoryHooks, IN_PROCESS_LIMITS, intercepting, ManualClock, take, until } from "@talos/testkit";

const DAY = 86_400_000;

test("after a move both homes hand out prekeys, and none of them twice", async () => {
  await using world = await AgentWorld.start();
  const other = await startDirectory({
    limits: IN_PROCESS_LIMITS,
    listen: { host: "127.0.0.1", port: 0 },
    store: `sqlite:${join(world.folder, "another.db")}`,
  });
  try {
    const bob = await world.create("bob");
    // Two that know of Bob where he was, and write only when he has gone.
    const alice = await world.create("alice");
    const dave = await world.create("dave");
    for (const early of [alice, dave]) await early.peers.add(bob.did);
    await bob.close();
    const moved = await world.open("bob", { directory: other.url });
    await until(() => moved.status().publication === "published", "published at the new home");
    for (const [name, early] of [
      ["carol", alice],
      ["erin", dave],
    ] as const) {
      const late = await world.create(name, { directory: other.url });
      await late.send(`${bob.did}@${new URL(other.url).host}`, "found at the new home", { waitFor: "deposited" });
      await early.send(bob.did, "known from the former home", { waitFor: "deposited" });
    }
    await until(() => moved.status().inbox.offered + moved.status().kept.length === 4, "all came");
    assert.deepEqual(
      moved.status().kept.map(({ code }) => code),
      [],
    );
    await take(moved, 4);
    await moved.close();
  } finally {
    await other.close();
  }
});

test("back at its first home an agent is published there again, and its former prekeys end when nothing can arrive for them", async () => {
  const clock = new ManualClock();
  await using world = await AgentWorld.start({ environment: { clock } });
  const store = `sqlite:${join(world.folder, "another.db")}`;
  const other = await startDirectory({ limits: IN_PROCESS_LIMITS, listen: { host: "127.0.0.1", port: 0 }, store, now: () => clock.now() });
  try {
    const bob = await world.create("bob");
    const former = bob.status().keys.filter(({ kind }) => kind === "one-time-prekey");
    await bob.close();
    for (const directory of [other.url, world.url]) {
      await clock.advance(1_000);
      const moved = await world.open("bob", { directory });
      await until(() => moved.status().publication === "published", `published at ${directory}`);
      await moved.close();
    }
    const states = async (days: number): Promise<readonly string[]> => {
      await clock.advance(days * DAY);
      const opened = await world.open("bob");
      await opened.maintain();
      const left = new Map(opened.status().keys.map(({ keyId, state }) => [keyId, state]));
      await opened.close();
      return [...new Set(former.map(({ keyId }) => left.get(keyId) ?? "gone"))];
    };
    assert.deepEqual(await states(90 + 36), ["retired"]);
    assert.deepEqual(await states(2), ["retired"], "by a clock that nobody has seen run");
    assert.deepEqual(await states(1), ["gone"]);
  } finally {
    await other.close();
  }
});

test("a former home that never answers holds up nothing at the present one", async () => {
  await using world = await AgentWorld.start();
  const other = await startDirectory({
    limits: IN_PROCESS_LIMITS,
    listen: { host: "127.0.0.1", port: 0 },
    store: `sqlite:${join(world.folder, "another.db")}`,
  });
  const silence = Promise.withResolvers<never>();
  silence.promise.catch(() => undefined);
  try {
    const bob = await world.create("bob");
    const alice = await world.create("alice");
    await bob.close();
    await alice.send(bob.did, "to the former home", { waitFor: "deposited" });
    let isAsked = false;
    const resolve = async (): Promise<never> => {
      isAsked = true;
      return await silence.promise;
    };
    const environment: Environment = {
      ...world.environment,
      openDirectory: (options) =>
        (options.url === world.url ? intercepting(world.environment, { resolve }) : world.environment).openDirectory(options),
    };
    const moved = await world.open("bob", { directory: other.url }, environment);
    await until(() => isAsked, "its sender is looked up there");
    const carol = await world.create("carol", { directory: other.url });
    await carol.send(`${bob.did}@${new URL(other.url).host}`, "to the present one", { waitFor: "deposited" });
    assert.equal((await take(moved, 1))[0]?.text(), "to the present one");
    silence.reject(talosError("DIRECTORY_UNREACHABLE"));
    await moved.close();
    await carol.close();
  } finally {
    silence.reject(talosError("DIRECTORY_UNREACHABLE"));
    await other.close();
  }
});

test("the same first message from two mailboxes at once is one message", async () => {
  await using world = await AgentWorld.start();
  const other = await startDirectory({
    limits: IN_PROCESS_LIMITS,
    listen: { host: "127.0.0.1", port: 0 },
    store: `sqlite:${join(world.folder, "another.db")}`,
  });
  try {
    const bob = await world.create("bob");
    const alice = await world.create("alice");
    const carol = await world.create("carol", { directory: other.url });
    // So that she is known at both.
    await alice.send(`${carol.did}@${new URL(other.url).host}`, "hello", { waitFor: "deposited" });
    await bob.close();
    await alice.send(bob.did, "once", { waitFor: "deposited" });
    const left = Promise.withResolvers<MailboxItem[]>();
    const bothAsk = Promise.withResolvers<void>();
    let asking = 0;
    let isShown = false;
    const resolve: DirectoryHooks["resolve"] = async (answer) => {
      asking += 1;
      if (asking === 2) bothAsk.resolve();
      await bothAsk.promise;
      return answer;
    };
    const former: DirectoryHooks = {
      resolve,
      fetch: (page) => {
        if (page.items.length > 0) left.resolve([...page.items]);
        return page;
      },
    };
    const present: DirectoryHooks = {
      resolve,
      fetch: async (page) => {
        if (isShown) return page;
        isShown = true;
        return { ...page, items: await left.promise };
      },
    };
    const environment: Environment = {
      ...world.environment,
      openDirectory: (options) => intercepting(world.environment, options.url === world.url ? former : present).openDirectory(options),
    };
    const moved = await world.open("bob", { directory: other.url }, environment);
    assert.equal((await take(moved, 1))[0]?.text(), "once");
    await moved.flush({ timeoutSeconds: 1 });
    assert.deepEqual([asking, moved.status().inbox.offered, moved.status().kept, moved.status().sessions.length], [2, 0, [], 1]);
    await moved.close();
    await carol.close();
  } finally {
    await other.close();
  }
});
