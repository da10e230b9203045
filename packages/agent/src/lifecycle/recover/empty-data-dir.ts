/** Whether a recovery may write into a folder: nothing lies there, or only what an attempt to make an agent has left that never committed. Reads only. */
import { join } from "node:path";
import { talosError } from "@talos/core";
import { listFolder } from "../../vault/files.ts";
import { DATABASE_FILE, LOCK_FILE, parseName, PREKEYS_FOLDER } from "../../vault/keys/layout.ts";
import { Vault } from "../../vault/index.ts";

/** SQLite's own. */
const SUFFIXES = ["", "-journal", "-wal", "-shm"] as const;
const LEFT_BEHIND: ReadonlySet<string> = new Set([LOCK_FILE, DATABASE_FILE].flatMap((name) => SUFFIXES.map((suffix) => name + suffix)));

/** @throws TalosError VAULT_EXISTS, DATA_DIR_NOT_EMPTY; VAULT_CORRUPT where an agent has lost its database; of a folder that is not as it must be */
export function requireEmptyDataDir(dataDir: string): void {
  if (Vault.exists(dataDir)) throw talosError("VAULT_EXISTS", undefined, { details: { dataDir } });
  const found = [
    ...listFolder(dataDir).filter((name) => name !== PREKEYS_FOLDER),
    ...listFolder(join(dataDir, PREKEYS_FOLDER)).map((name) => `${PREKEYS_FOLDER}/${name}`),
  ];
  const [other] = found.filter((name) => !LEFT_BEHIND.has(name) && parseName(name)?.type !== "staged");
  if (other !== undefined) throw talosError("DATA_DIR_NOT_EMPTY", undefined, { details: { dataDir, found: other } });
}
