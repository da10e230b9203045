import assert from "node:assert/strict";
import { existsSync, linkSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { test } from "node:test";
import { type ErrorCode, isTalosError, nodeCrypto, talosError, toHex } from "@talos/core";
import { agent } from "../vault/vault-fixture.test.ts";
import type { MediumCalls } from "./place-copy.ts";
import { writeCopies, type WrittenCopies } from "./write-copies.ts";

const SEALED = nodeCrypto.randomBytes(70_000);
/** No process has it. */
const NOBODY = 2 ** 22 + 1;
const PREFIX = `.talos-backup-${toHex(nodeCrypto.sha256(agent())).slice(0, 16)}-`;

function folder(): Disposable & { readonly path: string; file(name: string): string; names(): string[] } {
  const path = mkdtempSync(join(tmpdir(), "talos-copies-"));
  return {
    path,
    file: (name) => join(path, name),
    names: () => readdirSync(path),
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  };
}

function write(paths: readonly string[], medium?: Partial<MediumCalls>, force: boolean = false): WrittenCopies {
  const calls = { link: refuse("link", "EPERM"), syncFolder: (): void => undefined, ...medium };
  const former = new Map(force ? paths.filter((path) => existsSync(path)).map((path) => [path, statSync(path)]) : []);
  return writeCopies(SEALED, { paths, former }, agent(), nodeCrypto, medium === undefined ? undefined : calls);
}

function refuse(operation: string, system: string): () => never {
  return () => {
    if (operation === "link") throw Object.assign(new Error(`${system}: ${operation}`), { code: system });
    throw talosError("STORAGE_FAILED", undefined, { details: { operation, system } });
  };
}

function codeOf({ failure }: WrittenCopies): ErrorCode | undefined {
  return failure?.code;
}

test("where a medium has no links a copy gets its name all the same, and never over a file", () => {
  for (const system of ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"]) {
    using at = folder();
    const link = refuse("link", system);
    assert.deepEqual(write([at.file("one")], { link }).written, [at.file("one")]);
    assert.deepEqual([readFileSync(at.file("one")), statSync(at.file("one")).mode & 0o777], [Buffer.from(SEALED), 0o600]);
    writeFileSync(at.file("two"), "mine");
    assert.equal(codeOf(write([at.file("two")], { link })), "BACKUP_EXISTS");
    assert.equal(readFileSync(at.file("two"), "utf8"), "mine");
    assert.deepEqual(at.names(), ["one", "two"]);
  }
});

test("a link that is refused for another reason is a failure, and nothing is left", () => {
  using at = folder();
  const result = write([at.file("one")], { link: refuse("link", "EIO") });
  assert.deepEqual([codeOf(result), result.failure?.details["system"], at.names()], ["STORAGE_FAILED", "EIO", []]);
});

test("a folder that cannot be synced for its kind is no failure; one that fails is", () => {
  using at = folder();
  for (const [index, system] of ["EINVAL", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"].entries()) {
    const path = at.file(`one-${index}`);
    assert.deepEqual(write([path], { syncFolder: refuse("sync", system) }).written, [path]);
  }
  assert.equal(codeOf(write([at.file("two")], { syncFolder: refuse("sync", "EIO") })), "STORAGE_FAILED");
});

test("a copy that does not come back as it was written is a failure, before anything is replaced", () => {
  using at = folder();
  writeFileSync(at.file("one"), "the one before");
  const { failure, written } = write([at.file("one"), at.file("absent/two")], undefined, true);
  assert.deepEqual([failure?.code, failure?.details["path"], written], ["STORAGE_FAILED", at.file("absent/two"), []]);
  assert.equal(readFileSync(at.file("one"), "utf8"), "the one before");
  const damaging = (): void => writeFileSync(at.file("three"), "something else");
  const damaged = write([at.file("three")], { syncFolder: damaging });
  assert.ok(isTalosError(damaged.failure, "STORAGE_FAILED") && damaged.failure.details["operation"] === "read back");
});

test("a copy that fails after it has its name is taken away again, and its place is free for the next try", () => {
  for (const link of [linkSync, refuse("link", "EPERM")]) {
    using at = folder();
    const path = at.file("one");
    const failing = write([path], { link, syncFolder: refuse("sync", "EIO") });
    assert.deepEqual([codeOf(failing), failing.written, at.names()], ["STORAGE_FAILED", [], []]);
    const damaging = write([path], { link, syncFolder: () => writeFileSync(path, "damaged on the way") });
    assert.deepEqual([codeOf(damaging), at.names()], ["STORAGE_FAILED", []]);
    assert.deepEqual(write([path], { link }).written, [path]);
  }
});

test("what is replaced comes back where the new one fails, and goes only when that is proved", () => {
  for (const link of [linkSync, refuse("link", "EPERM")]) {
    using at = folder();
    const path = at.file("one");
    writeFileSync(path, "the one before");
    const seen: string[][] = [];
    const damaging = (): void => {
      seen.push(at.names().map((name) => readFileSync(at.file(name), "utf8").slice(0, 14)));
      writeFileSync(path, "damaged on the way");
    };
    assert.equal(codeOf(write([path], { link, syncFolder: damaging }, true)), "STORAGE_FAILED");
    assert.ok(seen[0]?.includes("the one before"), "it is there all the time");
    assert.deepEqual([at.names(), readFileSync(path, "utf8")], [["one"], "the one before"]);
    assert.deepEqual(write([path], { link }, true).written, [path]);
    assert.deepEqual([at.names(), readFileSync(path)], [["one"], Buffer.from(SEALED)]);
  }
});

test("what somebody else has put in the place meanwhile is never taken away, and is named as not proved", () => {
  using at = folder();
  const path = at.file("one");
  const taken = (): void => {
    rmSync(path);
    writeFileSync(path, "somebody else's");
  };
  const { failure, written } = write([path], { link: linkSync, syncFolder: taken });
  assert.deepEqual([failure?.code, failure?.details["unverified"], written], ["STORAGE_FAILED", path, []]);
  assert.equal(readFileSync(path, "utf8"), "somebody else's");
});

test("where a medium has no links, whoever comes in between keeps his file", () => {
  using at = folder();
  const path = at.file("one");
  const link = (): never => {
    writeFileSync(path, "somebody was faster");
    return refuse("link", "EPERM")();
  };
  assert.equal(codeOf(write([path], { link })), "BACKUP_EXISTS");
  assert.deepEqual([at.names(), readFileSync(path, "utf8")], [["one"], "somebody was faster"]);
});

test("leavings of a process that is over go at once, those of another machine when it must have given up, and nobody else's", () => {
  using at = folder();
  let own = "";
  const noting = (from: string, to: string): void => {
    own = basename(from);
    linkSync(from, to);
  };
  write([at.file("before")], { link: noting });
  const [, host = "", pid = ""] = /^([0-9a-f]{8})-([0-9]+)-[0-9a-f]{8}-1\.new$/.exec(own.slice(PREFIX.length)) ?? [];
  const left = (by: string): string => `${PREFIX}${by}-00000000-2.new`;
  const over = [left(`${host}-${pid}`), left(`${host}-${NOBODY}`).replace(/new$/, "old")];
  const late = left("0123abcd-77");
  const others = [
    left(`${host}-${process.ppid}`),
    left("0123abcd-78"),
    `${left("0123abcd-77")}.txt`,
    ".talos-backup-0123456789abcdef-1.new",
  ];
  for (const name of [...over, late, ...others]) writeFileSync(at.file(name), "left");
  const twoHoursAgo = Date.now() / 1000 - 7_200;
  for (const name of [late, ...others.slice(2)]) utimesSync(at.file(name), twoHoursAgo, twoHoursAgo);
  assert.equal(Number(pid), process.pid);
  assert.deepEqual(write([at.file("one")]).written, [at.file("one")]);
  assert.deepEqual(at.names().sort(), [...others, "before", "one"].sort());
});

test("two calls never write into one file", () => {
  using at = folder();
  const names = new Set<string>();
  const noting = (from: string): void => {
    names.add(from);
    linkSync(from, at.file(`copy-${names.size}`));
  };
  for (const name of ["copy-1", "copy-2"]) write([at.file(name)], { link: noting });
  assert.equal(names.size, 2);
});
