/** Requests that are given up after a while, for directories that may answer a byte a minute. Knows nothing of what is asked. */
import { talosError } from "@talos/core";
import type { Clock } from "../../clock.ts";
import type { Directory } from "../../directory/directory.ts";

/** A request that nobody signs, over a connection of its own. */
export type Unsigned = <T>(url: string, request: (directory: Directory) => Promise<T>) => Promise<T>;

/** As `unsigned`; what has not come by then is DIRECTORY_UNREACHABLE, and nothing of it goes on behind. */
export function limited({ clock, unsigned }: { readonly clock: Clock; readonly unsigned: Unsigned }, milliseconds: number): Unsigned {
  return async (url, request) => {
    const done = new AbortController();
    const tooLate = new AbortController();
    const late = (): Error => talosError("DIRECTORY_UNREACHABLE", undefined, { details: { directory: url, reason: "timeout" } });
    const answer = unsigned(url, async (directory) => {
      // One that was busy is asked again after a pause, which may end after the limit.
      if (tooLate.signal.aborted) throw late();
      tooLate.signal.addEventListener("abort", () => directory.close(), { once: true });
      return await request(directory);
    });
    const end = async (): Promise<never> => {
      await clock.sleep(milliseconds, done.signal);
      if (!done.signal.aborted) tooLate.abort();
      throw late();
    };
    // Whichever comes second is nobody's.
    answer.catch(() => undefined);
    try {
      return await Promise.race([answer, end()]);
    } finally {
      done.abort();
    }
  };
}
