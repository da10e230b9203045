import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { DIRECTORY_ERROR_STATUS, isTalosError, parseStatusAnswer, utf8 } from "@talos/core";
import { DirectoryUser, TestDirectory } from "@talos/testkit";
import { startDirectory } from "./start-directory.ts";

test("it says what it is, and its clock", async () => {
  await using directory = await TestDirectory.start();
  const answer = await directory.send({ method: "GET", target: "/v1/status" });
  assert.deepEqual(answer.json(), { name: "talos-directory", version: 1, time: directory.now });
  assert.equal(parseStatusAnswer(answer.json()).time, directory.now);
  assert.equal((await directory.send({ method: "GET", target: "/v1/status?x=1" })).code, "MALFORMED");
  for (const target of ["/", "/v1", "/v1/status/", "/v2/status", "/v1/agents"]) {
    assert.equal((await directory.send({ method: "GET", target })).code, "ROUTE_UNKNOWN", target);
  }
});

test("a stop lets what is in progress finish, refuses what comes then, and leaves one file", async () => {
  await using directory = await TestDirectory.start();
  const [alice, bob] = [await DirectoryUser.register(directory), await DirectoryUser.register(directory)];
  const deposits = Array.from({ length: 20 }, (_, i) => alice.deposit(bob.did, utf8(`item ${i}`)));
  await deposits[0];
  const { running } = directory;
  const closing = running.close();
  assert.equal(running.close(), closing);
  const settled = await Promise.allSettled(deposits);
  await closing;
  const codes = settled.map((result) => (result.status === "fulfilled" ? (result.value.code ?? result.value.status) : "cut off"));
  for (const code of codes) assert.ok(code === 200 || code === "DIRECTORY_BUSY" || code === "cut off", String(code));
  await directory.stop();
  assert.deepEqual(await readdir(directory.folder), ["directory.db"]);
  await directory.open();
  const answered = codes.filter((code) => code === 200).length;
  const stored = await bob.fetch("?limit=256");
  assert.ok(answered >= 1);
  assert.ok(stored.body.length > answered * 7, "what was answered is there");
});

test("a stop does not wait for a connection that says nothing", async () => {
  const directory = await startDirectory({ listen: { host: "127.0.0.1", port: 0 }, store: "sqlite::memory:", limits: { stopGraceMs: 50 } });
  const socket = connect(directory.port, "127.0.0.1");
  await new Promise((resolve) => socket.once("connect", resolve));
  socket.write("POST /v1/agents/x/events HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{");
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.on("error", () => {});
  socket.resume();
  await directory.close();
  await closed;
});

test("a port that is taken and a store that is none are named errors", async () => {
  const first = await startDirectory({ listen: { host: "127.0.0.1", port: 0 }, store: "sqlite::memory:" });
  const listen = { host: "127.0.0.1", port: first.port };
  await assert.rejects(startDirectory({ listen, store: "sqlite::memory:" }), (error) => isTalosError(error, "LISTEN_FAILED"));
  for (const store of ["", "sqlite:", "postgres://x", "directory.db"]) {
    await assert.rejects(startDirectory({ listen, store }), (error) => isTalosError(error, "INVALID_ARGUMENT"), store);
  }
  await first.close();
});

test("GET /openapi.json names every endpoint and every error code", async () => {
  await using directory = await TestDirectory.start();
  const answer = await directory.send({ method: "GET", target: "/openapi.json" });
  const document = answer.json() as OpenApi;
  assert.match(document.openapi, /^3\.1\./);
  assert.ok(document.info.title && document.info.version);
  const endpoints = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const protocol = await readFile(join(import.meta.dirname, "../../../docs/protocol/directory.md"), "utf8");
  const specified = [...protocol.matchAll(/^\| `([A-Z]+) (\/v1\/[^`?]+)(?:\?[^`]*)?` \|/gm)].flatMap(([, method = "", path = ""]) =>
    path.endsWith("/{kind}")
      ? ["message", "event", "notice"].map((kind) => `${method} ${path.replace("{kind}", kind)}`)
      : [`${method} ${path}`],
  );
  assert.equal(specified.length, 12);
  assert.deepEqual(endpoints.toSorted(), specified.toSorted());

  const codes = Object.keys(DIRECTORY_ERROR_STATUS);
  for (const [path, item] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(item)) {
      const place = `${method} ${path}`;
      assert.ok(operation.summary && operation.responses["200"]?.description, place);
      for (const status of ["4XX", "5XX"]) {
        const schema = operation.responses[status]?.content?.["application/json"]?.schema;
        assert.deepEqual(schema?.properties?.["error"]?.properties?.["code"]?.enum, codes, place);
      }
      const parameters = (operation.parameters ?? []).filter(({ in: where }) => where === "path").map(({ name }) => name);
      assert.deepEqual(parameters, path.includes("{did}") ? ["did"] : [], place);
      assert.equal(operation.requestBody !== undefined, method === "post" || method === "put", place);
    }
  }
  const documented = [...protocol.matchAll(/^\| ((?:`[A-Z_]+`(?:, )?)+) \| (\d{3}) \|/gm)].flatMap(([, names = "", status = ""]) =>
    [...names.matchAll(/[A-Z_]+/g)].map(([code]) => [code, Number(status)] as const),
  );
  assert.deepEqual(Object.fromEntries(documented), DIRECTORY_ERROR_STATUS);
});

interface OpenApi {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

interface Operation {
  readonly summary?: string;
  readonly parameters?: readonly { readonly in: string; readonly name: string }[];
  readonly requestBody?: unknown;
  readonly responses: Readonly<
    Record<string, { readonly description?: string; readonly content?: Readonly<Record<string, { readonly schema?: Schema }>> }>
  >;
}

interface Schema {
  readonly enum?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
}
