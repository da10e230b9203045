/** A copy of the checkout that may be changed: its sources and their links among each other, and links to everything else. */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";

const root: string = resolve(import.meta.dirname, "../..");
const COPIED: readonly string[] = [
  "packages",
  "tests",
  "tools",
  "package.json",
  "oxlint.config.ts",
  ".oxfmtrc.json",
  "knip.json",
  "tsconfig.json",
  "tsconfig.base.json",
  "tsconfig.tests.json",
];
const LINKED: readonly string[] = ["vectors", "fixtures", "docs"];

/** @returns its folder, absolute; the caller removes it */
export function copyCheckout(): string {
  const copy = realpathSync(mkdtempSync(join(tmpdir(), "talos-mutation-")));
  const isSource = (path: string): boolean => !["node_modules", "dist"].includes(basename(path)) && !path.endsWith(".tsbuildinfo");
  for (const name of COPIED) cpSync(join(root, name), join(copy, name), { recursive: true, filter: isSource });
  for (const name of LINKED) if (existsSync(join(root, name))) symlinkSync(join(root, name), join(copy, name));
  // What the workspaces import from each other is the copy's, not the original's.
  mkdirSync(join(copy, "node_modules/@talos"), { recursive: true });
  for (const name of readdirSync(join(root, "node_modules"))) {
    if (name !== "@talos" && name !== ".cache") symlinkSync(join(root, "node_modules", name), join(copy, "node_modules", name));
  }
  for (const name of readdirSync(join(copy, "packages")))
    symlinkSync(join(copy, "packages", name), join(copy, "node_modules/@talos", name));
  return copy;
}

/**
 * Makes Argon2id cheap in a copy, whatever its parameters, which still tell its results apart: a run of tests then takes a
 * third of the time. Not for whoever mutates or measures the derivation itself.
 */
export function cheapenArgon2id(copy: string): void {
  const file = join(copy, "packages/core/src/primitives/argon2id.ts");
  let source = readFileSync(file, "utf8");
  for (const [from, to] of [
    ["memory: memoryKiB,", "memory: 8 * lanes,"],
    ["    passes,\n", "    passes: 1,\n"],
    ["...(associatedData === undefined ? {} : { associatedData }),", "associatedData: new TextEncoder().encode(`${memoryKiB} ${passes}`),"],
  ] as const) {
    if (source.split(from).length !== 2) throw new Error(`not found once in ${file}: ${from}`);
    source = source.replace(from, () => to);
  }
  writeFileSync(file, source);
}
