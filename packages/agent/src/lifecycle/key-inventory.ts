/** What the policy of rotation has to know, read from the store. Decides nothing. */
import type { RetiredKey, RotationInventory } from "@talos/core";
import type { InventoryEntry, ReadTransaction } from "../vault/index.ts";
import { refillsOf, storedStock } from "./prekey-stock.ts";
import { clockRecord } from "./stored-clock.ts";

const KEPT_KINDS = ["signed-prekey", "one-time-prekey", "encryption"] as const;

export interface InventoryPlace {
  /** Of the instance that acts; absent in one that only looks. */
  readonly certificate?: { readonly from: number; readonly to: number };
  readonly home: string | undefined;
  /** When the event was made by which the identity key came into force: the key itself is older. */
  readonly identitySince: number;
}

export function rotationInventory(tx: ReadTransaction, { certificate, home, identitySince }: InventoryPlace): RotationInventory {
  const signedPrekey = tx.inventory.live("signed-prekey");
  const identity = tx.inventory.live("identity");
  const stock = storedStock(tx, home);
  const live = tx.inventory.list({ kind: "one-time-prekey", state: "live" });
  return {
    certificate,
    signedPrekey: signedPrekey && dated(signedPrekey),
    identity: identity && { from: identitySince, dueAt: identity.dueAt },
    oneTimePrekeys: live.map(dated),
    // Nobody counts elsewhere: what is here and not used counts.
    stock: stock ?? { count: live.length, at: newestOf(live) },
    refills: refillsOf(tx),
    retired: KEPT_KINDS.flatMap((kind) => tx.inventory.list({ kind, state: "retired" }).map((entry) => retired(kind, entry))),
    clock: clockRecord(tx),
  };
}

function dated({ createdAt, dueAt }: InventoryEntry): { from: number; dueAt: number | undefined } {
  return { from: createdAt, dueAt };
}

function retired(kind: RetiredKey["kind"], { keyId, retiredAt, createdAt, expiresAt }: InventoryEntry): RetiredKey & { keyId: string } {
  return { keyId, kind, retiredAt: retiredAt ?? createdAt, to: expiresAt };
}

function newestOf(keys: readonly InventoryEntry[]): number {
  return Math.max(0, ...keys.map(({ createdAt }) => createdAt));
}
