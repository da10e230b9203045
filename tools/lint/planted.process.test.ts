// A checker that sees nothing reports success too. So each is shown a clean workspace, which it must pass, and violations, each of
// which it must name.
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Skeleton } from "./skeleton.ts";

interface Planted {
  readonly file: string;
  readonly text: string;
  readonly rule: string;
}

const LAYER = "eslint(no-restricted-imports)";
const CYCLE = "import(no-cycle)";
const SECRET = "talos(secret-comparison)";
const DATABASE = "talos(database-files)";

const VIOLATIONS: readonly Planted[] = [
  { file: "core/src/static.ts", text: 'import { name } from "@talos/agent";\nexport const x = name;', rule: LAYER },
  { file: "core/src/types.ts", text: 'import type { name } from "@talos/agent";\nexport type X = typeof name;', rule: LAYER },
  { file: "core/src/dynamic.ts", text: 'export const x = await import("@talos/directory");', rule: LAYER },
  { file: "core/src/re-export.ts", text: 'export { name } from "@talos/cli";', rule: LAYER },
  { file: "core/src/relative.ts", text: 'export { name } from "../../agent/src/index.ts";', rule: LAYER },
  { file: "core/src/files.ts", text: 'export { readFileSync } from "node:fs";', rule: LAYER },
  { file: "core/src/promised-files.ts", text: 'export { readFile } from "node:fs/promises";', rule: LAYER },
  { file: "core/src/network.ts", text: 'export { request } from "http";', rule: LAYER },
  { file: "core/src/database.ts", text: 'export { DatabaseSync } from "node:sqlite";', rule: LAYER },
  { file: "core/src/session/crypto.ts", text: 'export { createHash } from "node:crypto";', rule: LAYER },
  { file: "core/src/codec/keys.ts", text: 'export { x } from "../keys/key.ts";', rule: LAYER },
  { file: "core/src/primitives/ratchet.ts", text: 'export { x } from "../ratchet/ratchet.ts";', rule: LAYER },
  { file: "core/src/identity/session.ts", text: 'export { x } from "../session/session.ts";', rule: LAYER },
  { file: "core/src/ratchet/handshake.ts", text: 'export { x } from "../handshake/handshake.ts";', rule: LAYER },
  { file: "core/src/ratchet/envelope.ts", text: 'export { x } from "../envelope/envelope.ts";', rule: LAYER },
  { file: "core/src/clock.ts", text: "export const now = (): number => Date.now();", rule: "eslint(no-restricted-globals)" },
  {
    file: "core/src/back-door.ts",
    text: 'export const x = process.getBuiltinModule("node:fs");',
    rule: "eslint(no-restricted-properties)",
  },
  { file: "agent/src/server.ts", text: 'export { name } from "@talos/directory";', rule: LAYER },
  { file: "agent/src/vault/store/command.ts", text: 'export const x = await import("@talos/cli");', rule: LAYER },
  { file: "agent/src/crypto.ts", text: 'export { randomBytes } from "node:crypto";', rule: LAYER },
  { file: "directory/src/client.ts", text: 'export { name } from "@talos/agent";', rule: LAYER },
  { file: "agent/src/noble.ts", text: 'export { gcm } from "@noble/ciphers/aes.js";', rule: LAYER },
  { file: "core/src/primitives/noble.ts", text: 'export { argon2id } from "@noble/hashes/argon2.js";', rule: LAYER },
  { file: "cli/src/fakes.ts", text: 'export { name } from "@talos/testkit";', rule: LAYER },
  { file: "cli/src/inside.ts", text: 'export { name } from "../../agent/src/index.ts";', rule: LAYER },

  { file: "core/src/cycle-a.ts", text: 'import { b } from "./cycle-b.ts";\nexport const a = b;', rule: CYCLE },
  { file: "core/src/cycle-b.ts", text: 'import type { a } from "./cycle-a.ts";\nexport const b = 1 as unknown as typeof a;', rule: CYCLE },
  { file: "agent/src/across.ts", text: 'import type { across } from "@talos/core";\nexport type Across = typeof across;', rule: CYCLE },

  { file: "core/src/triple.ts", text: "export const f = (secret: string, given: string): boolean => secret === given;", rule: SECRET },
  { file: "core/src/double.ts", text: "export const f = (a: { rootKey: string }, b: string): boolean => b != a.rootKey;", rule: SECRET },
  { file: "agent/src/text.ts", text: 'export const f = (password: string): boolean => password === "correct horse";', rule: SECRET },
  { file: "agent/src/hex.ts", text: "export const f = (seed: Uint8Array, hex: string): boolean => seed.toHex() === hex;", rule: SECRET },
  { file: "agent/src/equals.ts", text: "export const f = (vaultKey: Buffer, x: Buffer): boolean => x.equals(vaultKey);", rule: SECRET },
  {
    file: "agent/src/compare.ts",
    text: "export const f = (chainKey: Buffer, x: Buffer): boolean => Buffer.compare(x, chainKey) === 0;",
    rule: SECRET,
  },
  {
    file: "agent/src/bytes.ts",
    text: "declare const equalBytes: (a: unknown, b: unknown) => boolean;\nexport const f = (x: { messageKey: string }): boolean => equalBytes(x.messageKey, x);",
    rule: SECRET,
  },

  {
    file: "agent/src/lock.ts",
    text: 'import { readFileSync } from "node:fs";\nimport { join } from "node:path";\nexport const x = readFileSync(join("folder", "lock"));',
    rule: DATABASE,
  },
  {
    file: "agent/src/state.ts",
    text: 'import * as files from "node:fs/promises";\nexport const f = (folder: string): unknown => files.open(`${folder}/state.db`);',
    rule: DATABASE,
  },
  {
    file: "cli/src/copy.ts",
    text: 'import fs from "node:fs";\nconst STATE = "state.db-wal";\nexport const f = (folder: string): void => fs.copyFileSync(`${folder}/x`, folder + STATE);',
    rule: DATABASE,
  },
  {
    file: "cli/src/named.ts",
    text: 'import { openSync } from "node:fs";\nexport const f = (paths: { lockFile: string }): number => openSync(paths.lockFile, "r+");',
    rule: DATABASE,
  },

  { file: "directory/src/bare.ts", text: 'export const f = (): void => { throw new Error("what?"); };', rule: "talos(bare-error)" },
  { file: "directory/src/any.ts", text: "export const f = (x: any): void => x;", rule: "typescript(no-explicit-any)" },
  {
    file: "directory/src/floating.ts",
    text: "const later = async (): Promise<void> => {};\nexport const f = (): void => { later(); };",
    rule: "typescript(no-floating-promises)",
  },
  {
    file: "directory/src/floating.test.ts",
    text: "const later = async (): Promise<void> => {};\nexport const f = (): void => { later(); };",
    rule: "typescript(no-floating-promises)",
  },
];

