#!/usr/bin/env node
// The command's entry, in plain JavaScript that an old Node can read: says in one line that the Node is too old, else starts @talos/cli.
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);

// 24.18 is what the package for macOS on Intel brings.
if (major < 24 || (major === 24 && minor < 18)) {
  process.stderr.write(
    `talos: needs Node 24.21 or newer, and this is ${process.version}\n` +
      "hint: in a checkout run it through npm (npx talos ...), which brings its own Node; elsewhere install Node 24\n",
  );
  process.exitCode = 1;
} else {
  const entry = import.meta.resolve("@talos/cli");
  if (entry.endsWith(".ts")) {
    // Sources of a checkout: keep what the type stripper made. Never in Node's default folder, which lies in a shared /tmp.
    const { enableCompileCache } = process.getBuiltinModule("node:module");
    const checkout = new URL("../../../", entry);
    enableCompileCache(process.getBuiltinModule("node:url").fileURLToPath(new URL("node_modules/.cache/talos", checkout)));
  }
  const { main } = await import("@talos/cli");
  process.exitCode = await main(process.argv.slice(2));
}
