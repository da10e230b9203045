/**
 * One agent of the lost machine's story, in a process of its own: does what its parent says, and answers with plain values. Told by its
 * environment: LOST_DAYS_AGO, by how much its clock is behind.
 */
import { createIn, openIn, recoverIn, systemClock, systemEnvironment, type Environment, type TalosClient } from "@talos/agent";
import { TEST_KDF } from "@talos/testkit";
import type { Answer, Order, SeenMessage } from "./orders.ts";

const DAY_MILLISECONDS = 86_400_000;
const behind = Number(process.env["LOST_DAYS_AGO"]) * DAY_MILLISECONDS;
const environment: Environment = {
  ...systemEnvironment,
  clock: { ...systemClock, now: () => systemClock.now() - behind },
  kdf: TEST_KDF,
  backupKdf: TEST_KDF,
};

let client: TalosClient | undefined;

function agent(): TalosClient {
  if (client === undefined) throw new Error("no agent is open");
  return client;
}

async function carryOut(order: Order): Promise<unknown> {
  switch (order.kind) {
    case "create":
      client = await createIn(environment, order.name, order.options);
      return client.did;
    case "open":
      client = await openIn(environment, order.options);
      return client.did;
    case "recover":
      client = await recoverIn(environment, order.options);
      return client.did;
    case "send":
      return (await agent().send(order.to, order.text, { waitFor: order.waitFor, timeoutSeconds: 20 })).messageId;
    case "receive":
      return await receive(order.count, order.acknowledge);
    case "export":
      return (await agent().exportKeys(order.options)).paths;
    case "unfinished":
      return agent()
        .status()
        .outbox.rows.map(({ messageId, state }) => ({ messageId, state }));
  }
}

async function receive(count: number, acknowledge: number): Promise<readonly SeenMessage[]> {
  const seen: SeenMessage[] = [];
  for await (const message of agent().receive({ signal: AbortSignal.timeout(20_000) })) {
    const { id, resent } = message;
    seen.push({ id, text: message.text(), resent });
    if (seen.length <= acknowledge) await message.ack();
    if (seen.length === count) break;
  }
  return seen;
}

process.on("message", (order: Order) => {
  carryOut(order).then(
    (value) => answer({ value }),
    (error: unknown) => answer({ error: String(error) }),
  );
});
answer({ value: "ready" });

function answer(value: Answer): void {
  process.send?.(value);
}
