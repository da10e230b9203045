/** What time has made due, and whether the clock can be right. Judged by the clock that is given and by the times in the store. */
import { CLOCK_SLACK_MILLISECONDS, decodeCertificate } from "@talos/core";
import { DATABASE_FILE } from "../vault/keys/layout.ts";
import type { InventoryEntry } from "../vault/store/inventory.ts";
import { showTime } from "../vault/times.ts";
import { command, type DoctorFinding, finding, NOTHING_TO_DO } from "./finding.ts";
import type { Look, StateLook } from "./look.ts";

/** Older than this format, so no clock of an agent was ever there. */
const EARLIEST_PLAUSIBLE: number = Date.UTC(2026, 0, 1);
const LATEST_PLAUSIBLE: number = Date.UTC(2100, 0, 1);

/** Of our own clock alone; what a peer's clock said is in other columns. */
const NEWEST_TIME = `SELECT max(at) AS newest FROM (
  SELECT max(created_at) AS at FROM inventory UNION ALL SELECT max(ended_at) FROM inventory UNION ALL SELECT max(retired_at) FROM inventory
  UNION ALL SELECT max(created_at) FROM own_batches UNION ALL SELECT max(last_used_at) FROM sessions
  UNION ALL SELECT max(created_at) FROM outbox UNION ALL SELECT max(received_at) FROM seen
  UNION ALL SELECT max(opened_at) FROM opened UNION ALL SELECT max(updated_at) FROM plans)`;

export function checkClock({ now }: Look): DoctorFinding[] {
  if (now >= EARLIEST_PLAUSIBLE && now < LATEST_PLAUSIBLE) return [];
  return [
    finding("CLOCK_IMPLAUSIBLE", {
      message: `By this machine's clock it is ${day(now)}, which cannot be.`,
      remedy: "Set the clock before the agent is opened: timedatectl status",
    }),
  ];
}

export function checkTimes({ store, tx, now, holder }: StateLook): DoctorFinding[] {
  const stored = store.get(NEWEST_TIME)?.["newest"];
  const certificate = tx.log.certificate();
  const certified = certificate === undefined ? 0 : decodeCertificate(certificate).from;
  const newest = Math.max(typeof stored === "number" ? stored : 0, certified, holder?.since ?? 0);
  if (newest <= now + CLOCK_SLACK_MILLISECONDS) return [];
  return [
    finding("CLOCK_BEHIND", {
      file: DATABASE_FILE,
      message: `The store has an entry of ${showTime(newest)}, and by this machine's clock it is ${showTime(now)}: the clock is behind now, or was ahead then.`,
      remedy: "Set the clock, then open the agent: timedatectl status",
    }),
  ];
}

export function checkDueDates({ tx, now, holder, dataDir }: StateLook): DoctorFinding[] {
  const isRunning = holder !== undefined;
  const keys = tx.inventory.listPublic().filter(({ state, kind }) => state === "live" && kind !== "one-time-prekey");
  return [
    ...keys.flatMap((key) => overdue(key, now, remedyFor(key, dataDir, isRunning))),
    ...certificateFindings(tx.log.certificate(), now, isRunning),
  ];
}

/** The signed prekey is replaced by itself wherever the agent is open; an identity where its owner says so. */
function remedyFor({ kind }: InventoryEntry, dataDir: string, isRunning: boolean): string {
  if (kind !== "signed-prekey") return `Rotate the identity, when its peers can be told: ${command("rotate identity", dataDir)}`;
  const byHand = command("rotate signed-prekey", dataDir);
  return isRunning
    ? `The running agent replaces it by itself; see what keeps it from that: ${command("status", dataDir)}`
    : `Open the agent, or replace it now: ${byHand}`;
}

function overdue({ kind, role, keyId, dueAt, expiresAt }: InventoryEntry, now: number, remedy: string): DoctorFinding[] {
  const name = `The ${role === "next" ? "next identity" : kind} key ${keyId}`;
  if (expiresAt !== undefined && expiresAt <= now) {
    return [
      finding("KEY_EXPIRED", {
        message: `${name} is valid no more since ${day(expiresAt)}: peers that have no session yet cannot write to this agent.`,
        remedy,
      }),
    ];
  }
  if (dueAt === undefined || dueAt > now) return [];
  return [
    finding("KEY_DUE", {
      message: `${name} was to be replaced by ${day(dueAt)}. It works on.`,
      remedy,
    }),
  ];
}

/** A certificate lives a day; an agent that is closed has none that counts. */
function certificateFindings(wire: Uint8Array | undefined, now: number, isRunning: boolean): DoctorFinding[] {
  if (wire === undefined) return [];
  const { to } = decodeCertificate(wire);
  if (to > now) return [];
  return [
    finding("CERTIFICATE_EXPIRED", {
      file: DATABASE_FILE,
      message: `The newest instance certificate ended ${showTime(to)}${isRunning ? ", and the running agent has not renewed it" : ""}.`,
      remedy: isRunning
        ? "See the running agent's errors; its clock or its key backend may fail."
        : `${NOTHING_TO_DO} The next opening makes a new one.`,
    }),
  ];
}

function day(milliseconds: number): string {
  const isDate = Math.abs(milliseconds) <= 8.64e15;
  return isDate ? showTime(milliseconds).slice(0, 10) : "no date at all";
}
