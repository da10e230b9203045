import assert from "node:assert/strict";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTcpServer, type AddressInfo, type Server as TcpServer } from "node:net";
import { test } from "node:test";
import { isTalosError, type ErrorCode } from "@talos/core";
import { HttpTransport, type HttpAnswer } from "./http-transport.ts";

async function listen(server: Server | TcpServer): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function against(listener: RequestListener, use: (transport: HttpTransport, url: string) => Promise<void>): Promise<void> {
  const server = createServer(listener);
  const url = await listen(server);
  const transport = new HttpTransport(url);
  try {
    await use(transport, url);
  } finally {
    transport.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

const get = (transport: HttpTransport, extra: { signal?: AbortSignal } = {}): Promise<HttpAnswer> =>
  transport.request({ method: "GET", target: "/v1/status", headers: {}, maxAnswerBytes: 1000, ...extra });

async function failsWith(code: ErrorCode, promise: Promise<unknown>): Promise<void> {
  await assert.rejects(promise, (error) => isTalosError(error, code));
}

test("a request and its answer arrive as they were sent", async () => {
  await against(
    (request, response) => {
      const chunks: Uint8Array[] = [];
      request.on("data", (chunk: Uint8Array) => chunks.push(chunk));
      request.on("end", () => {
        response.setHeader("content-type", "Application/JSON; charset=utf-8");
        response.end(JSON.stringify([request.method, request.url, request.headers["x-test"], Buffer.concat(chunks).toString()]));
      });
    },
    async (transport) => {
      const answer = await transport.request({
        method: "POST",
        target: "/v1/a?b=c",
        headers: { "x-test": "1" },
        body: new TextEncoder().encode("body"),
        maxAnswerBytes: 1000,
      });
      assert.equal(answer.status, 200);
      assert.equal(answer.contentType, "application/json");
      assert.deepEqual(JSON.parse(Buffer.from(answer.body).toString()), ["POST", "/v1/a?b=c", "1", "body"]);
    },
  );
});

test("an answer larger than allowed is refused before it is read to its end", async () => {
  await against(
    (_request, response) => {
      response.on("error", () => {});
      response.write(Buffer.alloc(2000));
    },
    async (transport) => failsWith("DIRECTORY_MISBEHAVED", get(transport)),
  );
});

test("what does not speak HTTP misbehaves, what does not answer is unreachable", async () => {
  const garbage = createTcpServer((socket) =>
    socket
      .on("error", () => {})
      .resume()
      .end("\x00\x01garbage\r\n\r\n"),
  );
  const url = await listen(garbage);
  const transport = new HttpTransport(url);
  await failsWith("DIRECTORY_MISBEHAVED", get(transport));
  await new Promise((resolve) => garbage.close(resolve));
  await failsWith("DIRECTORY_UNREACHABLE", get(transport));
  transport.close();
});

test("a connection that ends in the middle of an answer is unreachable", async () => {
  await against(
    (_request, response) => {
      response.writeHead(200, { "content-length": "100" });
      response.write("half");
      setImmediate(() => response.destroy());
    },
    async (transport) => failsWith("DIRECTORY_UNREACHABLE", get(transport)),
  );
});

test("a signal ends a request that waits", async () => {
  const stop = new AbortController();
  await against(
    () => stop.abort(),
    async (transport) => failsWith("ABORTED", get(transport, { signal: stop.signal })),
  );
});