const HARMLESS: readonly Omit<Planted, "rule">[] = [
  { file: "core/src/primitives/crypto.ts", text: 'export { createHash } from "node:crypto";' },
  { file: "core/src/keys/key.ts", text: 'import { x as y } from "../codec/x.ts";\nexport const x = y;' },
  { file: "core/src/codec/x.ts", text: "export const x = 1;" },
  { file: "core/src/session/session.ts", text: 'export { x } from "../keys/key.ts";' },
  { file: "core/src/session/session.test.ts", text: 'export { createHash } from "node:crypto";\nexport { name } from "@talos/testkit";' },
  { file: "agent/src/directory/client.ts", text: 'export { name } from "@talos/core";' },
  { file: "agent/src/vault/client.ts", text: 'export { name } from "../directory/client.ts";' },
  { file: "cli/src/all.ts", text: 'export { name } from "@talos/agent";\nexport { name as server } from "@talos/directory";' },
  {
    file: "agent/src/about-secrets.ts",
    text: `export const f = (x: { secret?: string; seed: Uint8Array; passwordFile: string }): boolean =>
  x.secret === undefined || x.seed.length !== 32 || typeof x.secret === "string" || x.passwordFile === "-";
const SEED_BYTES = 32;
export const g = (bytes: { size: number }): boolean => bytes.size === SEED_BYTES;`,
  },
  {
    file: "agent/src/other-files.ts",
    text: `import { openSync, readFileSync, statSync } from "node:fs";
export const f = (folder: string): unknown => [readFileSync(folder + "/package-lock"), statSync(folder + "/lock"), openSync(folder + "/lock", "wx", 0o600)];`,
  },
];

