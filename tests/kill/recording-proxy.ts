/**
 * Stands between agents and their directory and remembers every envelope that was deposited: two different ones at one
 * place of one chain would mean that a message key was used twice. Passes everything on as it is.
 */
import { Agent, createServer, request, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { decodeEnvelope, decodeRatchetHeader, envelopeId, nodeCrypto, toHex } from "@talos/core";

const DEPOSIT = /^\/v1\/mailboxes\/[^/]+\/message$/;

export class RecordingProxy implements AsyncDisposable {
  /** Envelope id by ratchet key and counter. */
  readonly #places: Map<string, string> = new Map();
  readonly #envelopes: Set<string> = new Set();
  readonly #server: Server;
  readonly #agent: Agent = new Agent({ keepAlive: true });
  #target = 0;
  #deposits = 0;
  readonly reused: string[] = [];

  private constructor() {
    this.#server = createServer((incoming, answer) => void this.#pass(incoming, answer));
  }

  static async start(): Promise<RecordingProxy> {
    const proxy = new RecordingProxy();
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  /** `host:port` */
  get authority(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get deposits(): number {
    return this.#deposits;
  }

  get envelopes(): number {
    return this.#envelopes.size;
  }

  passTo(port: number): void {
    this.#target = port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    this.#agent.destroy();
  }

  async #pass(incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
    answer.on("error", () => {});
    try {
      const body = await read(incoming);
      if (incoming.method === "POST" && DEPOSIT.test(incoming.url ?? "")) this.#record(body);
      const { method, url: path, headers } = incoming;
      const onward = request({ host: "127.0.0.1", port: this.#target, agent: this.#agent, method, path, headers }, (back) => {
        answer.writeHead(back.statusCode ?? 502, back.headers);
        back.pipe(answer);
      });
      // Whoever asked may have been killed.
      answer.on("close", () => onward.destroy());
      onward.on("error", () => answer.destroy());
      onward.end(body);
    } catch {
      answer.destroy();
    }
  }

  #record(bytes: Uint8Array): void {
    const { ratchetKey, counter } = decodeRatchetHeader(decodeEnvelope(bytes).ratchetHeader);
    const place = `${toHex(ratchetKey)}.${counter}`;
    const id = toHex(envelopeId(bytes, nodeCrypto));
    this.#deposits += 1;
    this.#envelopes.add(id);
    const before = this.#places.get(place);
    if (before === undefined) this.#places.set(place, id);
    else if (before !== id) this.reused.push(place);
  }
}

async function read(incoming: IncomingMessage): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of incoming as AsyncIterable<Uint8Array>) chunks.push(chunk);
  return Buffer.concat(chunks);
}
