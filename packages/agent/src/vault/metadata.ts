/**
 * `metadata.json`: the public projection of the vault for people and tools, and the copy of the unlock slots for
 * rescue. Written by temporary file, fsync and rename; never trusted.
 */
import { join } from "node:path";
import { agentIdToDid, equalBytes, toBase64Url, toHex, utf8 } from "@talos/core";
import type { StoredFacts } from "./database.ts";
import { readFile, renameFile, syncFolder, unlinkFile, writeNewFile } from "./files.ts";
import { METADATA_FILE } from "./layout.ts";
import type { StoredSlot } from "./slot-record.ts";
import type { InventoryEntry } from "./store/inventory.ts";

const FORMAT = 1;

export function renderMetadata(facts: StoredFacts, keys: readonly InventoryEntry[], slots: readonly StoredSlot[]): Uint8Array {
  const projection = {
    format: FORMAT,
    agentId: toHex(facts.agentId),
    did: agentIdToDid(facts.agentId),
    name: facts.name,
    createdAt: facts.createdAt,
    vaultKeyNumber: facts.vaultKeyNumber,
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
    slots: slots.map(({ record }) => toBase64Url(record)),
  };
  // One key a line: a thousand prekeys stay readable, and small.
  const keyLines = projection.keys.map((key) => `    ${JSON.stringify(key)}`).join(",\n");
  const rest = JSON.stringify({ ...projection, keys: [] }, undefined, 2);
  return utf8(`${rest.replace('"keys": []', (empty) => (keyLines === "" ? empty : `"keys": [\n${keyLines}\n  ]`))}\n`);
}

/** Writes it unless it is there as it should be. @returns what was wrong: nothing, missing, or different */
export function writeMetadata(dataDir: string, content: Uint8Array): "as it should be" | "missing" | "different" {
  const state = compareMetadata(dataDir, content);
  if (state === "as it should be") return state;
  const path = join(dataDir, METADATA_FILE);
  const fresh = `${path}.new`;
  unlinkFile(fresh);
  writeNewFile(fresh, content);
  renameFile(fresh, path);
  syncFolder(dataDir);
  return state;
}

/** Changes nothing. */
export function compareMetadata(dataDir: string, content: Uint8Array): "as it should be" | "missing" | "different" {
  const present = readFile(join(dataDir, METADATA_FILE));
  if (present === undefined) return "missing";
  return equalBytes(present, content) ? "as it should be" : "different";
}
