/**
 * Which database files this process has open. A path that somebody names may lead to one of them, by another name too; opening it and
 * closing it again would drop the lock that the process holds (POSIX), and let a second one in. Knows nothing of what is in them.
 */
import { type Stats, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { DATABASE_FILE, LOCK_FILE } from "./keys/layout.ts";

const held: Set<string> = new Set();

/** From before the first of them is opened until after the last is closed. */
export function holdFiles(dataDir: string): Disposable {
  const folder = resolve(dataDir);
  held.add(folder);
  return { [Symbol.dispose]: () => void held.delete(folder) };
}

/** Whether that is a database of a data directory that this process has open. */
export function isHeldFile({ dev, ino }: Pick<Stats, "dev" | "ino">): boolean {
  return [...held].some((dataDir) =>
    [LOCK_FILE, ...["", "-wal", "-shm", "-journal"].map((suffix) => `${DATABASE_FILE}${suffix}`)].some((name) => {
      const stats = statSync(join(dataDir, name), { throwIfNoEntry: false });
      return stats !== undefined && stats.dev === dev && stats.ino === ino;
    }),
  );
}
