/** Hashes a password anew where its slot asks for less work than is due today. Only at opening: then the password is there. */
import { type Crypto, isTalosError, type SecretBytes } from "@talos/core";
import type { DatabaseSync } from "node:sqlite";
import { atomically } from "../database.ts";
import { isBelow, type KdfParameters, strongest } from "./kdf-bounds.ts";
import { DATABASE_FILE } from "../keys/layout.ts";
import { Audit } from "../store/audit.ts";
import { SlotTable } from "../store/slots.ts";
import type { Store } from "../store/store.ts";
import type { VaultFinding } from "../types.ts";
import { makeSlot, type UnlockedSlot, type UnlockWith, type VaultKeyPlace } from "./unlock-slots.ts";

export interface KdfRaise {
  readonly database: DatabaseSync;
  readonly store: Store;
  readonly crypto: Crypto;
  readonly place: VaultKeyPlace;
  readonly unlocked: UnlockedSlot;
  readonly withSecret: UnlockWith;
  /** Within the bounds. */
  readonly target: KdfParameters;
  readonly now: number;
}

/**
 * One more Argon2id run and one transaction, where the slot is below the target in any of the three. A failure stops
 * nobody: the slot stays as it is, and the next opening tries again.
 *
 * @returns what the password is stretched to now, or what an operator should know; undefined where nothing was to do
 */
export function raiseKdf(raise: KdfRaise): { readonly stretched: SecretBytes } | { readonly finding: VaultFinding } | undefined {
  const { database, store, crypto, place, unlocked, withSecret, target, now } = raise;
  const { number, fields, vaultKey } = unlocked;
  if (fields.kdf === undefined || !isBelow(fields.kdf, target)) return undefined;
  const kdf = strongest(fields.kdf, target);
  using cleanup = new DisposableStack();
  try {
    const { record, stretched } = makeSlot(withSecret, vaultKey, place, { label: fields.label, now: fields.createdAt, kdf }, crypto);
    cleanup.use(stretched);
    atomically(database, () => {
      store.beginWriting();
      new SlotTable(store).put({ number, record });
      const details = { slot: number, memoryKiB: kdf.memoryKiB, passes: kdf.passes, lanes: kdf.lanes };
      new Audit(store).append({ kind: "kdf-raised", at: now, details });
      store.endWriting();
    });
    cleanup.move();
    return { stretched };
  } catch (error) {
    store.endWriting();
    const message = "The password could not be hashed anew with today's parameters; the next opening tries again.";
    return { finding: { code: isTalosError(error) ? error.code : "INTERNAL", file: DATABASE_FILE, message } };
  }
}
