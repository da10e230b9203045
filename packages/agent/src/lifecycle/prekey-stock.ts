/**
 * What the home directory says of the stock of one-time prekeys, and how often it was filled up for that. What a directory says costs
 * keys and nothing else, and of these a bounded number a day.
 */
import { nextStockLook, type PrekeyStock, type RotationPolicy, type StockCount } from "@talos/core";
import type { AgentContext } from "../context.ts";
import type { ReadTransaction, Transaction } from "../vault/index.ts";
import { isPublished } from "./publish-record.ts";
import { isTime, noteTime, readRecord, timesOf, writeRecord } from "./stored-json.ts";

const STOCK = "prekey-stock";
const REFILLS = "prekey-refills";

/** The last count, and when the next is due. */
export interface StoredStock extends StockCount {
  readonly directory: string;
  readonly nextLookAt: number;
}

/** Undefined where the home directory never said it. */
export function storedStock(tx: ReadTransaction, home: string | undefined): StoredStock | undefined {
  const stock = readRecord(tx, STOCK, isStoredStock);
  return stock?.directory === home ? stock : undefined;
}

export function noteStock(tx: Transaction, directory: string, count: StockCount, policy: RotationPolicy): void {
  const nextLookAt = count.at + nextStockLook(storedStock(tx, directory), count, policy);
  writeRecord(tx, STOCK, { count: count.count, at: count.at, directory, nextLookAt });
}

/**
 * @returns undefined without a home directory, or where it does not have this agent's prekeys
 * @throws TalosError as `Directory.prekeyStock`
 */
export async function askStock(context: AgentContext): Promise<PrekeyStock | undefined> {
  const { home, directories } = context;
  return home === undefined ? undefined : await directories.call(home, (directory) => directory.prekeyStock());
}

/** True where the stock can be asked for, and the last answer is too old or of a time to come. */
export function isLookDue(tx: ReadTransaction, home: string | undefined, now: number): boolean {
  if (!isPublished(tx, home)) return false;
  const stock = storedStock(tx, home);
  return stock === undefined || now >= stock.nextLookAt || now < stock.at;
}

/** When it was filled up by itself, within a day. */
export function refillsOf(tx: ReadTransaction): readonly number[] {
  return timesOf(tx, REFILLS);
}

export function noteRefill(tx: Transaction, now: number): void {
  noteTime(tx, REFILLS, now);
}

function isStoredStock(value: object): value is StoredStock {
  const { count, at, directory, nextLookAt } = value as Partial<Record<keyof StoredStock, unknown>>;
  return [count, at, nextLookAt].every(isTime) && typeof directory === "string";
}
