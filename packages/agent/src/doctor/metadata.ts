/** `metadata.json` against the database: it is what a rescue stands on, and never trusted otherwise. */
import { METADATA_FILE } from "../vault/keys/layout.ts";
import { compareMetadata } from "../vault/metadata.ts";
import { projectionOf } from "../vault/settle.ts";
import { command, type DoctorFinding, finding } from "./finding.ts";
import type { StateLook } from "./look.ts";

export function checkMetadata({ dataDir, facts, database, store }: StateLook): DoctorFinding[] {
  const state = compareMetadata(dataDir, projectionOf({ facts: { ...facts, dataDir }, database, store }));
  const remedy = `Open the agent once, which writes it anew: ${command("receive", dataDir)}`;
  const file = METADATA_FILE;
  switch (state) {
    case "as it should be":
      return [];
    case "missing":
      return [
        finding("METADATA_MISSING", {
          file,
          message: "metadata.json is missing: without it a destroyed state.db cannot be rescued.",
          remedy,
        }),
      ];
    case "different":
      return [
        finding("METADATA_STALE", {
          file,
          message: "metadata.json is not what the agent wrote: a rescue would fail, or bring back less.",
          remedy,
        }),
      ];
    case "newer":
      return [
        finding("STATE_OLDER", {
          file,
          message:
            "metadata.json was written by a later opening than state.db knows of: state.db is an older copy, or metadata.json was changed.",
          remedy: "If somebody put back an older state.db, put back the newest copy: under an older one message keys may be used twice.",
        }),
      ];
  }
}
