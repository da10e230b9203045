/**
 * One origin over HTTP/1.1: sends a request, returns status, headers and a bounded body. Every failure of the network is
 * DIRECTORY_UNREACHABLE; an answer that is too large or malformed is DIRECTORY_MISBEHAVED. Redirects are not followed.
 * Knows nothing of endpoints, signatures or agents. `node:http` is loaded at the first request only, since importing it
 * doubles the start-up of a command.
 */
import type { Agent as HttpAgent, ClientRequest, IncomingMessage, RequestOptions } from "node:http";
import { talosError } from "@talos/core";

/** A server that stays silent for so long is treated as gone. */
const IDLE_MILLISECONDS = 15_000;
/** Whole exchange, beside the time that the server was asked to wait: room for 11 MB on a slow line. */
const TOTAL_MILLISECONDS = 300_000;
const MAX_SOCKETS = 32;

export interface HttpRequest {
  readonly method: "GET" | "PUT" | "POST";
  /** Path and query, ASCII. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | undefined;
  readonly maxAnswerBytes: number;
  /** How long the server may stay silent by agreement (long poll). */
  readonly waitMilliseconds?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface HttpAnswer {
  readonly status: number;
  /** Lower case, without parameters; empty when there is none. */
  readonly contentType: string;
  readonly body: Uint8Array;
}

export class HttpTransport {
  readonly #origin: URL;
  #agent: HttpAgent | undefined;
  #closed = false;

  /** @param url a canonical directory URL */
  constructor(url: string) {
    this.#origin = new URL(url);
  }

  /** @throws TalosError DIRECTORY_UNREACHABLE (details.reason, details.reusedSocket), DIRECTORY_MISBEHAVED, ABORTED */
  async request(request: HttpRequest): Promise<HttpAnswer> {
    if (this.#closed) throw talosError("CLIENT_CLOSED");
    if (request.signal?.aborted === true) throw talosError("ABORTED");
    const module = process.getBuiltinModule(this.#origin.protocol === "https:" ? "node:https" : "node:http");
    this.#agent ??= new module.Agent({ keepAlive: true, maxSockets: MAX_SOCKETS, scheduling: "lifo" });
    const idle = IDLE_MILLISECONDS + (request.waitMilliseconds ?? 0);
    const options: RequestOptions = {
      method: request.method,
      host: this.#origin.hostname.replace(/^\[|\]$/g, ""),
      port: this.#origin.port === "" ? (this.#origin.protocol === "https:" ? 443 : 80) : Number(this.#origin.port),
      path: request.target,
      headers: { ...request.headers, host: this.#origin.host, "content-length": String(request.body?.length ?? 0) },
      agent: this.#agent,
      timeout: idle,
    };
    return await new Promise<HttpAnswer>((resolve, reject) => {
      const outgoing = module.request(options);
      const deadline = setTimeout(() => outgoing.destroy(networkError("timeout", outgoing)), TOTAL_MILLISECONDS + idle).unref();
      const abort = (): void => void outgoing.destroy(talosError("ABORTED"));
      request.signal?.addEventListener("abort", abort, { once: true });
      const settle = (finish: () => void): void => {
        clearTimeout(deadline);
        request.signal?.removeEventListener("abort", abort);
        finish();
      };
      outgoing.on("timeout", () => outgoing.destroy(networkError("timeout", outgoing)));
      outgoing.on("error", (error) => settle(() => reject(asTalosError(error, outgoing))));
      outgoing.on("response", (incoming) => {
        readBody(incoming, request.maxAnswerBytes).then(
          (body) => settle(() => resolve({ status: incoming.statusCode ?? 0, contentType: contentTypeOf(incoming), body })),
          (error: unknown) => {
            outgoing.destroy();
            settle(() => reject(asTalosError(error, outgoing)));
          },
        );
      });
      outgoing.end(request.body);
    });
  }

  /** Drops all connections. */
  close(): void {
    this.#closed = true;
    this.#agent?.destroy();
  }
}

async function readBody(incoming: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of incoming as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > maxBytes) {
      throw talosError("DIRECTORY_MISBEHAVED", undefined, { details: { reason: "answer too large" } });
    }
    chunks.push(chunk);
  }
  const body = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    body.set(chunk, offset);
    offset += chunk.length;
  }
  return body;
}

function contentTypeOf(incoming: IncomingMessage): string {
  return (incoming.headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
}

function networkError(reason: string, outgoing: ClientRequest, cause?: unknown): Error {
  return talosError("DIRECTORY_UNREACHABLE", undefined, { details: { reason, reusedSocket: outgoing.reusedSocket }, cause });
}

function asTalosError(error: unknown, outgoing: ClientRequest): unknown {
  if (!(error instanceof Error)) return networkError("unknown", outgoing, error);
  if (error.name === "TalosError") return error;
  const code: unknown = "code" in error ? error.code : undefined;
  // A parser error means that something answered, and not HTTP.
  if (typeof code === "string" && code.startsWith("HPE_")) {
    return talosError("DIRECTORY_MISBEHAVED", undefined, { details: { reason: code }, cause: error });
  }
  return networkError(typeof code === "string" ? code : "network", outgoing, error);
}
