/** Who the agent is: its log verifies and names the keys that the inventory has. */
import { equalBytes, isTalosError, type IdentityLog, verifyLog } from "@talos/core";
import { DATABASE_FILE } from "../vault/keys/layout.ts";
import { command, type DoctorFinding, finding } from "./finding.ts";
import type { StateLook } from "./look.ts";

export function checkOwnLog(look: StateLook): DoctorFinding[] {
  const { tx, facts, dataDir } = look;
  const log = verified(look);
  const remedy = `Rebuild the database from the key files and the copy of the log: ${command("doctor --rescue", dataDir)}`;
  if (log === undefined) {
    const message = "The agent's own identity log in state.db does not verify.";
    return [finding("LOG_INVALID", { file: DATABASE_FILE, message, remedy, preventsOpening: true })];
  }
  if (log.revoked !== undefined) return [revoked()];
  const findings: DoctorFinding[] = [];
  const identity = tx.inventory.live("identity");
  const encryption = tx.inventory.live("encryption");
  const fits =
    equalBytes(identity?.publicKey ?? new Uint8Array(), log.identityKey.bytes) &&
    equalBytes(encryption?.publicKey ?? new Uint8Array(), log.encryptionKey.bytes) &&
    equalBytes(log.agentId, facts.agentId);
  if (!fits) {
    const message = "The inventory in state.db has other keys than the agent's identity log.";
    findings.push(finding("VAULT_CORRUPT", { file: DATABASE_FILE, message, remedy, preventsOpening: true }));
  }
  if (tx.inventory.live("identity", "next") === undefined) {
    findings.push(
      finding("NEXT_KEY_LOST", {
        file: DATABASE_FILE,
        message: "The agent has no next identity key: it works, but it cannot replace its identity key by itself.",
        remedy:
          log.next.recovery === undefined
            ? "Make a new agent in time, and tell the peers its id."
            : `The recovery kit replaces all of them: ${command("emergency-rotate --keep-old --recovery-kit KIT", dataDir)}`,
      }),
    );
  }
  return findings;
}

function revoked(): DoctorFinding {
  return finding("AGENT_REVOKED", {
    message: "The agent was revoked: its keys have ended, and it acts no more.",
    remedy: "Nothing needs to be done. Keep the folder for its audit trail, or remove it.",
  });
}

function verified({ tx, facts, crypto, now }: StateLook): IdentityLog | undefined {
  try {
    const events = tx.log.events().map(({ wire }) => wire);
    return verifyLog(undefined, events, now, crypto, facts.agentId).log;
  } catch (error) {
    if (!isTalosError(error) || error.code === "VAULT_CORRUPT" || error.code === "STORAGE_FAILED") throw error;
    return undefined;
  }
}
