/** Small records of the lifecycle in the settings, as JSON. Knows nothing of what they mean. */
import { DAY_MILLISECONDS } from "@talos/core";
import type { ReadTransaction, Transaction } from "../vault/index.ts";

/** @returns undefined where there is none, or none that can be read: it is written anew at the next occasion */
export function readRecord<T extends object>(tx: ReadTransaction, name: string, isRecord: (value: object) => value is T): T | undefined {
  const stored = tx.settings.get(name);
  if (stored === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(stored);
    return typeof value === "object" && value !== null && isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export function writeRecord(tx: Transaction, name: string, value: object): void {
  const text = JSON.stringify(value);
  if (tx.settings.get(name) !== text) tx.settings.set(name, text);
}

export function isTime(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value);
}

/** When something happened that is bounded by the day. */
export function timesOf(tx: ReadTransaction, name: string): readonly number[] {
  return readRecord(tx, name, isTimes) ?? [];
}

/** Adds a time, and forgets those of another day or of a time to come. */
export function noteTime(tx: Transaction, name: string, now: number): void {
  const lately = timesOf(tx, name).filter((at) => at <= now && at > now - DAY_MILLISECONDS);
  writeRecord(tx, name, [...lately, now]);
}

function isTimes(value: object): value is number[] {
  return Array.isArray(value) && value.every(isTime);
}
