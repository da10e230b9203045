/**
 * How bodies come in: bounded together, checked against the signature's digest, parsed strictly. Must not know what is in
 * them.
 */
import { decodeUtf8, talosError } from "@talos/core";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { BufferBudget } from "./buffer-budget.ts";
import { checkRequestDigest } from "./signed-hooks.ts";

/** Takes room for each body before it is read, for as long as its request lives. */
export function reserveBodies(app: FastifyInstance, budget: BufferBudget): void {
  app.addHook("preParsing", async (request, reply, payload) => {
    const bytes = bodyBytes(request);
    if (bytes > 0 && request.method === "GET") throw talosError("MALFORMED", "A GET request has no body.");
    holdUntilAnswered(reply, budget.take(bytes));
    return payload;
  });
}

/** Gives a share back when the answer has left or the connection is gone. */
export function holdUntilAnswered(reply: FastifyReply, release: () => void): void {
  if (reply.raw.destroyed) release();
  else reply.raw.once("close", release);
}

/** As announced; without an announcement the most that the endpoint takes. */
function bodyBytes(request: FastifyRequest): number {
  const { "content-length": length, "transfer-encoding": encoding } = request.headers;
  const most = request.routeOptions.bodyLimit ?? 0;
  if (encoding !== undefined) return most;
  return length === undefined ? 0 : Math.min(Number(length), most);
}

export function takeJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, async (request: FastifyRequest, body: Buffer) => {
    checkRequestDigest(request, body);
    return parseJson(body);
  });
}

export function takeOctets(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/octet-stream", { parseAs: "buffer" }, async (request: FastifyRequest, body: Buffer) => {
    checkRequestDigest(request, body);
    return body;
  });
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(decodeUtf8(body));
  } catch {
    throw talosError("MALFORMED", "The body is not JSON.");
  }
}
