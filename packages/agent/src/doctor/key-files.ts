/**
 * The key files against the inventory: missing, damaged, exchanged, unknown, left over. With the password every one is opened; without
 * it names and headers have to do.
 */
import { checkKeyFiles } from "../vault/open.ts";
import { KeyFolder } from "../vault/keys/key-folder.ts";
import { isVital } from "../vault/keys/layout.ts";
import { planFor } from "../vault/settle.ts";
import type { Placement } from "../vault/keys/placement.ts";
import type { VaultFinding } from "../vault/types.ts";
import { command, type DoctorFinding, finding, pathFor, type FindingCode } from "./finding.ts";
import type { StateLook } from "./look.ts";

const LOST: Readonly<Partial<Record<string, FindingCode>>> = {
  KEY_FILE_MISSING: "KEY_FILE_MISSING",
  KEY_FILE_CORRUPT: "KEY_FILE_CORRUPT",
  KEY_FILE_SWAPPED: "KEY_FILE_SWAPPED",
  UNSUPPORTED_VERSION: "UNSUPPORTED_VERSION",
};

export function checkPlaces(look: StateLook): DoctorFinding[] {
  const { placement } = place(look);
  const clear = new Set(placement.clear);
  const wrong = new Set(placement.findings.map(({ file }) => file));
  return [
    ...placement.findings.map((one) => lost(one, look)),
    ...placement.quarantine.map((file) =>
      finding("FILE_UNKNOWN", {
        file,
        message: `${file} has the name of a key file and is no key of this agent.`,
        remedy: `Move it elsewhere if you know what it is; the next opening puts it aside, whole: mv ${pathFor(look.dataDir, file)} ELSEWHERE`,
      }),
    ),
    ...placement.moves
      .filter(({ from, to }) => !wrong.has(from) && !wrong.has(to))
      .map(({ from, to }) =>
        finding("FILE_MISPLACED", {
          file: from,
          message: `${from} is to become ${to}; a crash, or an agent at work, left it on its way.`,
          remedy: "Nothing needs to be done: the next opening finishes it.",
        }),
      ),
    ...[...clear].map((file) =>
      finding("FILE_LEFT_OVER", {
        file,
        message: `${file} holds a key that has ended or never came into force.`,
        remedy: "Nothing needs to be done: the next opening removes it.",
      }),
    ),
  ];
}

/** Needs the sealer. */
export function checkPrivateParts(look: StateLook): DoctorFinding[] {
  const { folder, placement } = place(look);
  folder.adopt(placement);
  return checkKeyFiles(folder, look.store, placement.findings, "all").map((one) => lost(one, look));
}

function place({ dataDir, crypto, sealer, store, facts }: StateLook): { folder: KeyFolder; placement: Placement } {
  const folder = new KeyFolder(dataDir, crypto, sealer);
  return { folder, placement: planFor(folder, store, facts.vaultKeyNumber) };
}

function lost({ code, file, keyId, message }: VaultFinding, { tx, dataDir }: StateLook): DoctorFinding {
  const entry = keyId === undefined ? undefined : tx.inventory.get(keyId);
  const isNeeded = entry !== undefined && isVital(entry);
  return finding(LOST[code] ?? "KEY_FILE_CORRUPT", {
    file,
    message: `${message} ${isNeeded ? "The agent cannot do without it." : "The agent works without it."}`,
    remedy: isNeeded
      ? `Put back an untouched copy of this file, with the same name: cp COPY ${pathFor(dataDir, file)}`
      : `Put back an untouched copy if there is one; otherwise leave it: ${command("status", dataDir)} shows what there is.`,
    preventsOpening: isNeeded,
  });
}
