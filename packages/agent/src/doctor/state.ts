/** `state.db` as a file: there, of this format and application, whole, and of the agent whose keys lie beside it. */
import { isTalosError } from "@talos/core";
import { DATABASE_FILE } from "../vault/keys/layout.ts";
import { findKeylessRescue } from "./rescue-outlook.ts";
import { hasOrphans, judgeState, type StateVerdict } from "../vault/rescue/rescue-state.ts";
import { command, type DoctorFinding, finding } from "./finding.ts";
import type { Look } from "./look.ts";

export interface StateReading {
  readonly findings: readonly DoctorFinding[];
  /** The other checks may read it. */
  readonly readable: boolean;
}

export function checkState(look: Look): StateReading {
  const { dataDir, crypto, now } = look;
  let verdict: StateVerdict;
  try {
    verdict = judgeState(dataDir, crypto, now);
  } catch (error) {
    if (!isTalosError(error)) throw error;
    return { readable: false, findings: [unreadable(error.code, error.message)] };
  }
  switch (verdict.kind) {
    case "sound":
      return { readable: true, findings: [] };
    case "missing":
      return { readable: false, findings: hasOrphans(dataDir) ? [lost(look), ...findKeylessRescue(look)] : [none()] };
    case "foreign":
      return { readable: false, findings: [foreign(look), ...findKeylessRescue(look)] };
    case "damaged":
      return { readable: verdict.facts !== undefined, findings: [damaged(look, verdict), ...findKeylessRescue(look)] };
  }
}

const REMEDY = "Keep a copy of the folder as it is, then put back an untouched state.db or rebuild it";

function none(): DoctorFinding {
  return finding("VAULT_NOT_FOUND", {
    file: DATABASE_FILE,
    message: "There is no agent in this folder.",
    remedy: "Check --data-dir, and that the volume is mounted; talos init makes a new agent.",
    preventsOpening: true,
  });
}

function lost({ dataDir }: Look): DoctorFinding {
  return finding("VAULT_CORRUPT", {
    file: DATABASE_FILE,
    message: "state.db is missing or empty, and key files of an agent are there.",
    remedy: `${REMEDY}: ${command("doctor --rescue", dataDir)}`,
    preventsOpening: true,
  });
}

function foreign({ dataDir }: Look): DoctorFinding {
  return finding("VAULT_FOREIGN", {
    file: DATABASE_FILE,
    message: "state.db is whole and belongs to another agent than the key files beside it.",
    remedy: `${REMEDY}: ${command("doctor --rescue", dataDir)}`,
    preventsOpening: true,
  });
}

function damaged({ dataDir }: Look, { reason, facts }: Extract<StateVerdict, { kind: "damaged" }>): DoctorFinding {
  return finding("VAULT_CORRUPT", {
    file: DATABASE_FILE,
    message: `state.db is damaged. ${reason}`,
    remedy: `${REMEDY}: ${command("doctor --rescue", dataDir)}`,
    // Where it can be read in part, the other checks say whether the agent opens.
    preventsOpening: facts === undefined,
  });
}

function unreadable(code: string, message: string): DoctorFinding {
  if (code === "UNSUPPORTED_VERSION") {
    const remedy = "Use the version of Talos Keys that wrote it, or a newer one.";
    return finding("UNSUPPORTED_VERSION", { file: DATABASE_FILE, message, remedy, preventsOpening: true });
  }
  const remedy = "Check the disk and the permissions of the folder and of the ones above it, then try again.";
  return finding("STORAGE_FAILED", { file: DATABASE_FILE, message: "state.db cannot be read just now.", remedy, preventsOpening: true });
}
