/** The ways in: how many there are, whether their records are whole, and how hard a password is to guess through them. Opens none. */
import { isTalosError } from "@talos/core";
import { readSlots } from "../vault/database.ts";
import { DEFAULT_KDF } from "../vault/slots/kdf-bounds.ts";
import { DATABASE_FILE } from "../vault/keys/layout.ts";
import { decodeSlot, type SlotFields, type StoredSlot } from "../vault/slots/slot-record.ts";
import { command, type DoctorFinding, finding } from "./finding.ts";
import type { StateLook } from "./look.ts";

export function checkSlots({ database, facts, crypto, dataDir }: StateLook): DoctorFinding[] {
  const findings: DoctorFinding[] = [];
  const sound: SlotFields[] = [];
  for (const slot of readSlots(database)) {
    const read = readSlot(slot, crypto);
    if (typeof read === "string") findings.push(unusable(slot, read, dataDir));
    else if (read.vaultKeyNumber === facts.vaultKeyNumber) sound.push(read);
    if (typeof read !== "string" && isWeak(read)) {
      findings.push(
        finding("KDF_BELOW_DEFAULT", {
          file: DATABASE_FILE,
          message: `Unlock slot ${slot.number} hashes its password with less than today's default.`,
          remedy: "Nothing needs to be done: the next opening with this password raises it.",
        }),
      );
    }
  }
  const [only, another] = sound;
  if (only === undefined) {
    findings.push(
      finding("SLOT_DAMAGED", {
        file: DATABASE_FILE,
        message: "There is no unlock slot that could be opened.",
        remedy: `Rebuild the database from the key files and the copy of the slots: ${command("doctor --rescue", dataDir)}`,
        preventsOpening: true,
      }),
    );
  } else if (another === undefined) {
    findings.push(
      finding("SLOT_ONLY_ONE", {
        file: DATABASE_FILE,
        message: `There is one way in, a ${only.kind}. Whoever loses it loses the agent.`,
        remedy: `Add a second way in and keep it elsewhere: ${command("slots add", dataDir)}`,
      }),
    );
  }
  return findings;
}

function readSlot({ record }: StoredSlot, crypto: StateLook["crypto"]): SlotFields | "SLOT_DAMAGED" | "KDF_PARAMETERS_REFUSED" {
  try {
    return decodeSlot(record, crypto);
  } catch (error) {
    return isTalosError(error, "KDF_PARAMETERS_REFUSED") ? "KDF_PARAMETERS_REFUSED" : "SLOT_DAMAGED";
  }
}

function unusable({ number }: StoredSlot, code: "SLOT_DAMAGED" | "KDF_PARAMETERS_REFUSED", dataDir: string): DoctorFinding {
  const why = code === "SLOT_DAMAGED" ? "is damaged" : "names hashing parameters outside the allowed bounds, which nothing of ours writes";
  return finding(code, {
    file: DATABASE_FILE,
    message: `Unlock slot ${number} ${why}; its way in is lost.`,
    remedy: `Open the agent another way, remove the slot and add it again: ${command(`slots remove ${number}`, dataDir)}`,
  });
}

function isWeak({ kdf }: SlotFields): boolean {
  return kdf !== undefined && (kdf.memoryKiB < DEFAULT_KDF.memoryKiB || kdf.passes < DEFAULT_KDF.passes || kdf.lanes < DEFAULT_KDF.lanes);
}
