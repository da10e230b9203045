/**
 * How the files follow a commit, after it or at opening: the last two of the four steps, and the public projection. Exists
 * once; repeating it does no harm.
 */
import { isTalosError } from "@talos/core";
import { atomically, readSlots } from "./database.ts";
import { listQuarantine, type KeyFolder } from "./keys/key-folder.ts";
import { METADATA_FILE, parseName } from "./keys/layout.ts";
import { describeMetadata, type Projection, recordedSlots, writeMetadata } from "./metadata.ts";
import type { VaultParts } from "./parts.ts";
import { type InventoryView, type Placement, planPlacement } from "./keys/placement.ts";
import { fieldsOf } from "./slots/slot-info.ts";
import { Audit } from "./store/audit.ts";
import { Inventory } from "./store/inventory.ts";
import { OwnLogReader } from "./store/own-log.ts";
import { HOME_DIRECTORY, SettingsReader } from "./store/settings.ts";
import type { Store } from "./store/store.ts";
import type { VaultFinding } from "./types.ts";

type Settled = Pick<VaultParts, "facts" | "database" | "store" | "folder" | "crypto">;

export function planFor(folder: KeyFolder, store: Store, vaultKeyNumber: number): Placement {
  return planPlacement(folder.list(), viewOf(store, vaultKeyNumber));
}

/** Place, clear, and the public projection. @returns what an operator should know @throws TalosError STORAGE_FAILED */
export function settle(
  parts: Settled,
  placement: Placement = planFor(parts.folder, parts.store, parts.facts.vaultKeyNumber),
): VaultFinding[] {
  const { dataDir } = parts.facts;
  const projection = projectionOf(parts);
  const { replaces } = placement;
  // While final names hold files of two vault keys, a rescue needs the slots of both. And before a key ends that the former log names,
  // the log that names its successor must stand there: a rescue has nothing else to tell them by.
  const isFirst = replaces.size > 0 || placement.clear.some(isOfLog);
  const early = isFirst ? writeMetadata(dataDir, withFormerSlots(projection, parts, replaces)) : undefined;
  parts.folder.apply(placement);
  const last = writeMetadata(dataDir, projection);
  const before = early ?? last;
  if (before === "as it should be") return [...placement.findings];
  const message = `metadata.json was ${describeMetadata(before)} and has been written anew.`;
  return [...placement.findings, { code: "METADATA_REWRITTEN", file: METADATA_FILE, message }];
}

/** Whether a file under that name may hold a key that an identity event put in force. */
function isOfLog(file: string): boolean {
  const parsed = parseName(file);
  return parsed?.type === "final" && (parsed.kind === "identity" || parsed.kind === "encryption");
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

/**
 * At opening: files under final names that the inventory does not know go to `quarantine/`, each on record before it is
 * moved. One that cannot be moved just now stays, and is named.
 *
 * @returns everything that lies in quarantine, and what should
 */
export function putStrangersAside(
  parts: Omit<Settled, "facts" | "crypto">,
  dataDir: string,
  strangers: readonly string[],
  now: number,
): VaultFinding[] {
  try {
    const moves = strangers.map((name) => ({ name, ...parts.folder.asideOf(name) }));
    if (moves.length > 0) {
      atomically(parts.database, () => {
        parts.store.beginWriting();
        const audit = new Audit(parts.store);
        for (const { name, aside, sha256 } of moves) {
          audit.append({ kind: "file-quarantined", at: now, details: { file: name, as: aside, sha256 } });
        }
        parts.store.endWriting();
      });
      parts.folder.putAside(moves);
    }
    return listQuarantine(dataDir);
  } catch (error) {
    parts.store.endWriting();
    if (!isTalosError(error, "STORAGE_FAILED") && !isTalosError(error, "COMMIT_FAILED")) throw error;
    const pending = parts.folder.list().filter(({ name }) => strangers.includes(name));
    return [...pending.map(({ name }) => pendingStranger(name)), ...listQuarantine(dataDir)];
  }
}

export function pendingStranger(file: string): VaultFinding {
  return { code: "QUARANTINED", file, message: `${file} is no key of this agent; the next opening puts it aside.` };
}

/** What `metadata.json` is to say. */
export function projectionOf({ facts, database, store }: Pick<VaultParts, "facts" | "database" | "store">): Projection {
  const settings = new SettingsReader(store);
  return {
    facts,
    keys: new Inventory(store).listPublic(),
    slots: readSlots(database).map(({ record }) => record),
    log: new OwnLogReader(store).events().map(({ wire }) => wire),
    directory: settings.get(HOME_DIRECTORY),
    held: settings.held(),
  };
}

/** The former ones are known from the copy alone: the commit that this follows has removed them. A rescue trusts none of them. */
function withFormerSlots(projection: Projection, { facts, crypto }: Settled, vaultKeyNumbers: ReadonlySet<number>): Projection {
  const former = recordedSlots(facts.dataDir).filter((record) => {
    const fields = fieldsOf({ number: 0, record }, crypto);
    return fields !== undefined && vaultKeyNumbers.has(fields.vaultKeyNumber);
  });
  return { ...projection, slots: [...projection.slots, ...former] };
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
