/** What there is left and what is under way: stock of one-time prekeys, a recovery that was not compared, a newer copy elsewhere, unfinished plans, mail that was kept. */
import { ONE_TIME_PREKEY_REFILL_BELOW, ONE_TIME_PREKEY_TARGET } from "@talos/core";
import { movedIdentity } from "../lifecycle/foreign-events.ts";
import { heldRecovery, isFinal, type HeldRecovery } from "../lifecycle/recover/held-recovery.ts";
import { isMarkedSuperseded } from "../lifecycle/supersession.ts";
import { command, type DoctorFinding, finding } from "./finding.ts";
import type { StateLook } from "./look.ts";

export function checkStock({ tx, dataDir }: StateLook): DoctorFinding[] {
  const left = tx.inventory.countOneTime();
  // Of an agent that is revoked, or has not been compared, there are none, and none are missed.
  if (left >= ONE_TIME_PREKEY_REFILL_BELOW || tx.inventory.live("identity") === undefined || heldRecovery(tx) !== undefined) return [];
  return [
    finding("ONE_TIME_PREKEYS_LOW", {
      message: `${left} of ${ONE_TIME_PREKEY_TARGET} one-time prekeys are left. Without them first messages have less protection against a theft of this folder.`,
      remedy: `Open the agent, which makes new ones by itself, or make them now: ${command("rotate one-time-prekeys", dataDir)}`,
    }),
  ];
}

export function checkStanding({ tx, dataDir }: StateLook): DoctorFinding[] {
  const findings: DoctorFinding[] = checkHeld({ tx, dataDir });
  if (isMarkedSuperseded(tx)) {
    findings.push(
      finding("SUPERSEDED", {
        message: "A newer copy of this agent runs elsewhere, so this one keeps everything and acts no more.",
        remedy: "Go on with the newer copy. If nobody of yours made it, the folder and its password were stolen.",
      }),
    );
  }
  const moved = movedIdentity(tx);
  // Of one that is held that is why it is, and what helps is another thing.
  if (moved !== undefined && heldRecovery(tx) === undefined) {
    findings.push(
      finding("IDENTITY_MOVED", {
        message: `Event ${moved.seq} of the agent's identity log was not made here: it publishes and rotates nothing until its owner decides.`,
        remedy: `If it was a thief, take the identity back: ${command("emergency-rotate --recovery-kit KIT", dataDir)}. If it was you, go on with the newer copy.`,
      }),
    );
  }
  for (const { kind, step, lastError } of tx.plans.open()) {
    // What became of it the event above says.
    if (step === "set-aside") continue;
    findings.push(
      finding("UNFINISHED", {
        message: `The operation ${kind} stands at step ${step}${lastError === undefined ? "" : ` (${lastError})`}.`,
        remedy: "Nothing needs to be done: an agent that is open goes on by itself.",
      }),
    );
  }
  const kept = tx.kept.list().length;
  if (kept > 0) {
    findings.push(
      finding("MAIL_KEPT", {
        message: `${kept} items of mail could not be used and were kept.`,
        remedy: `See which and why: ${command("status", dataDir)}`,
      }),
    );
  }
  return findings;
}

const FORMER_GONE =
  "Where the directory that it had is gone for good, recover again into an empty folder, at another one, and say so (talos recover --directory URL --former-directory-gone).";

function checkHeld({ tx, dataDir }: Pick<StateLook, "tx" | "dataDir">): DoctorFinding[] {
  const held = heldRecovery(tx);
  if (held === undefined) return [];
  const { way, reason, eventsBehind } = held;
  if (way === "rotated") return [rotatedFinding(held, dataDir)];
  if (reason === "BACKUP_OUTDATED") {
    return [
      finding("BACKUP_OUTDATED", {
        message: `The agent was recovered from a backup, and its directory has ${eventsBehind ?? "some"} events of the identity that the backup did not have: it will never act.`,
        remedy:
          "Recover again into an empty folder, with the recovery kit (talos recover --backup FILE --recovery-kit KIT), and destroy this one.",
      }),
    ];
  }
  return [
    finding("RECOVERY_UNCHECKED", {
      message: `The agent was recovered from a backup and has not been compared with its directory, or one that would know${reason === undefined ? "" : ` (${reason})`}: until then it sends, signs and publishes nothing.`,
      remedy: `Open it while the directory answers, and it goes on by itself: ${command("receive", dataDir)}. ${FORMER_GONE}`,
    }),
  ];
}

function rotatedFinding({ reason }: HeldRecovery, dataDir: string): DoctorFinding {
  if (isFinal(reason)) {
    return finding("IDENTITY_MOVED", {
      message: `The agent was recovered with new keys, and its directory has ${reason === "AGENT_REVOKED" ? "a revocation" : "another event"} where the one stands by which they come into force: it will never act.`,
      remedy:
        "Recover again into an empty folder, with the recovery kit (talos recover --backup FILE --recovery-kit KIT), and destroy this one.",
    });
  }
  return finding("RECOVERY_UNCHECKED", {
    message: `The agent was recovered with new keys, and its directory, or the one before it, has not accepted the event by which they come into force${reason === undefined ? "" : ` (${reason})`}: until then it sends and signs nothing, and no peer hears of it.`,
    remedy: `Open it while they answer, and it goes on by itself: ${command("receive", dataDir)}. Keep backup and recovery kit until then. ${FORMER_GONE}`,
  });
}
