/**
 * What an open vault is made of, and how the files follow a commit. Shared by creating, opening and the vault itself,
 * so that the last two of the four steps exist once.
 */
import type { DatabaseSync } from "node:sqlite";
import { type Crypto, isTalosError, type SecretBytes } from "@talos/core";
import { readSlots } from "./database.ts";
import type { KeyFolder } from "./key-folder.ts";
import type { Lock } from "./lock.ts";
import { METADATA_FILE } from "./layout.ts";
import { describeMetadata, type Projection, writeMetadata } from "./metadata.ts";
import { type InventoryView, type Placement, planPlacement } from "./placement.ts";
import type { Sealer } from "./sealer.ts";
import { Inventory } from "./store/inventory.ts";
import { OwnLogReader } from "./store/own-log.ts";
import { HOME_DIRECTORY, SettingsReader } from "./store/settings.ts";
import type { Store } from "./store/store.ts";
import type { VaultFacts, VaultFinding } from "./types.ts";

/** The unlock slot that was used, and what its secret was stretched to: a new vault key can be wrapped in it without asking again. */
export interface OpenedWay {
  readonly number: number;
  readonly stretched: SecretBytes;
}

export interface VaultParts {
  readonly facts: VaultFacts;
  readonly database: DatabaseSync;
  readonly store: Store;
  readonly sealer: Sealer;
  readonly folder: KeyFolder;
  readonly lock: Lock;
  readonly findings: readonly VaultFinding[];
  readonly crypto: Crypto;
  readonly way: OpenedWay;
  /** Files do not follow the inventory yet: the disk refused, and it is tried again after the next commit. */
  readonly unsettled: boolean;
}

/** What the placement of files needs to know of the inventory. */
function viewOf(store: Store, vaultKeyNumber: number): InventoryView {
  const inventory = new Inventory(store);
  return {
    places: inventory.inKeyFiles(),
    vaultKeyNumber,
    hasEnded: (keyId) => inventory.get(keyId)?.state === "ended",
  };
}

export function planFor(folder: KeyFolder, store: Store, vaultKeyNumber: number): Placement {
  return planPlacement(folder.list(), viewOf(store, vaultKeyNumber));
}

/** Place, clear, and the public projection, after a commit or at opening. @returns what an operator should know */
export function settle(
  parts: Pick<VaultParts, "facts" | "database" | "store" | "folder">,
  placement: Placement = planFor(parts.folder, parts.store, parts.facts.vaultKeyNumber),
): VaultFinding[] {
  const aside = parts.folder.apply(placement);
  const before = writeMetadata(parts.facts.dataDir, projectionOf(parts));
  if (before === "as it should be") return [...placement.findings, ...aside];
  const message = `metadata.json was ${describeMetadata(before)} and has been written anew.`;
  return [...placement.findings, ...aside, { code: "METADATA_REWRITTEN", file: METADATA_FILE, message }];
}

/** What `metadata.json` is to say. */
export function projectionOf({ facts, database, store }: Pick<VaultParts, "facts" | "database" | "store">): Projection {
  return {
    facts,
    keys: new Inventory(store).listPublic(),
    slots: readSlots(database).map(({ record }) => record),
    log: new OwnLogReader(store).events().map(({ wire }) => wire),
    directory: new SettingsReader(store).get(HOME_DIRECTORY),
  };
}

/**
 * As `settle`, where the commit it follows stands whatever happens: a disk that is full or read-only just now keeps
 * nobody from working, since every key is found under its staged name too.
 */
export function trySettle(...args: Parameters<typeof settle>): { findings: VaultFinding[]; unsettled: boolean } {
  try {
    return { findings: settle(...args), unsettled: false };
  } catch (error) {
    if (!isTalosError(error, "STORAGE_FAILED")) throw error;
    const message = "The key files could not be brought in step with the inventory; it is tried again after the next change.";
    return { findings: [{ code: error.code, file: ".", message }], unsettled: true };
  }
}
