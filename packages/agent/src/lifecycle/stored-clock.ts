/** The last time that was seen, in the store, so that a clock that jumps is noticed across restarts. Knows no key. */
import { sightClock, type ClockRecord, type ClockSighting } from "@talos/core";
import type { ReadTransaction, Transaction } from "../vault/index.ts";
import { isTime, readRecord, writeRecord } from "./stored-json.ts";

const SETTING = "clock";

export function clockRecord(tx: ReadTransaction): ClockRecord | undefined {
  return readRecord(tx, SETTING, isClockRecord);
}

/** Looks at the clock and writes down what it said. */
export function noteClock(tx: Transaction, now: number): ClockSighting {
  const sighting = sightClock(clockRecord(tx), now);
  writeRecord(tx, SETTING, sighting.record);
  return sighting;
}

function isClockRecord(value: object): value is ClockRecord {
  const { seen, since, before, isBehind, setBackAt } = value as Partial<Record<keyof ClockRecord, unknown>>;
  return [seen, since, before].every(isTime) && typeof isBehind === "boolean" && (setBackAt === undefined || isTime(setBackAt));
}
