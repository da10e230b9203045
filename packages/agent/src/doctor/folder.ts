/** The folder itself: there, owned by who runs this, closed to others, and holding nothing that is not ours. Reads names and modes only. */
import { join, relative } from "node:path";
import { listFolder, statPath } from "../vault/files.ts";
import { DATABASE_FILE, LOCK_FILE, METADATA_FILE, parseName, PREKEYS_FOLDER, QUARANTINE_FOLDER } from "../vault/keys/layout.ts";
import { findFaults, type PermissionFault } from "../vault/permissions.ts";
import { type DoctorFinding, finding, pathFor } from "./finding.ts";
import type { Look } from "./look.ts";

const WHAT = {
  SYMLINK_REFUSED: "is a symbolic link, which may lead anywhere tomorrow",
  OWNER_FOREIGN: "belongs to another user",
  PERMISSIONS_TOO_OPEN: "can be read or changed by others",
} as const satisfies Record<PermissionFault["code"], string>;

const OURS: ReadonlySet<string> = new Set([
  ...["", "-wal", "-shm", "-journal"].flatMap((suffix) => [`${DATABASE_FILE}${suffix}`, `${LOCK_FILE}${suffix}`]),
  METADATA_FILE,
  `${METADATA_FILE}.new`,
  PREKEYS_FOLDER,
  QUARANTINE_FOLDER,
]);
const FOLDERS: ReadonlySet<string> = new Set([PREKEYS_FOLDER, QUARANTINE_FOLDER]);

/** Undefined where there is a folder to look into. */
export function findFolder(dataDir: string): DoctorFinding | undefined {
  const stats = statPath(dataDir);
  if (stats?.isDirectory() === true || stats?.isSymbolicLink() === true) return undefined;
  return finding("VAULT_NOT_FOUND", {
    file: ".",
    message: stats === undefined ? "There is no such folder." : "The data directory is not a folder.",
    remedy: "Check --data-dir, and that the volume is mounted. Do not make a new agent in its place before that is clear.",
    preventsOpening: true,
  });
}

export function checkFolderPermissions({ dataDir }: Look): DoctorFinding[] {
  return [...findFaults(dataDir)].map(({ code, path, hint }) => {
    const file = relative(dataDir, path) || ".";
    return finding(code, {
      file,
      message: `${file === "." ? "The data directory" : file} ${WHAT[code]}.`,
      remedy: hint,
      preventsOpening: true,
    });
  });
}

/** What lies in the folder and is none of the agent's. Files that look like keys are judged with the inventory. */
export function checkStrangers({ dataDir }: Look): DoctorFinding[] {
  const inPrekeys = listFolder(join(dataDir, PREKEYS_FOLDER)).map((name) => `${PREKEYS_FOLDER}/${name}`);
  return [...listFolder(dataDir), ...inPrekeys].flatMap((name): DoctorFinding[] => {
    const isKey = parseName(name) !== undefined;
    const stats = statPath(join(dataDir, name));
    if (stats === undefined || stats.isSymbolicLink()) return [];
    if (!isKey && !OURS.has(name)) {
      return [
        finding("FILE_UNRELATED", {
          file: name,
          message: `${name} is no part of the agent.`,
          remedy: `Move it elsewhere if you know what it is: mv ${pathFor(dataDir, name)} ELSEWHERE`,
        }),
      ];
    }
    const fits = FOLDERS.has(name) ? stats.isDirectory() : stats.isFile();
    if (fits) return [];
    return [
      finding("STORAGE_FAILED", {
        file: name,
        message: `${name} is not a ${FOLDERS.has(name) ? "folder" : "file"}.`,
        remedy: `Move it elsewhere, and put back what belongs there: ls -ld ${pathFor(dataDir, name)}`,
        preventsOpening: true,
      }),
    ];
  });
}
