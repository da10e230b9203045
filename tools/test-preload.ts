// Loaded before everything else in each process that runs tests: makes its report complete, and tells what a test left open.
// Knows nothing of what is tested.

const OPEN_HANDLES: readonly string[] = ["Timeout", "TCPServerWrap", "TCPSocketWrap", "ProcessWrap", "FSEventWrap", "MessagePort"];

// The runner ends a process once its tests are done (`forceExit`), and whatever a full pipe has not taken by then would be lost, the
// results of the last tests with it. So writing waits for the reader. There is no public way to ask for that.
interface StreamOnHandle {
  readonly _handle?: { readonly setBlocking?: (blocking: boolean) => void };
}
(process.stdout as StreamOnHandle)._handle?.setBlocking?.(true);

// A forgotten timer cannot hang a process that is ended anyway; it should still be heard of.
process.on("exit", () => {
  const open = process.getActiveResourcesInfo().filter((kind) => OPEN_HANDLES.includes(kind));
  if (open.length > 0) process.stderr.write(`note: a test left something open: ${open.join(", ")}\n`);
});