interface Finding {
  readonly code: string;
  readonly filename: string;
}

function lint(skeleton: Skeleton): { status: number | null; findings: Finding[] } {
  const { status, output } = skeleton.check("oxlint", "--format=json");
  const { diagnostics } = JSON.parse(output.slice(output.indexOf("{"))) as { diagnostics: Finding[] };
  return { status, findings: diagnostics };
}

suite("oxlint", () => {
  test("passes a clean workspace", () => {
    using skeleton = new Skeleton();
    for (const { file, text } of HARMLESS) skeleton.write(`packages/${file}`, `${text}\n`);
    assert.deepEqual(lint(skeleton), { status: 0, findings: [] });
  });

  test("failure 42: names every comparison of a secret that is not secureCompare's", () => {
    using skeleton = new Skeleton();
    const comparisons = VIOLATIONS.filter(({ rule }) => rule === SECRET);
    for (const { file, text } of comparisons) skeleton.write(`packages/${file}`, `${text}\n`);
    const { status, findings } = lint(skeleton);
    assert.equal(status, 1);
    const named = findings.filter(({ code }) => code === SECRET).map(({ filename }) => filename);
    assert.deepEqual(named.sort(), comparisons.map(({ file }) => `packages/${file}`).sort());
  });

  test("names every planted violation, and nothing else", () => {
    using skeleton = new Skeleton();
    for (const { file, text } of [...HARMLESS, ...VIOLATIONS]) skeleton.write(`packages/${file}`, `${text}\n`);
    skeleton.write(
      "packages/core/src/index.ts",
      'import type { Across } from "../../agent/src/across.ts";\nexport const name = "core";\nexport const across = 1 as unknown as Across;\n',
    );
    const { status, findings } = lint(skeleton);
    assert.equal(status, 1);
    const found = (file: string): string[] => findings.filter(({ filename }) => filename === `packages/${file}`).map(({ code }) => code);
    for (const { file, rule } of VIOLATIONS) assert.ok(found(file).includes(rule), `${rule} in ${file}, found ${found(file).join()}`);
    for (const { file } of HARMLESS) assert.deepEqual(found(file), [], file);
  });
});

test("tsc -b names a type error in a package and in a test", () => {
  using skeleton = new Skeleton();
  assert.deepEqual(skeleton.check("tsc", "-b"), { status: 0, output: "" });
  skeleton.write("packages/agent/src/wrong.ts", 'export const x: number = "text";\n');
  skeleton.write("packages/core/src/wrong.test.ts", 'export const x: number = "text";\n');
  const { status, output } = skeleton.check("tsc", "-b");
  assert.notEqual(status, 0);
  assert.match(output, /agent\/src\/wrong\.ts.*TS2322/);
  assert.match(output, /core\/src\/wrong\.test\.ts.*TS2322/);
});

test("oxfmt names a file that is not formatted", () => {
  using skeleton = new Skeleton();
  assert.equal(skeleton.check("oxfmt", "--check", "packages").status, 0);
  skeleton.write("packages/agent/src/crooked.ts", "export   const x =1\n");
  const { status, output } = skeleton.check("oxfmt", "--check", "packages");
  assert.equal(status, 1);
  assert.match(output, /agent\/src\/crooked\.ts/);
});

test("knip names a file and an export that nothing uses", () => {
  using skeleton = new Skeleton();
  skeleton.write("packages/agent/src/index.ts", 'export { used } from "./half.ts";\n');
  skeleton.write("packages/agent/src/half.ts", "export const used = 1;\nexport const orphan = 2;\n");
  skeleton.write("packages/agent/src/nobody.ts", "export const x = 1;\n");
  const { status, output } = skeleton.check("knip", "--include", "files,exports");
  assert.equal(status, 1);
  assert.match(output, /agent\/src\/nobody\.ts/);
  assert.match(output, /orphan.*agent\/src\/half\.ts/);
  assert.doesNotMatch(output, /\bused\b.*half\.ts/);
});
