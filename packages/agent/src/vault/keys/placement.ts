/**
 * Compares the key files that are there with the inventory and says what must be placed, cleared and put aside, and
 * what is missing or wrong. Pure: touches no file. Running it again after a crash at any point ends in the same place.
 */
import type { KeyId } from "@talos/core";
import type { KeyFileHeader } from "./key-file.ts";
import { finalName, type KeyPlace, parseName, type ParsedName } from "./layout.ts";
import type { VaultFinding } from "../types.ts";

/** What is wrong with what lies under a key's final name. */
type KeyFileFault = "missing" | "damaged" | "another key" | "former key" | "foreign key";

/** A file as it lies in the folder; one-time prekeys are known by name alone, so that opening stays quick. */
export interface SeenFile {
  /** Relative to the data directory. */
  readonly name: string;
  readonly header: KeyFileHeader | "unreadable" | "not-read";
}

export interface InventoryView {
  /** Every key in the vault's files that has not ended. */
  readonly places: readonly KeyPlace[];
  readonly vaultKeyNumber: number;
  /** Whether the inventory knows this id as ended. */
  hasEnded(keyId: KeyId): boolean;
}

export interface Placement {
  /** Where each key's file lies before anything is moved. */
  readonly locations: ReadonlyMap<KeyId, string>;
  readonly moves: readonly { readonly keyId: KeyId; readonly from: string; readonly to: string }[];
  /** Of ended keys, staged files that were never committed, and files under a former vault key that a staged one replaces. */
  readonly clear: readonly string[];
  /** The numbers of those former vault keys. */
  readonly replaces: ReadonlySet<number>;
  /** Under final names that the inventory does not know. */
  readonly quarantine: readonly string[];
  readonly findings: readonly VaultFinding[];
}

export function planPlacement(files: readonly SeenFile[], inventory: InventoryView): Placement {
  const byId = new Map(inventory.places.map((place) => [place.keyId, place]));
  const wanted = new Map(inventory.places.filter(({ state }) => state !== "staged").map((place) => [finalName(place), place]));
  const found = new Map<KeyId, { final?: string; former?: string; staged?: string; stray?: string }>();
  const wrong = new Map<KeyId, KeyFileFault>();
  const replaces = new Set<number>();
  const clear: string[] = [];
  const quarantine: string[] = [];

  const note = (keyId: KeyId, as: "final" | "former" | "staged" | "stray", name: string): void => {
    found.set(keyId, { ...found.get(keyId), [as]: name });
  };

  for (const { name } of files) {
    const parsed = parseName(name);
    if (parsed?.type !== "staged") continue;
    const ours = byId.get(parsed.keyId)?.kind === parsed.kind && parsed.vaultKeyNumber === inventory.vaultKeyNumber;
    if (ours) note(parsed.keyId, "staged", name);
    else clear.push(name);
  }
  /** The same key under an earlier vault key, while the one under the present key waits to take its place. */
  const replacedNumber = ({ header }: SeenFile): number | undefined => {
    if (typeof header === "string" || header.vaultKeyNumber >= inventory.vaultKeyNumber) return undefined;
    const isReplaced = byId.get(header.keyId)?.kind === header.kind && found.get(header.keyId)?.staged !== undefined;
    return isReplaced ? header.vaultKeyNumber : undefined;
  };
  for (const file of files) {
    const parsed = parseName(file.name);
    if (parsed?.type !== "final") continue;
    const owner = wanted.get(file.name);
    const keyId = keyInside(file, parsed);
    const place = keyId === undefined ? undefined : byId.get(keyId);
    const former = replacedNumber(file);
    if (former !== undefined) {
      replaces.add(former);
      clear.push(file.name);
    } else if (keyId !== undefined && owner?.keyId === keyId) note(keyId, "final", file.name);
    else if (keyId !== undefined && place !== undefined && isFormerName(place, file.name)) note(keyId, "former", file.name);
    else if (keyId !== undefined && inventory.hasEnded(keyId)) {
      clear.push(file.name);
      if (owner !== undefined) wrong.set(owner.keyId, "former key");
    } else if (place !== undefined && owner === undefined) note(place.keyId, "stray", file.name);
    else if (owner === undefined) quarantine.push(file.name);
    else {
      wrong.set(owner.keyId, keyId === undefined ? "damaged" : place === undefined ? "foreign key" : "another key");
      if (place !== undefined) wrong.set(place.keyId, "another key");
    }
  }
  for (const [keyId, { final, former, stray }] of found) {
    // Under a name that was never its own: a copy where the key is in its place too, else perhaps all there is of it.
    if (stray !== undefined && final !== undefined) quarantine.push(stray);
    else if (stray !== undefined) wrong.set(keyId, "another key");
    // A crash leaves a file under one of its names; under both, the other one is a copy, in the place of another key's.
    if (final === undefined || former === undefined) continue;
    const owner = wanted.get(former);
    if (owner === undefined) quarantine.push(former);
    else wrong.set(owner.keyId, "another key");
  }

  const byNameAlone = new Set(files.filter(({ header }) => header === "not-read").map(({ name }) => name));
  const locations = new Map<KeyId, string>();
  const moves: { keyId: KeyId; from: string; to: string }[] = [];
  const findings: VaultFinding[] = [];
  for (const place of inventory.places) {
    const { final, former, staged } = found.get(place.keyId) ?? {};
    if (final !== undefined && staged !== undefined && byNameAlone.has(final)) {
      // Renaming leaves no second file: what has the final name came from elsewhere, and the staged one is the key.
      locations.set(place.keyId, staged);
      findings.push(lost(place, "another key"));
      continue;
    }
    const location = final ?? former ?? staged;
    if (location === undefined) {
      findings.push(lost(place, wrong.get(place.keyId) ?? "missing"));
      continue;
    }
    locations.set(place.keyId, location);
    const obstacle = wrong.get(place.keyId);
    if (final === undefined && obstacle !== undefined && obstacle !== "former key") findings.push(inTheWay(place, obstacle, location));
    if (final !== undefined && staged !== undefined) clear.push(staged);
    if (final === undefined && place.state !== "staged") moves.push({ keyId: place.keyId, from: location, to: finalName(place) });
  }
  return { locations, moves, clear, replaces, quarantine, findings };
}

