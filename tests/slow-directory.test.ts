import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { AgentWorld } from "@talos/testkit";

/** A directory that answers everything, a byte now and then, and never to the end. */
async function startSlowDirectory(): Promise<{ url: string } & Disposable> {
  const server = createServer((_request, response) => {
    response.writeHead(200, { "content-type": "application/json" });
    const drip = setInterval(() => response.write(" "), 200);
    response.on("close", () => clearInterval(drip));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.dispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

test("a directory that never finishes an answer holds up neither making an agent nor closing it", async () => {
  await using world = await AgentWorld.start();
  using slow = await startSlowDirectory();
  const limit = new Promise<never>((_, reject) => {
    AbortSignal.timeout(25_000).addEventListener("abort", () => reject(new Error("held up")));
  });
  limit.catch(() => undefined);
  const alice = await Promise.race([world.create("alice", { directory: slow.url }), limit]);
  assert.notEqual(alice.status().publication, "published");
  await Promise.race([alice.close(), limit]);
});
