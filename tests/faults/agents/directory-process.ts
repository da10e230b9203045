/**
 * A process with one real directory whose data can be changed for others while it keeps its address, and a relay before it that remembers
 * every event and certificate it was brought, and can lose a request or its answer. Told what to do over a second port; ends with its
 * standard input. Knows nothing of who uses it.
 */
import { spawnSync } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync } from "node:fs";
import { Agent, createServer, request, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { startDirectory, type RunningDirectory } from "@talos/directory";
import {
  CERTIFICATES_FILE,
  EVENTS_FILE,
  STORE_FILE,
  type DirectoryOrder,
  type LossKind,
  type SentCertificate,
  type SentEvents,
} from "./directory-orders.ts";

const BROUGHT = /^\/v1\/agents\/([^/]+)\/(events|certificate)$/;
/** Asked again and again whatever is done, and without effect. */
const WAITING = /^\/v1\/mailboxes\/[^/?]+\?/;

let serving: Serving | undefined;
let lastFolder: string | undefined;
let loss: { readonly kind: LossKind; readonly at: number } | undefined;
const seen: string[] = [];

interface Serving {
  readonly folder: string;
  readonly directory: RunningDirectory;
  readonly agent: Agent;
  readonly passing: Set<Promise<void>>;
}

const relay = createServer((incoming, answer) => {
  const now = serving;
  if (now === undefined) return void answer.destroy();
  const passing = pass(now, incoming, answer).catch(() => void answer.destroy());
  now.passing.add(passing);
  void passing.finally(() => now.passing.delete(passing));
});
const relayPort = await listen(relay);

/** Whoever asked may have been killed. */
async function pass({ folder, directory, agent: connections }: Serving, incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
  answer.on("error", () => {});
  const { method = "GET", url = "/", headers } = incoming;
  const body = await read(incoming);
  const kind = lossOf(method, url);
  if (method !== "GET") remember(folder, url, body.toString("utf8"));
  if (kind === "request") return void answer.destroy();
  const onward = request({ host: "127.0.0.1", port: directory.port, agent: connections, method, path: url, headers });
  answer.on("close", () => onward.destroy());
  onward.end(body);
  const back = await new Promise<IncomingMessage>((resolve, reject) => onward.on("response", resolve).on("error", reject));
  const content = await read(back);
  if (kind === "answer") return void answer.destroy();
  answer.writeHead(back.statusCode ?? 502, back.headers);
  answer.end(content);
}

function remember(folder: string, url: string, body: string): void {
  const [, encoded, what] = BROUGHT.exec(url) ?? [];
  if (encoded === undefined) return;
  const agent = decodeURIComponent(encoded);
  if (what === "events") {
    const { events } = JSON.parse(body) as Omit<SentEvents, "agent">;
    append(join(folder, EVENTS_FILE), { agent, events } satisfies SentEvents);
  } else {
    const { certificate } = JSON.parse(body) as Omit<SentCertificate, "agent">;
    append(join(folder, CERTIFICATES_FILE), { agent, certificate } satisfies SentCertificate);
  }
}

function append(path: string, value: object): void {
  appendFileSync(path, `${JSON.stringify(value)}\n`);
}

function lossOf(method: string, url: string): LossKind | undefined {
  if (method === "GET" && WAITING.test(url)) return undefined;
  seen.push(`${method} ${url.replaceAll(/did:talos:\w+/g, "DID").replace(/\?.*/, "")}`);
  return loss?.at === seen.length ? loss.kind : undefined;
}

async function obey(order: DirectoryOrder): Promise<unknown> {
  switch (order.order) {
    case "begin":
      await end();
      mkdirSync(order.folder, { recursive: true });
      lastFolder = order.folder;
      serving = {
        folder: order.folder,
        directory: await startDirectory({
          listen: { host: "127.0.0.1", port: 0 },
          store: `sqlite:${join(order.folder, STORE_FILE)}`,
          publicAuthorities: [`127.0.0.1:${relayPort}`],
          limits: { maxEventLoopDelayMs: 0 },
        }),
        agent: new Agent({ keepAlive: true }),
        passing: new Set(),
      };
      loss = undefined;
      seen.length = 0;
      return {};
    case "end":
      await end();
      return {};
    case "copy":
      // By another process: this one has the database open.
      if (lastFolder !== undefined && existsSync(lastFolder)) spawnSync("cp", ["-a", lastFolder, order.to]);
      return {};
    case "lose":
      loss = { kind: order.kind, at: order.at };
      seen.length = 0;
      return {};
    case "seen":
      return { seen };
  }
}

async function obeyRequest(incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
  try {
    const body = await read(incoming);
    const done = await obey(JSON.parse(body.toString("utf8")) as DirectoryOrder);
    answer.end(JSON.stringify(done));
  } catch (error) {
    answer.statusCode = 500;
    answer.end(JSON.stringify({ error: error instanceof Error ? error.stack : String(error) }));
  }
}

async function end(): Promise<void> {
  const last = serving;
  serving = undefined;
  if (last === undefined) return;
  await last.directory.close();
  await Promise.allSettled(last.passing);
  last.agent.destroy();
}

const control = createServer((incoming, answer) => void obeyRequest(incoming, answer));
const controlPort = await listen(control);
process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${relayPort}`, controlPort })}\n`);
process.stdin.on("end", () => process.exit(0)).resume();

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

async function read(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of incoming as AsyncIterable<Uint8Array>) chunks.push(chunk);
  return Buffer.concat(chunks);
}
