/**
 * Looking at a vault: no lock, no generation, no repair, no byte of the folder changed; works beside a running agent.
 * Each read opens the database anew, so it never sees an older state than there is.
 */
import type { Crypto } from "@talos/core";
import { readFacts, readOnce, readSlots, type StoredFacts } from "./database.ts";
import { KeyFolder, listQuarantine } from "./keys/key-folder.ts";
import { METADATA_FILE } from "./keys/layout.ts";
import { type LockHolder, mayBeRunning, readHolder } from "./lock.ts";
import { compareMetadata, describeMetadata } from "./metadata.ts";
import { damagedSlots, checkKeyFiles, findWayIn } from "./open.ts";
import { pendingStranger, planFor, projectionOf } from "./settle.ts";
import { Sealer } from "./sealer.ts";
import { slotInfos } from "./slots/slot-info.ts";
import type { StoredSlot } from "./slots/slot-record.ts";
import { Store } from "./store/store.ts";
import { type ReadTransaction, transactionOver } from "./store/transaction.ts";
import type { InspectVaultOptions, SlotInfo, VaultFacts, VaultFinding, VaultInspection } from "./types.ts";
import { unlock, type UnlockWith } from "./slots/unlock-slots.ts";

/**
 * @throws TalosError VAULT_NOT_FOUND, VAULT_CORRUPT, UNSUPPORTED_VERSION, SYMLINK_REFUSED, OWNER_FOREIGN,
 *   PERMISSIONS_TOO_OPEN, STORAGE_FAILED; with `unlock` also as `unlock` of unlock-slots.ts
 */
export function inspectVault(options: InspectVaultOptions): VaultInspection {
  const { dataDir, crypto } = options;
  const { facts, slots } = findWayIn(dataDir);
  using cleanup = new DisposableStack();
  const { sealer, slot } = options.unlock === undefined ? NO_WAY : openSealer(slots, facts, options.unlock, crypto);
  cleanup.use(sealer);
  const read = <T>(fn: (tx: ReadTransaction) => T): T => readOnce(dataDir, (database) => fn(transactionOver(new Store(database, sealer))));
  const holder = livingHolder(dataDir);
  let findings = examine({ ...facts, dataDir }, options, sealer);
  // A running agent may have been moving files just then.
  if (findings.length > 0 && holder !== undefined) findings = examine({ ...facts, dataDir }, options, sealer);
  const listSlots = (): readonly SlotInfo[] => readOnce(dataDir, (database) => slotInfos(readSlots(database), slot, crypto));
  const opened = cleanup.move();
  const close = (): void => {
    opened.dispose();
  };
  return { ...facts, dataDir, holder, findings, read, slots: listSlots, close, [Symbol.dispose]: close };
}

interface Way {
  readonly sealer?: Sealer;
  /** The number of the slot that opened. */
  readonly slot?: number;
}

const NO_WAY: Way = {};

function openSealer(slots: readonly StoredSlot[], facts: StoredFacts, withSecret: UnlockWith, crypto: Crypto): Way {
  const { number, vaultKey, stretched } = unlock(slots, withSecret, facts, crypto);
  stretched.dispose();
  return { sealer: new Sealer(vaultKey, facts.agentId, facts.vaultKeyNumber, crypto), slot: number };
}

function livingHolder(dataDir: string): LockHolder | undefined {
  const holder = readHolder(dataDir);
  return holder !== undefined && mayBeRunning(holder) ? holder : undefined;
}

/** What opening would notice. Without a secret to unlock with, the contents of key files are not looked at. */
function examine(facts: VaultFacts, options: InspectVaultOptions, sealer: Sealer | undefined): VaultFinding[] {
  return readOnce(facts.dataDir, (database) => {
    const store = new Store(database, sealer);
    const folder = new KeyFolder(facts.dataDir, options.crypto, sealer);
    const current = readFacts(database) ?? facts;
    // A running agent may have made a new vault key just now: then nothing can be said of what is in the files.
    const fits = sealer?.vaultKeyNumber === current.vaultKeyNumber;
    const placement = planFor(folder, store, current.vaultKeyNumber);
    folder.adopt(placement);
    const damaged = fits ? checkKeyFiles(folder, store, placement.findings, "all") : [];
    const strangers = [...placement.quarantine.map(pendingStranger), ...listQuarantine(facts.dataDir)];
    const slots = damagedSlots(readSlots(database), options.crypto);
    const metadata = compareMetadata(facts.dataDir, projectionOf({ facts: { ...facts, ...current }, database, store }));
    const stale: VaultFinding[] =
      metadata === "as it should be"
        ? []
        : [
            {
              code: "METADATA_REWRITTEN",
              file: METADATA_FILE,
              message: `metadata.json is ${describeMetadata(metadata)}; the next opening writes it anew.`,
            },
          ];
    return [...slots, ...placement.findings, ...damaged, ...strangers, ...stale];
  });
}
