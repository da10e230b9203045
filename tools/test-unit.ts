// The one process of all unit tests: imports the files named on its command line, one after the other, and lets node:test run them.
// Started by tools/test.ts alone. Knows nothing of what is tested.
import { relative } from "node:path";
import { test } from "node:test";

const OPEN_HANDLES: readonly string[] = ["Timeout", "TCPServerWrap", "TCPSocketWrap", "ProcessWrap", "FSEventWrap", "MessagePort"];

// The runner ends this process once the results are in, so a forgotten timer cannot hang it; it should still be heard of.
process.on("exit", () => {
  const open = process.getActiveResourcesInfo().filter((kind) => OPEN_HANDLES.includes(kind));
  if (open.length > 0) process.stderr.write(`note: a unit test left something open: ${open.join(", ")}\n`);
});

for (const file of process.argv.slice(2)) {
  try {
    await import(file);
  } catch (error) {
    test(`${relative(process.cwd(), file)} can be imported`, () => {
      throw error;
    });
  }
}
