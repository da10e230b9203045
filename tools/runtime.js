// Runs as `prepare`, on whatever Node the machine has: makes sure that npm scripts and `npx` run on the project's own Node.
// npm 9 takes the link node_modules/.bin/node away again when it skips a sibling platform's package; here it is made anew.
// Plain JavaScript of old Node's vintage: it must still say its sentence where nothing else of the project can run.
import { existsSync, mkdirSync, symlinkSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const modules = join(root, "node_modules");
const link = join(modules, ".bin", "node");

const platform = `${process.platform}-${process.arch}`;
const binary = [`node-${platform}`, `node-bin-${platform}`]
  .map((name) => join(modules, name, "bin", "node"))
  .find((path) => existsSync(path));

if (binary !== undefined) {
  if (!existsSync(link)) {
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(relative(dirname(link), binary), link);
  }
} else {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  // 24.18 is what the package for macOS on Intel brings.
  if (major < 24 || (major === 24 && minor < 18)) {
    process.stderr.write(
      `Talos Keys needs Node 24.21 or newer, and this is ${process.version}: the npm package node-${platform} that brings it was not installed.\n` +
        "hint: run npm ci without --omit=optional, or install Node 24 and run npm ci again\n",
    );
    process.exit(1);
  }
}
