/**
 * The HTTP server: what holds for every request (timeouts, sizes, errors, stopping). Endpoints are in `routes/`. Must not
 * know the store.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { talosError } from "@talos/core";
import rateLimit from "@fastify/rate-limit";
import swagger from "@fastify/swagger";
import underPressure from "@fastify/under-pressure";
import Fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyReply } from "fastify";
import type { DirectoryContext } from "../context.ts";
import { refuse } from "../refusal.ts";
import { reserveBodies } from "./bodies.ts";
import { BufferBudget } from "./buffer-budget.ts";
import { answerTo, type ErrorAnswer } from "./error-answers.ts";
import { InFlight } from "./in-flight.ts";
import { OPENAPI } from "./openapi.ts";
import { agentRoutes } from "./routes/agents.ts";
import { depositRoutes } from "./routes/deposits.ts";
import { mailboxRoutes } from "./routes/mailboxes.ts";
import { prekeyRoutes } from "./routes/prekeys.ts";
import { statusRoutes } from "./routes/status.ts";
import { signedHooks } from "./signed-hooks.ts";

/** The longest request head: a signed request's is under 1 KB. */
const MAX_HEAD_BYTES = 16_384;
/** A client that goes on talking keeps its connection; one that is idle for longer loses it. */
const KEEP_ALIVE_MS = 65_000;

export interface HttpServerOptions {
  readonly context: DirectoryContext;
  /** What the server answers to; asked at each request, since the port is known late. */
  readonly authorities: () => ReadonlySet<string>;
  readonly logger?: FastifyBaseLogger | undefined;
}

/** Ready to listen. Its `close` lets what is in progress finish and ends what only waits. */
export async function buildServer({ context, authorities, logger }: HttpServerOptions): Promise<FastifyInstance> {
  const { limits, now, waiters } = context;
  const app: FastifyInstance = Fastify({
    ...(logger && { loggerInstance: logger }),
    exposeHeadRoutes: false,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    return503OnClosing: false,
    forceCloseConnections: "idle",
    http: { headersTimeout: limits.headersTimeoutMs, maxHeaderSize: MAX_HEAD_BYTES, requireHostHeader: false },
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false } },
    frameworkErrors: (error, _request, reply) => void sendError(reply, answerTo(error, now())),
    clientErrorHandler: (error, socket) => refuseConnection(error, socket, now()),
  });

  let stopping = false;
  const inFlight = new InFlight();
  app.addHook("preClose", async () => {
    stopping = true;
    waiters.stop();
    await inFlight.none();
  });
  app.addHook("onRequest", async (request, reply) => {
    inFlight.add(reply.raw);
    if (request.headers.host === undefined) throw talosError("MALFORMED", "The request names no host.");
    if (stopping) throw refuse("DIRECTORY_BUSY");
    if (request.is404) throw refuse("ROUTE_UNKNOWN");
  });
  app.addHook("onSend", async (_request, reply) => {
    reply.header("cache-control", "no-store");
    if (stopping) reply.header("connection", "close");
  });
  app.setErrorHandler((error, request, reply) => {
    const answer = answerTo(error, now());
    if (answer.code === "DIRECTORY_INTERNAL") request.log.error({ err: error }, "a request failed unexpectedly");
    return sendError(reply, answer);
  });
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  app.server.on("checkExpectation", (_request: IncomingMessage, response: ServerResponse) => refuseExpectation(response, now()));

  await app.register(swagger, OPENAPI);
  await app.register(rateLimit, {
    global: false,
    max: limits.registrationsPerMinute,
    timeWindow: 60_000,
    errorResponseBuilder: (_request, { ttl }) => refuse("RATE_LIMITED", { retryAfterSeconds: Math.ceil(ttl / 1000) }),
  });
  await app.register(underPressure, {
    maxEventLoopDelay: limits.maxEventLoopDelayMs,
    pressureHandler: async () => {
      throw refuse("DIRECTORY_BUSY");
    },
  });

  const budget = new BufferBudget(limits.bufferedBytes);
  reserveBodies(app, budget);
  const endpoints = { context, budget, signed: signedHooks(app, context, authorities) };
  for (const routes of [statusRoutes, agentRoutes, prekeyRoutes, mailboxRoutes, depositRoutes]) {
    await app.register(async (scope) => routes(scope, endpoints));
  }
  await app.ready();
  return app;
}

function sendError(reply: FastifyReply, { status, retryAfterSeconds, body }: ErrorAnswer): FastifyReply {
  if (retryAfterSeconds !== undefined) reply.header("retry-after", retryAfterSeconds);
  // Also where the answer would have been something else.
  return reply.code(status).type("application/json").serializer(JSON.stringify).send(body);
}

/** What is not HTTP, or takes too long to become it. */
function refuseConnection(error: Error & { readonly code?: string }, socket: Socket, now: number): void {
  if (!socket.writable || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const { status, body } = answerTo(refuse(error.code === "HPE_HEADER_OVERFLOW" ? "PAYLOAD_TOO_LARGE" : "MALFORMED"), now);
  const text = JSON.stringify(body);
  socket.end(
    `HTTP/1.1 ${status} Refused\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\nConnection: close\r\n\r\n${text}`,
  );
}

/** An Expect that is not 100-continue; Node would answer without a body. */
function refuseExpectation(response: ServerResponse, now: number): void {
  const { status, body } = answerTo(refuse("MALFORMED"), now);
  response.writeHead(status, { "content-type": "application/json", connection: "close" }).end(JSON.stringify(body));
}
