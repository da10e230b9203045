/**
 * Whether the matrix would notice. Staging, commit, placing and clearing have an order; in copies of the packages two neighbours are
 * swapped, and the matrix must then fail. Each swap is a patch of the text that must fit exactly.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

interface Patch {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

interface Mutation {
  readonly name: string;
  readonly patches: readonly Patch[];
  /** Of the matrix, and only every so many-th point. */
  readonly operations: readonly string[];
  readonly every: number;
}

export interface MutationResult {
  readonly name: string;
  /** What the matrix said; empty where it noticed nothing. */
  readonly noticed: readonly string[];
}

const ROOT: string = resolve(import.meta.dirname, "../..");
const COPIED: readonly string[] = ["packages/core", "packages/agent", "packages/testkit", "tests/faults", "package.json"];
const VAULT = "packages/agent/src/vault";
const SHOWN = 3;

const MUTATIONS: readonly Mutation[] = [
  { name: "nothing swapped", patches: [], operations: ["add-prekeys", "remove-prekeys"], every: 6 },
  {
    name: "commit before stage",
    operations: ["add-prekeys"],
    every: 3,
    patches: [
      {
        file: `${VAULT}/keys/key-folder.ts`,
        from: "    writeNewFile(path, sealKeyFile(place.kind, keyId, secret, this.#sealer));\n",
        to: "    const sealed = sealKeyFile(place.kind, keyId, secret, this.#sealer);\n    this.#late.push(() => writeNewFile(path, sealed));\n",
      },
      {
        file: `${VAULT}/keys/key-folder.ts`,
        from: "  readonly #unsynced = new Set<string>();\n",
        to: "  readonly #unsynced = new Set<string>();\n  readonly #late: (() => void)[] = [];\n",
      },
      {
        file: `${VAULT}/keys/key-folder.ts`,
        from: "    for (const keyId of this.#uncommitted) if (isCommitted(keyId)) this.#uncommitted.delete(keyId);\n",
        to: "    for (const write of this.#late.splice(0)) write();\n    for (const keyId of this.#uncommitted) if (isCommitted(keyId)) this.#uncommitted.delete(keyId);\n",
      },
      {
        // The first commit, of an agent that is being made.
        file: `${VAULT}/keys/key-folder.ts`,
        from: "  forgetUncommitted(): void {\n",
        to: "  forgetUncommitted(): void {\n    for (const write of this.#late.splice(0)) write();\n",
      },
    ],
  },
  {
    name: "place before commit",
    operations: ["remove-prekeys"],
    every: 3,
    patches: [
      {
        file: `${VAULT}/vault.ts`,
        from: "      if (changed) folder.syncStaged();\n",
        to: "      if (changed) folder.syncStaged();\n      if (changed) this.#settle();\n",
      },
      { file: `${VAULT}/vault.ts`, from: "    if (projectionChanged || this.#parts.unsettled) this.#settle();\n", to: "" },
    ],
  },
  {
    name: "clear before place",
    operations: ["change-password-rekey"],
    every: 8,
    patches: [
      { file: `${VAULT}/keys/key-folder.ts`, from: "    for (const name of toClear) unlinkFile(touch(name));\n", to: "" },
      {
        file: `${VAULT}/keys/key-folder.ts`,
        from: "    const vacated = new Set<string>();\n",
        to: "    for (const name of toClear) unlinkFile(touch(name));\n    const vacated = new Set<string>();\n",
      },
    ],
  },
];

/** Runs them all, one after the other. @throws Error where a patch does not fit any more */
export function runMutations(): MutationResult[] {
  return MUTATIONS.map((mutation) => ({ name: mutation.name, noticed: matrixOf(mutation) }));
}

/** Nothing where nothing was swapped, and something wherever two were. */
export function unnoticed(results: readonly MutationResult[]): string[] {
  return results.filter(({ noticed }, index) => noticed.length > 0 !== (MUTATIONS[index]?.patches.length ?? 0) > 0).map(({ name }) => name);
}

function matrixOf({ name, patches, operations, every }: Mutation): string[] {
  const folder = mkdtempSync(join(tmpdir(), "talos-mutation-"));
  try {
    copyCheckout(folder);
    for (const patch of patches) apply(folder, patch);
    const program = join(folder, "tests/faults/whole.ts");
    const { status, stdout, stderr } = spawnSync(process.execPath, [program, "--every", `${every}`, ...operations], { encoding: "utf8" });
    const bad = stdout.split("\n").filter((line) => line.startsWith("BAD "));
    if ((status === 0) !== (bad.length === 0)) throw new Error(`${name}: the matrix itself failed: ${stderr}`);
    return bad.slice(0, SHOWN);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Sources and a node_modules whose packages of ours are the copies. */
function copyCheckout(folder: string): void {
  for (const path of COPIED) {
    const isSource = (source: string): boolean => !/\/(node_modules|dist)$/.test(source);
    cpSync(join(ROOT, path), join(folder, path), { recursive: true, filter: isSource });
  }
  const modules = join(folder, "node_modules");
  mkdirSync(join(modules, "@talos"), { recursive: true });
  for (const entry of readdirSync(join(ROOT, "node_modules"))) {
    if (entry !== "@talos") symlinkSync(join(ROOT, "node_modules", entry), join(modules, entry));
  }
  for (const name of ["core", "agent", "testkit"]) symlinkSync(join(folder, "packages", name), join(modules, "@talos", name));
}

function apply(folder: string, { file, from, to }: Patch): void {
  const path = join(folder, file);
  const text = readFileSync(path, "utf8");
  if (text.split(from).length !== 2) throw new Error(`a swap does not fit ${file} any more: ${from.trim()}`);
  writeFileSync(
    path,
    text.replace(from, () => to),
  );
}
