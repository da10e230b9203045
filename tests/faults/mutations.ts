/**
 * Whether the matrix would notice. Staging, commit, placing and clearing have an order, and so have event, commit and publication of an agent;
 * in copies of the packages two neighbours are swapped, and the matrix must then fail. Each swap is a patch of the text that must fit
 * exactly.
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

export interface Mutation {
  readonly name: string;
  readonly patches: readonly Patch[];
  /** Of the matrix, and only every so many-th point. */
  readonly operations: readonly string[];
  readonly every: number;
  /** And every so many-th request of it lost. Default: none. */
  readonly requests?: number;
}

export interface MutationResult {
  readonly name: string;
  /** What the matrix said; empty where it noticed nothing. */
  readonly noticed: readonly string[];
}

const ROOT: string = resolve(import.meta.dirname, "../..");
const COPIED: readonly string[] = [
  "packages/core",
  "packages/agent",
  "packages/directory",
  "packages/testkit",
  "tests/faults",
  "package.json",
];
const VAULT = "packages/agent/src/vault";
const BACKUP = "packages/agent/src/backup";
const LIFECYCLE = "packages/agent/src/lifecycle";
const SHOWN = 3;

export const VAULT_SWAPS: readonly Mutation[] = [
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

const AGENT_SWAPS: readonly Mutation[] = [
  {
    name: "the event leaves before it is stored",
    operations: ["rotate"],
    every: 8,
    patches: [
      {
        file: `${LIFECYCLE}/identity-plan/rotate.ts`,
        from: '    storePlan(context, made, { kind: "rotate",',
        to: '    await publishOwnEvent(context, context.home ?? "", made.event, made.head);\n    storePlan(context, made, { kind: "rotate",',
      },
      {
        file: `${LIFECYCLE}/identity-plan/rotate.ts`,
        from: 'import { lookAbroad } from "./own-log-abroad.ts";\n',
        to: 'import { lookAbroad, publishOwnEvent } from "./own-log-abroad.ts";\n',
      },
    ],
  },
  {
    name: "staged keys before their plan",
    operations: ["rotate"],
    every: 8,
    patches: [
      {
        file: `${LIFECYCLE}/identity-plan/run-plan.ts`,
        from: "    for (const entry of made.entries) tx.inventory.put(entry);\n",
        to: "    for (const entry of made.entries) tx.inventory.put(entry);\n  });\n  context.commits.evenSuperseded((tx) => {\n",
      },
    ],
  },
  {
    name: "the old key ends before the new one is in force",
    operations: ["rotate"],
    every: 8,
    patches: [
      {
        file: `${LIFECYCLE}/identity-plan/commit.ts`,
        from: "  commits.evenSuperseded((tx) => {\n    putEvent(tx, plan, event, now);\n    switchKeys(",
        to:
          '  commits.evenSuperseded((tx) => endAll(tx, [tx.inventory.live("identity", "current")], now));\n' +
          "  commits.evenSuperseded((tx) => {\n    putEvent(tx, plan, event, now);\n    switchKeys(",
      },
    ],
  },
  {
    name: "commit before the event is accepted",
    operations: ["revoke"],
    every: 3,
    patches: [
      {
        file: `${LIFECYCLE}/identity-plan/run-plan.ts`,
        from: "      foreign = await acceptEvent(context, plan);\n",
        to: "      await commitPlan(context, plan, told);\n      foreign = await acceptEvent(context, plan);\n      return;\n",
      },
    ],
  },
  {
    name: "an event whose answer was lost is made anew",
    operations: ["rotate"],
    every: 1000,
    requests: 1,
    patches: [
      {
        file: `${LIFECYCLE}/identity-plan/run-plan.ts`,
        from: '    if (!isTalosError(error, "IDENTITY_MOVED")) throw error;\n',
        to:
          '    if (!isTalosError(error, "IDENTITY_MOVED")) {\n' +
          "      context.commits.evenSuperseded((tx) => abandonPlan(tx, plan, context.clock.now()));\n      throw error;\n    }\n",
      },
    ],
  },
  {
    name: "the living copy before its prekeys",
    operations: ["takeover"],
    every: 6,
    patches: [
      {
        file: `${LIFECYCLE}/takeover.ts`,
        from: "    commits.atGeneration(generation, (tx) => {\n",
        to: "    commits.evenSuperseded((tx) => clearSuperseded(tx));\n    commits.atGeneration(generation, (tx) => {\n",
      },
    ],
  },
];

const BACKUP_SWAPS: readonly Mutation[] = [
  {
    name: "a backup has its name before it is on the disk",
    operations: ["export"],
    every: 2,
    patches: [
      {
        file: `${BACKUP}/write-copies.ts`,
        from: "      writeNewFile(temporary, sealed);\n",
        to: '      named(() => writeFileSync(temporary, sealed, { flag: "wx", mode: 0o600 }));\n',
      },
      {
        file: `${BACKUP}/write-copies.ts`,
        from: "        syncNames(dirname(path), medium);\n",
        to: "        syncNames(dirname(path), medium);\n        named(() => syncLate(path));\n",
      },
      {
        file: `${BACKUP}/write-copies.ts`,
        from: "function requireSame(",
        to:
          'function syncLate(path: string): void {\n  const file = openSync(path, "r+");\n' +
          "  try {\n    fsyncSync(file);\n  } finally {\n    closeSync(file);\n  }\n}\n\n" +
          "function named(act: () => void): void {\n  try {\n    act();\n  } catch (cause) {\n" +
          '    throw talosError("STORAGE_FAILED", undefined, { cause });\n  }\n}\n\nfunction requireSame(',
      },
      {
        file: `${BACKUP}/write-copies.ts`,
        from: "import { lstatSync }",
        to: "import { closeSync, fsyncSync, lstatSync, openSync, writeFileSync }",
      },
    ],
  },
  {
    name: "a backup is on record before its name is on the disk",
    operations: ["export"],
    every: 1,
    patches: [
      {
        file: `${BACKUP}/write-copies.ts`,
        from: "        syncNames(dirname(path), medium);\n",
        to: "",
      },
      {
        file: `${BACKUP}/export-keys.ts`,
        from: "  if (failure !== undefined) throw failure;\n",
        to: "  for (const path of written) syncFolder(dirname(path));\n  if (failure !== undefined) throw failure;\n",
      },
      {
        file: `${BACKUP}/export-keys.ts`,
        from: 'import type { AgentContext } from "../context.ts";\n',
        to: 'import { dirname } from "node:path";\nimport { syncFolder } from "../vault/files.ts";\nimport type { AgentContext } from "../context.ts";\n',
      },
    ],
  },
];

const RESTORE_SWAPS: readonly Mutation[] = [
  {
    name: "an agent is let go before it is the living one",
    operations: ["restore-back"],
    every: 3,
    patches: [
      {
        file: `${LIFECYCLE}/takeover.ts`,
        from: "    commits.atGeneration(generation, (tx) => {\n",
        to: "    commits.evenHeld((tx) => clearHeld(tx));\n    commits.atGeneration(generation, (tx) => {\n",
      },
    ],
  },
  {
    name: "an agent from a backup is made before it is held",
    operations: ["restore-away"],
    every: 3,
    patches: [
      {
        file: `${LIFECYCLE}/recover/restored-life.ts`,
        from: '      markHeld(tx, { way: "restored", since: now, backupAt: content.createdAt });\n',
        to: "",
      },
      {
        file: `${LIFECYCLE}/recover/recover-agent.ts`,
        from: "  const unused = standing.kind",
        to:
          "  try {\n    vault.transaction((tx) =>" +
          ' markHeld(tx, { way: "restored", since: clock.now(), backupAt: content.createdAt }));\n' +
          "  } catch (error) {\n    vault.close();\n    throw error;\n  }\n" +
          "  const unused = standing.kind",
      },
      {
        file: `${LIFECYCLE}/recover/recover-agent.ts`,
        from: 'import { outdated } from "./held-recovery.ts";',
        to: 'import { markHeld, outdated } from "./held-recovery.ts";',
      },
    ],
  },
];

/** Those that the quick run tries. */
export const SAMPLED_AGENT_SWAPS: readonly Mutation[] = AGENT_SWAPS.filter(({ name }) =>
  ["the event leaves before it is stored", "the old key ends before the new one is in force"].includes(name),
);
export const ALL_SWAPS: readonly Mutation[] = [...VAULT_SWAPS, ...AGENT_SWAPS, ...BACKUP_SWAPS, ...RESTORE_SWAPS];

/** Runs them all, one after the other, in one copy: what is compiled once is not compiled again. @throws Error where a patch does not fit any more */
export function runMutations(mutations: readonly Mutation[]): MutationResult[] {
  const folder = mkdtempSync(join(tmpdir(), "talos-mutation-"));
  try {
    copyCheckout(folder);
    return mutations.map((mutation) => ({ name: mutation.name, noticed: matrixOf(folder, mutation) }));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Nothing where nothing was swapped, and something wherever two were. */
export function unnoticed(mutations: readonly Mutation[], results: readonly MutationResult[]): string[] {
  return results.filter(({ noticed }, index) => noticed.length > 0 !== (mutations[index]?.patches.length ?? 0) > 0).map(({ name }) => name);
}

function matrixOf(folder: string, { name, patches, operations, every, requests = 0 }: Mutation): string[] {
  const before = new Map(patches.map(({ file }) => [file, readFileSync(join(folder, file), "utf8")]));
  try {
    for (const patch of patches) apply(folder, patch);
    const program = join(folder, "tests/faults/whole.ts");
    const options = ["--every", `${every}`, "--requests", `${requests}`, "--until-bad"];
    const env = { ...process.env, NODE_COMPILE_CACHE: join(folder, "node_modules/.cache/talos") };
    const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...options, ...operations], { encoding: "utf8", env });
    const bad = stdout.split("\n").filter((line) => line.startsWith("BAD "));
    if ((status === 0) !== (bad.length === 0)) throw new Error(`${name}: the matrix itself failed: ${stderr}`);
    return bad.slice(0, SHOWN);
  } finally {
    for (const [file, text] of before) writeFileSync(join(folder, file), text);
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
  for (const name of ["core", "agent", "directory", "testkit"]) symlinkSync(join(folder, "packages", name), join(modules, "@talos", name));
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
