/**
 * What the plan `publish` keeps: the batch that is to be at the home directory, and which of its one-time prekeys that directory
 * has from before. Knows no network.
 */
import { DAY_MILLISECONDS, encodeCbor, fromHex, readCborArray, type BatchReplacement, type CborValue, type KeyId } from "@talos/core";
import type { InventoryEntry, OwnBatch, Plan, ReadTransaction } from "../vault/index.ts";

/** There is one at a time. */
export const PUBLISH_PLAN = "publish";
/** The directory that has everything. */
export const PUBLISHED_AT = "published-at";
/** How long a finished plan is remembered. */
export const DONE_PLAN_MILLISECONDS: number = 30 * DAY_MILLISECONDS;

export const PUBLISH_STEPS = ["events", "certificate", "batch"] as const;
export type PublishStep = (typeof PUBLISH_STEPS)[number];

/** The first statement is the signed prekey's; each entry of the batch stands in one of the lists. */
export interface BatchContents {
  readonly batch: OwnBatch;
  readonly signed: InventoryEntry;
  /** New to the directory. */
  readonly added: readonly InventoryEntry[];
  /** One-time prekeys that the directory has. */
  readonly carried: readonly InventoryEntry[];
}

/** A plan to publish a batch whose every statement is new to the directory. */
export function publishPlan(batch: OwnBatch, prekeys: readonly InventoryEntry[], now: number): Plan {
  const [signed] = prekeys.filter(({ kind }) => kind === "signed-prekey");
  const added = prekeys.filter(({ kind }) => kind === "one-time-prekey");
  return planOf(encodeRecord(batch, statementOf(signed), added.map(statementOf), []), "events", now);
}

/** A plan to replace the live batch by one that carries some of its prekeys on. */
export function replacementPlan({ batch, signed, added, carried }: BatchContents, step: PublishStep, now: number): Plan {
  const ids = carried.map(({ keyId }) => prekeyIdOf(keyId));
  return planOf(encodeRecord(batch, statementOf(signed), added.map(statementOf), ids), step, now);
}

export interface PublishRecord extends BatchReplacement {
  readonly root: Uint8Array;
}

export function readRecord(bytes: Uint8Array): PublishRecord {
  const reader = readCborArray(bytes, "publish plan", { min: 4, max: 5 });
  const batch = reader.bytes({});
  const root = reader.bytes({ length: 32 });
  const signedPrekey = reader.bytes({});
  const added = listOf(reader.array({}));
  // Of an earlier release, which carried nothing on.
  const carried = reader.remaining > 0 ? listOf(reader.array({})) : [];
  return { batch, root, signedPrekey, carried, added };
}

/** Whether the home directory has everything. */
export function isPublished(tx: ReadTransaction, home: string | undefined): boolean {
  return home !== undefined && tx.settings.get(PUBLISHED_AT) === home && tx.plans.open("publish").length === 0;
}

/** As it stands in statements and at the directory, 8 bytes. */
export function prekeyIdOf(keyId: KeyId): Uint8Array {
  return fromHex(keyId);
}

function planOf(payload: Uint8Array, step: PublishStep, now: number): Plan {
  return { id: PUBLISH_PLAN, kind: "publish", step, payload, createdAt: now, updatedAt: now, attempts: 0, nextAttemptAt: now };
}

function encodeRecord(batch: OwnBatch, signed: CborValue, added: CborValue[], carried: CborValue[]): Uint8Array {
  return encodeCbor([batch.wire, batch.root, signed, added, carried]);
}

function statementOf(entry: InventoryEntry | undefined): Uint8Array {
  return entry?.statement ?? new Uint8Array();
}

function listOf(list: ReturnType<ReturnType<typeof readCborArray>["array"]>): Uint8Array[] {
  const all: Uint8Array[] = [];
  while (list.remaining > 0) all.push(list.bytes({}));
  return all;
}
