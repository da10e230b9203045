// The one process of all unit tests: imports the files named on its command line, one after the other, and lets node:test run them.
// Started by tools/test.ts alone. Knows nothing of what is tested.
import { relative } from "node:path";
import { before, test } from "node:test";

// No test may start before the last file is imported: node:test ends this process as soon as all tests that it knows of are done.
// (So a test file must not `await test(...)` at its top level: it would wait for itself.)
const imported = Promise.withResolvers<void>();
before(() => imported.promise);

for (const file of process.argv.slice(2)) {
  try {
    await import(file);
  } catch (error) {
    test(`${relative(process.cwd(), file)} can be imported`, () => {
      throw error;
    });
  }
}
imported.resolve();