/** The key that a file under a final name holds, as far as can be told: from its header, of a one-time prekey from its name. */
function keyInside(file: SeenFile, parsed: Extract<ParsedName, { type: "final" }>): KeyId | undefined {
  if (file.header === "not-read") return parsed.keyId;
  if (file.header === "unreadable") return undefined;
  return file.header.keyId;
}

/** A name that this key's file had before its role or state changed; so a crash between commit and place leaves it there. */
function isFormerName(place: KeyPlace, name: string): boolean {
  if (place.state === "retired") return name === finalName({ ...place, state: "live" });
  // Of a key that never was the next one this is its final name.
  return place.state === "live" && name === finalName({ ...place, role: "next" });
}

const FAULTS: Readonly<
  Record<KeyFileFault, { readonly code: "KEY_FILE_CORRUPT" | "KEY_FILE_MISSING" | "KEY_FILE_SWAPPED"; readonly what: string }>
> = {
  missing: { code: "KEY_FILE_MISSING", what: "is missing" },
  damaged: { code: "KEY_FILE_CORRUPT", what: "is damaged" },
  "another key": { code: "KEY_FILE_SWAPPED", what: "holds another key of this agent" },
  "former key": { code: "KEY_FILE_SWAPPED", what: "holds a former key that has ended" },
  "foreign key": { code: "KEY_FILE_SWAPPED", what: "holds a key that is none of this agent's" },
};

/** Of no key: the one that is to lie there is where it was, and is used from there. */
function inTheWay(place: KeyPlace, fault: KeyFileFault, location: string): VaultFinding {
  const file = finalName(place);
  const { code, what } = FAULTS[fault];
  return { code, file, reason: fault, message: `${file} ${what}, and is in the way of the key that lies under ${location}.` };
}

function lost(place: KeyPlace, fault: KeyFileFault): VaultFinding {
  const file = finalName(place);
  const { code, what } = FAULTS[fault];
  return { code, file, keyId: place.keyId, kind: place.kind, reason: fault, message: `${file} ${what}.` };
}
