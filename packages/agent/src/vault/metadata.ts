/**
 * `metadata.json`: the public projection of the vault for people and tools, and what a rescue needs beside the key files:
 * unlock slots, own log, home directory, and whether the agent is held. Written by temporary file, fsync and rename; never trusted.
 */
import { join } from "node:path";
import { agentIdToDid, decodeUtf8, equalBytes, fromBase64Url, toBase64Url, toHex, utf8 } from "@talos/core";
import type { StoredFacts } from "./database.ts";
import { readFile, renameFile, statPath, syncFolder, unlinkFile, writeNewFile } from "./files.ts";
import { METADATA_FILE } from "./keys/layout.ts";
import type { InventoryEntry } from "./store/inventory.ts";
import type { HeldSettings } from "./store/settings.ts";

const FORMAT = 1;
/** A thousand prekeys and a long log are far below it: what is larger is not ours, and is not read into memory. */
const MAX_BYTES = 16_777_216;
/** Of two vault keys. */
const MAX_RECORDED_SLOTS = 16;

/** What is shown of a vault; all of it public, or sealed under a password or key. */
export interface Projection {
  readonly facts: StoredFacts;
  readonly keys: readonly InventoryEntry[];
  /** Records of the unlock slots; while key files of two vault keys lie in the folder, the slots of both. */
  readonly slots: readonly Uint8Array[];
  /** The own log as it travels, inception first. */
  readonly log: readonly Uint8Array[];
  /** URL of the home directory. */
  readonly directory: string | undefined;
  /** Of an agent that comes from a backup and may not act yet. */
  readonly held: HeldSettings | undefined;
}

/** `newer`: written under a higher generation than the database has, which may be an older copy. */
export type MetadataState = "as it should be" | "missing" | "different" | "newer";

/** @param generation as of when this was written: opening alone does not rewrite it */
export function renderMetadata(
  { facts, keys, slots, log, directory, held }: Projection,
  generation: number = facts.generation,
): Uint8Array {
  const projection = {
    format: FORMAT,
    agentId: toHex(facts.agentId),
    did: agentIdToDid(facts.agentId),
    name: facts.name,
    createdAt: facts.createdAt,
    generation,
    vaultKeyNumber: facts.vaultKeyNumber,
    directory,
    keys: keys.map((key) => ({
      id: key.keyId,
      kind: key.kind,
      role: key.role,
      state: key.state,
      algorithm: key.algorithm,
      publicKey: toBase64Url(key.publicKey),
      createdAt: key.createdAt,
      dueAt: key.dueAt,
      expiresAt: key.expiresAt,
      retiredAt: key.retiredAt,
      backend: key.backend,
      protection: key.protection,
    })),
    slots: slots.map(toBase64Url),
    log: log.map(toBase64Url),
    held: held && { mark: shown(held.mark), places: held.places === undefined ? undefined : shown(held.places) },
  };
  // One key a line: a thousand prekeys stay readable, and small.
  const keyLines = projection.keys.map((key) => `    ${JSON.stringify(key)}`).join(",\n");
  const rest = JSON.stringify({ ...projection, keys: [] }, undefined, 2);
  return utf8(`${rest.replace('"keys": []', (empty) => (keyLines === "" ? empty : `"keys": [\n${keyLines}\n  ]`))}\n`);
}

/** JSON as what it says, so that a person can read it; what is none as it is. */
function shown(setting: string): unknown {
  try {
    return JSON.parse(setting);
  } catch {
    return setting;
  }
}

/** Writes it unless it is there as it should be. @returns what was wrong */
export function writeMetadata(dataDir: string, projection: Projection): MetadataState {
  const path = join(dataDir, METADATA_FILE);
  const fresh = `${path}.new`;
  // A crash may leave one, also beside a projection that is right: after a loss of power a rename is there, and what it followed is not.
  unlinkFile(fresh);
  const state = compareMetadata(dataDir, projection);
  if (state === "as it should be") return state;
  writeNewFile(fresh, renderMetadata(projection));
  renameFile(fresh, path);
  syncFolder(dataDir);
  return state;
}

/** The records of unlock slots that stand in it now, as they are; none where it cannot be read. Nothing of them is to be trusted. */
export function recordedSlots(dataDir: string): Uint8Array[] {
  const present = readPresent(dataDir);
  if (present === undefined) return [];
  try {
    const { slots } = JSON.parse(decodeUtf8(present)) as { readonly slots: readonly string[] };
    return slots.slice(0, MAX_RECORDED_SLOTS).map(fromBase64Url);
  } catch {
    return [];
  }
}

/** Changes nothing. */
export function compareMetadata(dataDir: string, projection: Projection): MetadataState {
  const present = readPresent(dataDir);
  if (present === undefined) return "missing";
  const generation = recordedGeneration(present);
  if (generation === undefined || !equalBytes(present, renderMetadata(projection, generation))) return "different";
  return generation > projection.facts.generation ? "newer" : "as it should be";
}

/** What is too large counts as empty. */
function readPresent(dataDir: string): Uint8Array | undefined {
  const path = join(dataDir, METADATA_FILE);
  return (statPath(path)?.size ?? 0) > MAX_BYTES ? new Uint8Array() : readFile(path);
}

/** For a person who reads that it was or is to be written anew. */
export function describeMetadata(state: Exclude<MetadataState, "as it should be">): string {
  if (state !== "newer") return state;
  return "written under a higher generation than state.db has, which may be an older copy";
}

function recordedGeneration(content: Uint8Array): number | undefined {
  try {
    const digits = /^ {2}"generation": (?<digits>[1-9][0-9]{0,15}),$/m.exec(decodeUtf8(content))?.groups?.["digits"];
    return digits === undefined ? undefined : Number(digits);
  } catch {
    return undefined;
  }
}
