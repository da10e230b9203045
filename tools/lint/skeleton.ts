// A small workspace with the project's folders and the project's own checker settings, for tests that plant violations in it.
// Knows which settings there are, not what they forbid.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

const root: string = resolve(import.meta.dirname, "../..");
const SETTINGS = [
  "oxlint.config.ts",
  ".oxfmtrc.json",
  "knip.json",
  "package.json",
  "tsconfig.json",
  "tsconfig.base.json",
  "tsconfig.tests.json",
];
const PACKAGES = ["core", "agent", "directory", "cli", "testkit"];

export interface Outcome {
  readonly status: number | null;
  readonly output: string;
}

export class Skeleton implements Disposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), "talos-planted-"));

  constructor() {
    for (const file of SETTINGS) cpSync(join(root, file), join(this.folder, file));
    cpSync(join(root, "tools/lint"), join(this.folder, "tools/lint"), { recursive: true, filter: (path) => !path.endsWith(".test.ts") });
    const modules = join(this.folder, "node_modules");
    mkdirSync(join(modules, "@talos"), { recursive: true });
    for (const name of ["oxlint", "oxlint-tsgolint", "@oxlint-tsgolint", "@types", "typescript", "undici-types"]) {
      symlinkSync(join(root, "node_modules", name), join(modules, name));
    }
    for (const name of PACKAGES) {
      const settings = readFileSync(join(root, "packages", name, "package.json"), "utf8");
      this.write(`packages/${name}/package.json`, settings);
      this.write(`packages/${name}/tsconfig.json`, readFileSync(join(root, "packages", name, "tsconfig.json"), "utf8"));
      this.write(`packages/${name}/src/index.ts`, `export const name = ${JSON.stringify(name)};\n`);
      symlinkSync(join("../../packages", name), join(modules, "@talos", name));
    }
  }

  write(file: string, text: string): void {
    const path = join(this.folder, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }

  /** Runs a checker of the project, by its name in node_modules/.bin, in this folder. */
  check(program: string, ...args: readonly string[]): Outcome {
    const path = join(root, "node_modules/.bin", program);
    const { status, stdout, stderr } = spawnSync(process.execPath, [path, ...args], { cwd: this.folder, encoding: "utf8" });
    return { status, output: stdout + stderr };
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
