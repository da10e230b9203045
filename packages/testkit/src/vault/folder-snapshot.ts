/**
 * Everything that can change about a folder, to be compared before and after: names, kinds, modes, sizes, contents,
 * times of modification. Knows nothing of a vault's formats.
 */
import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";

export interface SnapshotOptions {
  /**
   * Files whose content is not read. While this very process has a vault open, its databases must be named: closing any
   * descriptor of them would drop the vault's lock.
   */
  readonly unread?: (path: string) => boolean;
}

/** One line per entry, by its path relative to the folder. */
export function snapshotFolder(folder: string, options: SnapshotOptions = {}): Record<string, string> {
  const lines: Record<string, string> = {};
  const visit = (relative: string): void => {
    const path = join(folder, relative);
    const stats = lstatSync(path, { bigint: true });
    const facts = [(stats.mode & 0o7777n).toString(8), String(stats.mtimeNs), String(stats.size)];
    if (stats.isSymbolicLink()) facts.push(`-> ${readlinkSync(path)}`);
    if (stats.isFile() && !(options.unread?.(relative) ?? false)) facts.push(createHash("sha256").update(readFileSync(path)).digest("hex"));
    lines[relative === "" ? "." : relative] = facts.join(" ");
    if (stats.isDirectory()) for (const name of readdirSync(path).sort()) visit(relative === "" ? name : `${relative}/${name}`);
  };
  visit("");
  return lines;
}

/** As `ls -lR` shows it: `0600 metadata.json`, one line per entry, sorted; folders end with a slash. */
export function listModes(folder: string): string[] {
  const lines: string[] = [];
  const visit = (relative: string): void => {
    const stats = lstatSync(join(folder, relative));
    const mode = (stats.mode & 0o7777).toString(8).padStart(4, "0");
    lines.push(`${mode} ${relative === "" ? "." : relative}${stats.isDirectory() ? "/" : ""}`);
    if (stats.isDirectory())
      for (const name of readdirSync(join(folder, relative)).sort()) visit(relative === "" ? name : `${relative}/${name}`);
  };
  visit("");
  return lines;
}
