import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { isTalosError, type UnverifiedBundle } from "@talos/core";
import { AgentWorld, intercepting, take, until } from "@talos/testkit";

async function withServer(listener: RequestListener, use: (url: string) => Promise<void>): Promise<void> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

const json = "application/json";
const GARBAGE: readonly (readonly [string, number, string, string])[] = [
  ["no JSON", 200, json, "<html>"],
  ["an empty body", 200, json, ""],
  ["another JSON", 200, json, '{"log":"x","certificate":7,"time":-1}'],
  ["unknown fields", 200, json, '{"log":[],"certificate":null,"time":1,"more":true}'],
  ["another content type", 200, "text/html", "{}"],
  ["a redirect", 302, json, "{}"],
  ["a strange success", 204, json, ""],
  ["an error without a body", 500, "text/plain", "no"],
  ["an error that is none", 400, json, '{"error":"bad"}'],
  ["a newer instance, without proof", 409, json, error("INSTANCE_SUPERSEDED")],
  ["a conflict, with a certificate that is none", 409, json, error("CERTIFICATE_CONFLICT", "AAAA")],
  ["a code that nobody knows", 418, json, error("TEAPOT")],
];

function error(code: string, certificate?: string): string {
  return JSON.stringify({ error: { code, message: "m", hint: "h", time: 1, ...(certificate === undefined ? {} : { certificate }) } });
}

test("garbage from a directory fails nothing, changes nothing, and is named", async () => {
  await using world = await AgentWorld.start();
  const bob = await world.create("bob");
  for (const [index, [what, status, contentType, body]] of GARBAGE.entries()) {
    await withServer(
      (_request, response) => response.writeHead(status, { "content-type": contentType, location: "http://127.0.0.1:1/" }).end(body),
      async (url) => {
        const alice = await world.create(`alice${index}`, { directory: url });
        assert.equal(alice.status().publication, "unpublished", what);
        const [plan] = alice.status().plans;
        assert.ok(["DIRECTORY_MISBEHAVED", "DIRECTORY_REFUSED"].includes(plan?.lastError ?? ""), `${what}: ${plan?.lastError}`);
        const { messageId } = await alice.send(bob.did, "kept", {});
        await until(() => alice.outbox(messageId)?.lastError !== undefined, what);
        assert.equal(alice.outbox(messageId)?.state, "waiting", what);
        assert.deepEqual([alice.superseded, alice.status().kept.length, alice.peers.list().length], [false, 0, 0], what);
        await assert.rejects(alice.peers.add(bob.did), (failure) => isTalosError(failure), what);
        await alice.close();
      },
    );
  }
});

test("a bundle that was tampered with makes no session, and the message goes out when the directory is honest again", async () => {
  await using world = await AgentWorld.start();
  const bob = await world.create("bob");
  const flip = (bytes: Uint8Array): Uint8Array => bytes.map((byte, index) => (index === bytes.length - 3 ? byte ^ 1 : byte));
  const tampering: readonly ((bundle: UnverifiedBundle) => UnverifiedBundle)[] = [
    (bundle) => ({ ...bundle, batch: flip(bundle.batch) }),
    (bundle) => ({ ...bundle, certificate: flip(bundle.certificate) }),
    (bundle) => ({ ...bundle, log: bundle.log.map(flip) }),
    (bundle) => ({ ...bundle, signedPrekey: { ...bundle.signedPrekey, statement: flip(bundle.signedPrekey.statement) } }),
    (bundle) => ({ ...bundle, signedPrekey: { ...bundle.signedPrekey, index: bundle.signedPrekey.index + 1 } }),
    ({ oneTimePrekey, ...bundle }) => ({ ...bundle, signedPrekey: oneTimePrekey ?? bundle.signedPrekey }),
  ];
  let tamper: ((bundle: UnverifiedBundle) => UnverifiedBundle) | undefined;
  const alice = await world.create("alice", {}, intercepting(world.environment, { claim: (bundle) => tamper?.(bundle) ?? bundle }));
  for (const change of tampering) {
    tamper = change;
    const { messageId } = await alice.send(bob.did, "hello", {});
    await until(() => alice.outbox(messageId)?.lastError !== undefined, "it was noticed");
    assert.equal(alice.status().sessions.length, 0);
  }
  tamper = undefined;
  assert.equal((await take(bob, tampering.length)).length, tampering.length);
});

test("a page of the mailbox with strange items is taken item by item", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const bob = await world.create(
    "bob",
    {},
    intercepting(world.environment, {
      fetch: (page) => ({
        ...page,
        items: page.items.flatMap((item) => [{ ...item, item: item.item.subarray(0, 40) }, { ...item, kind: "notice" as const }, item]),
      }),
    }),
  );
  await alice.send(bob.did, "among strangers", { waitFor: "deposited" });
  assert.equal((await take(bob, 1))[0]?.text(), "among strangers");
  assert.ok(bob.status().kept.some(({ code }) => code === "DIRECTORY_MISBEHAVED"));
});
