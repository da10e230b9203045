// The check as a published package runs it: compiled, where Node strips no types. The worker is then another file.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";

const ROOT = resolve(import.meta.dirname, "../../../..");
const CONFIG = {
  extends: join(ROOT, "tsconfig.base.json"),
  compilerOptions: { composite: false, noEmitOnError: true, isolatedDeclarations: false, rootDir: import.meta.dirname, outDir: "." },
  files: [join(import.meta.dirname, "strength.ts"), join(import.meta.dirname, "strength-worker.ts")],
};
const RUN = `
  import { SecretBytes } from "@talos/core";
  import { requireStrongPassword } from "./strength.js";
  for (const text of ["umbrella17", "river otter lamp quartz mole"])
    await requireStrongPassword(SecretBytes.fromUtf8(text), { allowWeak: false }).then(() => console.log("ok"), ({ code }) => console.log(code));
`;

test("the compiled check measures in its compiled worker", () => {
  // In the checkout, so that packages are found.
  mkdirSync(join(ROOT, "node_modules/.cache"), { recursive: true });
  const folder = mkdtempSync(join(ROOT, "node_modules/.cache/talos-compiled-"));
  try {
    for (const [file, text] of [
      ["package.json", '{"type":"module"}'],
      ["tsconfig.json", JSON.stringify(CONFIG)],
      ["run.js", RUN],
    ] as const)
      writeFileSync(join(folder, file), text);
    const compiled = spawnSync(join(ROOT, "node_modules/.bin/tsc"), ["-p", folder], { encoding: "utf8" });
    const { stdout, stderr } = spawnSync(process.execPath, [join(folder, "run.js")], { encoding: "utf8" });
    assert.equal(stdout, "WEAK_PASSWORD\nok\n", compiled.stdout + stderr);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
