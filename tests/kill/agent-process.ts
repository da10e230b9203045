/**
 * One agent of the kill test, with an application that records each message id together with its effect. May be killed at
 * any moment; started again it goes on. Told by its environment: KILL_DATA_DIR, KILL_JOURNAL, KILL_PEER, KILL_MESSAGES,
 * TALOS_KEY_PASSWORD.
 */
import { TalosClient } from "@talos/agent";
import { Journal } from "./journal.ts";

/** Sends in flight: they share commits. */
const SEND_AT_ONCE = 16;

function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is missing`);
  return value;
}

const journal = new Journal(setting("KILL_JOURNAL"));
const peer = setting("KILL_PEER");
const total = Number(setting("KILL_MESSAGES"));
await using client = await TalosClient.open({ dataDir: setting("KILL_DATA_DIR"), password: setting("TALOS_KEY_PASSWORD") });
process.stdout.write("open\n");

async function receive(): Promise<void> {
  const acknowledging = new Set<Promise<void>>();
  for await (const message of client.receive()) {
    journal.effect(message.id, Number(message.text()));
    const acknowledged = message.ack().then(() => journal.acknowledged(message.id));
    acknowledging.add(acknowledged);
    void acknowledged.finally(() => acknowledging.delete(acknowledged));
    if (acknowledging.size >= SEND_AT_ONCE) await Promise.race(acknowledging);
  }
}

async function send(): Promise<void> {
  for (let next = journal.nextToSend(); next < total; next += SEND_AT_ONCE) {
    const numbers = Array.from({ length: Math.min(SEND_AT_ONCE, total - next) }, (_, index) => next + index);
    const sent = await Promise.all(numbers.map(async (number) => client.send(peer, `${number}`)));
    journal.sent(
      next,
      sent.map(({ messageId }) => messageId),
    );
  }
}

await Promise.all([receive(), send()]);
