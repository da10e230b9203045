/**
 * New keys for an identity event, each durable in its file and read back from there before anything is signed with it or for it: a key
 * that was made and lost must not be the one that the world is told of. They count once the inventory names them.
 */
import { equalBytes, keyCommitment, talosError, type IdentityLog, type KeyId } from "@talos/core";
import { openBackend, type BackendKey, type BackendKeyKind, type BackendKeys, type BackendName } from "../../backends/index.ts";
import type { AgentContext } from "../../context.ts";
import type { InventoryEntry } from "../../vault/index.ts";
import { entryOf, IDENTITY_INTERVAL_MILLISECONDS } from "../first-keys.ts";

/** @throws what the backend throws; KEY_FILE_MISSING, KEY_FILE_CORRUPT where the disk does not give back what it was given */
export async function stageKey<K extends BackendKeyKind>(context: AgentContext, backend: BackendName, kind: K): Promise<BackendKeys[K]> {
  const keys = openBackend(backend, { files: context.vault.files, crypto: context.crypto });
  using made = await keys.create(kind);
  const reference = made.reference as { backend: BackendName; kind: K; keyId: KeyId };
  const readBack = await keys.open(reference);
  if (equalBytes(readBack.publicKey.bytes, made.publicKey.bytes)) return readBack;
  readBack[Symbol.dispose]();
  throw talosError("KEY_FILE_CORRUPT", undefined, { details: { kind } });
}

/** Where the agent's keys of that kind live; successors are made there. @throws TalosError KEY_NOT_FOUND */
export function backendOf({ vault }: AgentContext, kind: "identity" | "encryption"): BackendName {
  return requireLive(vault.read((tx) => tx.inventory.live(kind))).backend;
}

/**
 * The key that the log's commitment names, opened to reveal it.
 *
 * @throws TalosError KEY_NOT_FOUND, KEY_FILE_MISSING and others where it is lost; VAULT_CORRUPT where it is not the one that was committed to
 */
export async function openNextKey({ vault, crypto }: AgentContext, log: IdentityLog): Promise<BackendKeys["next-identity"]> {
  const { backend, keyId } = requireLive(vault.read((tx) => tx.inventory.live("identity", "next")));
  const key = await openBackend(backend, { files: vault.files, crypto }).open({ backend, kind: "next-identity", keyId });
  if (equalBytes(keyCommitment(key.publicKey, crypto), log.next.online)) return key;
  key[Symbol.dispose]();
  throw talosError("VAULT_CORRUPT", "The next identity key is not the one that the agent's log commits to.");
}

export function stagedEntry(key: BackendKey, kind: "identity" | "next-identity" | "encryption", now: number): InventoryEntry {
  const dueAt = now + IDENTITY_INTERVAL_MILLISECONDS;
  if (kind === "next-identity") return { ...entryOf(key, now, { kind: "identity", role: "next" }), state: "staged" };
  if (kind === "identity") return { ...entryOf(key, now, { kind, role: "current", dueAt }), state: "staged" };
  return { ...entryOf(key, now, { kind, dueAt }), state: "staged" };
}

export function keyIdOf(key: BackendKey): KeyId {
  return (key.reference as { keyId: KeyId }).keyId;
}

function requireLive(entry: InventoryEntry | undefined): InventoryEntry {
  if (entry === undefined) throw talosError("KEY_NOT_FOUND");
  return entry;
}
