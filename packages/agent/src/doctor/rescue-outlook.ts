/** Whether a destroyed `state.db` could be rescued, as far as can be told without the password. */
import { isTalosError } from "@talos/core";
import { METADATA_FILE } from "../vault/keys/layout.ts";
import { readRescueSource } from "../vault/rescue/rescue-source.ts";
import { command, type DoctorFinding, finding } from "./finding.ts";
import type { Look } from "./look.ts";

export function findKeylessRescue({ dataDir, crypto, now }: Look): DoctorFinding[] {
  try {
    readRescueSource(dataDir, crypto, now);
    return [
      finding("RESCUE_POSSIBLE", {
        file: METADATA_FILE,
        message:
          "metadata.json has the agent's log and its unlock slots. With them identity and encryption key come back; sessions, peers and mail do not.",
        remedy: `Rebuild the database: ${command("doctor --rescue", dataDir)}`,
      }),
    ];
  } catch (error) {
    if (!isTalosError(error)) throw error;
    return [
      finding("RESCUE_NOT_POSSIBLE", {
        file: METADATA_FILE,
        message: `A rescue is not possible: ${error.message}`,
        remedy: "Put back metadata.json and state.db from an untouched copy of the folder, or recover from a backup.",
      }),
    ];
  }
}
