/**
 * What a backup brings into an empty vault: peers with what was decided about them, evidence, settings and the record, and its keys where the
 * agent lives on with them. No prekey, no session and no mail: there are none in it. Knows no directory.
 */
import { isTalosError, verifyCertificate, verifyLog, type Crypto, type IdentityLog } from "@talos/core";
import type { BackupContent, BackupPeer } from "../../backup/backup-content.ts";
import { portableOnly } from "../../backup/portable-settings.ts";
import { importKeys } from "../../backup/restore-keys.ts";
import { HOME_DIRECTORY, type FirstContent, type KeyFileStore, type Transaction } from "../../vault/index.ts";
import { keyEntries } from "../audit-entries.ts";
import { rememberFormerHome } from "../former-homes.ts";
import { putLog } from "../new-life.ts";
import { markHeld } from "./held-recovery.ts";
import { keepPlaces, type Places } from "./places.ts";

export interface RestoreInto {
  readonly crypto: Crypto;
  /** milliseconds since 1970 */
  readonly now: number;
  /** `home`: from now on. */
  readonly places: Places;
}

/**
 * With the keys of the backup, held until somebody has compared its log.
 *
 * @param log of the backup, verified
 * @throws TalosError as `importKeys`
 */
export async function buildRestoredLife(
  files: KeyFileStore,
  content: BackupContent,
  log: IdentityLog,
  into: RestoreInto,
): Promise<FirstContent> {
  const keys = await importKeys(content.keys, files, into.crypto);
  const { now } = into;
  return {
    ...recordOf(content),
    write: (tx) => {
      noteRestored(tx, content, { now, seq: log.head.seq, isFormerGone: into.places.isFormerGone });
      putLog(tx, log);
      for (const entry of keys) tx.inventory.put(entry);
      for (const entry of keyEntries("key-restored", keys, now)) tx.audit.append(entry);
      tx.log.setCertificate(content.certificate);
      putRestored(tx, content, into);
      markHeld(tx, { way: "restored", since: now, backupAt: content.createdAt });
      keepPlaces(tx, into.places);
    },
  };
}

/** What goes on here of the life before: its generation stands below whatever comes, and its record comes first. */
export function recordOf({ agentId, generation, audit, auditHead }: BackupContent): Omit<FirstContent, "write"> {
  return { agentId, generation, earlierAudit: { entries: audit, head: auditHead } };
}

export interface RestorationFacts {
  readonly now: number;
  /** Of the last event that the record knows. */
  readonly seq: number;
  /** Of the recovery event, where one was needed: the record of what was made between the two is lost. */
  readonly event?: number;
  /** Somebody has said that no directory is left that had the log. */
  readonly isFormerGone: boolean;
}

/** Before whatever else this life puts on record. */
export function noteRestored(tx: Transaction, { createdAt, audit }: BackupContent, facts: RestorationFacts): void {
  const { now, seq, event, isFormerGone } = facts;
  const said = { ...(event === undefined ? {} : { event }), ...(isFormerGone ? { formerDirectory: "gone" } : {}) };
  const details = { seq, ...said, entries: audit.length, made: createdAt };
  tx.audit.append({ kind: "backup-restored", at: now, details });
}

/** Everything but keys, log and record. */
export function putRestored(tx: Transaction, content: BackupContent, { crypto, now, places: { home } }: RestoreInto): void {
  for (const peer of content.peers) putPeer(tx, peer, crypto);
  for (const event of content.cutOff) tx.cutOff.add(event);
  for (const conflict of content.evidence) tx.peers.addConflict(conflict, true);
  for (const [name, value] of portableOnly(content)) tx.settings.set(name, value);
  const before = content.settings.get(HOME_DIRECTORY);
  tx.settings.set(HOME_DIRECTORY, home);
  // Peers leave mail there until they hear of the new one.
  if (before !== undefined && before !== home) rememberFormerHome(tx, before, now);
}

function putPeer(tx: Transaction, { peer, events, forks, conflicts }: BackupPeer, crypto: Crypto): void {
  const { agentId, certificate, certificateSeenAt = 0 } = peer;
  const wires = events.map(({ wire }) => wire);
  const known = certificate && verified(verifyLog(undefined, wires, 0, crypto, agentId).log, certificate, crypto);
  // A certificate of a branch that was cut off counts no more, and with it goes what was known of that instance.
  tx.peers.put(known === undefined ? { ...peer, certificate: undefined, certificateSeenAt: undefined, highest: undefined } : peer);
  for (const [seq, { wire, seenAt }] of events.entries()) tx.peers.putEvents(agentId, seq, [wire], seenAt);
  if (known !== undefined) tx.peers.rememberCertificate(agentId, { hash: known.hash, wire: known.wire, seenAt: certificateSeenAt });
  for (const fork of forks) tx.peerForks.raise(fork);
  for (const conflict of conflicts) tx.peers.addConflict(conflict, true);
}

function verified(log: IdentityLog, certificate: Uint8Array, crypto: Crypto): ReturnType<typeof verifyCertificate> | undefined {
  try {
    return verifyCertificate(log, certificate, crypto);
  } catch (error) {
    if (!isTalosError(error)) throw error;
    return undefined;
  }
}
