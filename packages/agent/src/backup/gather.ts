/**
 * What goes into a backup, read from an open vault as one consistent state, with the private parts that their backends give away. Reads
 * only. Knows no file, no password and no directory.
 */
import { type Crypto, equalBytes, isTalosError, type LogHead, sameHead, type SecretBytes, talosError } from "@talos/core";
import { type BackendKeyKind, openBackend } from "../backends/index.ts";
import type { InventoryEntry, ReadTransaction, Vault } from "../vault/index.ts";
import type { BackupContent, BackupKey } from "./backup-content.ts";
import { encodeContent, MAX_AUDIT_ENTRIES } from "./content-codec.ts";
import { gatherPeers } from "./gather-peers.ts";
import { MAX_CONTENT_BYTES } from "./padding.ts";
import { portableSettings } from "./portable-settings.ts";
import { sectionBytes } from "./section.ts";

/** A rotation that comes in force while keys are read is rare, and two in a row are none. */
const MAX_ATTEMPTS = 3;
/** For the three keys, which are read last, and for the lengths of sections. */
const KEYS_BYTES = 2_048;

/** Everything but the private parts. */
type Gathered = Omit<BackupContent, "keys" | typeof Symbol.dispose> & { readonly entries: readonly KeyEntry[] };
type KeyEntry = readonly [BackendKeyKind, InventoryEntry];

/**
 * @param now milliseconds since 1970
 * @returns the caller disposes it
 * @throws TalosError AGENT_REVOKED; KEY_NOT_FOUND, KEY_FILE_MISSING, KEY_FILE_CORRUPT, KEY_FILE_SWAPPED where a key is lost: a backup without
 *   it would be none; of the backend; BACKUP_TOO_LARGE where leaving out strangers is not enough; PLAN_BLOCKED while the identity changes again and again; VAULT_CORRUPT, CLIENT_CLOSED
 */
export async function gatherBackup(vault: Vault, crypto: Crypto, now: number): Promise<BackupContent> {
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    using cleanup = new DisposableStack();
    const { entries, ...content } = vault.read((tx) => read(tx, vault, crypto, now));
    try {
      const keys: BackupKey[] = [];
      for (const [kind, entry] of entries) {
        const secret = await exportSecret(kind, entry, vault, crypto);
        keys.push(backupKey(kind, entry, secret && cleanup.use(secret)));
      }
      if (isStill(vault, content.head, entries)) {
        const held = cleanup.move();
        return { ...content, keys, [Symbol.dispose]: () => held.dispose() };
      }
    } catch (error) {
      // A key that has ended meanwhile is no lost one.
      if (!isTalosError(error) || isStill(vault, content.head, entries)) throw error;
    }
  }
  throw talosError("PLAN_BLOCKED");
}

function read(tx: ReadTransaction, vault: Vault, crypto: Crypto, now: number): Gathered {
  const entries: readonly KeyEntry[] = [
    ["identity", liveKey(tx, "identity")],
    ["next-identity", liveKey(tx, "next")],
    ["encryption", liveKey(tx, "encryption")],
  ];
  const head = tx.log.head();
  const certificate = tx.log.certificate();
  if (head === undefined || certificate === undefined) throw talosError("VAULT_CORRUPT");
  const rest = {
    agentName: vault.name,
    agentId: vault.agentId,
    createdAt: now,
    head,
    generation: vault.generation,
    events: tx.log.events().map(({ wire }) => wire),
    certificate,
    settings: portableSettings(
      tx,
      entries.map(([, { keyId }]) => keyId),
    ),
    audit: tx.audit.stored(),
    auditHead: tx.audit.head(crypto),
  };
  return { ...rest, entries, ...gatherPeers(tx, vault.agentId, MAX_CONTENT_BYTES - bytesOf(rest)) };
}

/** What everything but the peers takes of a content. @throws TalosError BACKUP_TOO_LARGE */
function bytesOf(rest: Omit<Gathered, "entries" | keyof ReturnType<typeof gatherPeers>>): number {
  const { events, audit } = rest;
  if (audit.length > MAX_AUDIT_ENTRIES) throw talosError("BACKUP_TOO_LARGE", undefined, { details: { auditEntries: audit.length } });
  const none = { events: [], audit: [], keys: [], peers: [], cutOff: [], evidence: [], leftOut: { peers: 0 } };
  const others = encodeContent({ ...rest, ...none, [Symbol.dispose]: () => undefined });
  return others.length + sectionBytes(events) + sectionBytes(audit) + KEYS_BYTES;
}

/** @throws TalosError KEY_NOT_FOUND */
function liveKey(tx: ReadTransaction, which: "identity" | "next" | "encryption"): InventoryEntry {
  const entry =
    which === "encryption" ? tx.inventory.live("encryption") : tx.inventory.live("identity", which === "next" ? "next" : "current");
  if (entry === undefined) throw talosError("KEY_NOT_FOUND", undefined, { details: { kind: which } });
  return entry;
}

/** Undefined where its backend gives nothing away. */
async function exportSecret(
  kind: BackendKeyKind,
  { keyId, backend: name }: InventoryEntry,
  { files }: Vault,
  crypto: Crypto,
): Promise<SecretBytes | undefined> {
  const { portable } = openBackend(name, { files, crypto }).capabilities;
  return portable?.exportKey({ backend: name, kind, keyId });
}

/** Whether what was read first is what is in force now. */
function isStill(vault: Vault, head: LogHead, entries: readonly KeyEntry[]): boolean {
  return vault.read((tx) => {
    const present = tx.log.head();
    const isLive = ([, { keyId, role, publicKey }]: KeyEntry): boolean => {
      const entry = tx.inventory.get(keyId);
      return entry !== undefined && entry.state === "live" && entry.role === role && equalBytes(entry.publicKey, publicKey);
    };
    return present !== undefined && sameHead(present, head) && entries.every(isLive);
  });
}

function backupKey(kind: BackendKeyKind, entry: InventoryEntry, secret: SecretBytes | undefined): BackupKey {
  const { keyId, algorithm, publicKey, createdAt, dueAt, backend, protection } = entry;
  return { kind, keyId, algorithm, publicKey, createdAt, dueAt, backend, protection, ...(secret === undefined ? {} : { secret }) };
}
