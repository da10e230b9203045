/** What was put aside, and never deleted: a person decides. */
import { join } from "node:path";
import { listFolder, statPath } from "../vault/files.ts";
import { QUARANTINE_FOLDER } from "../vault/keys/layout.ts";
import { type DoctorFinding, finding, pathFor } from "./finding.ts";
import type { Look } from "./look.ts";

export function checkQuarantine({ dataDir }: Look): DoctorFinding[] {
  return listFolder(join(dataDir, QUARANTINE_FOLDER)).map((name) => {
    const file = `${QUARANTINE_FOLDER}/${name}`;
    const size = statPath(join(dataDir, file))?.size ?? 0;
    return finding("QUARANTINE_NOT_EMPTY", {
      file,
      message: `${file} (${size} bytes) was put aside: it was no part of the agent, or did not open.`,
      remedy: `Look where it came from, then move it elsewhere or remove it: rm ${pathFor(dataDir, file)}`,
    });
  });
}
