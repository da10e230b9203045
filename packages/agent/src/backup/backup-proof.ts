/**
 * Everything in an opened backup that must agree, before anything of it is used: the seal says that it was made by somebody who had the
 * password, not that it is whole in itself. Knows no vault, no directory and no bytes of a file. Source: docs/protocol/backup.md, "Proof".
 */
import {
  appendLeaf,
  auditLeaf,
  type Crypto,
  decodeAuditEntry,
  decodeCertificate,
  decodeEvent,
  edgeRoot,
  EMPTY_EDGE,
  equalBytes,
  type IdentityLog,
  isTalosError,
  keyCommitment,
  keyId,
  type PublicKey,
  sameHead,
  samePublicKey,
  verifyCertificate,
  verifyLog,
} from "@talos/core";
import type { BackendKeyKind } from "../backends/index.ts";
import { parseDirectoryUrl } from "../directory/directory-url.ts";
import { HOME_DIRECTORY } from "../vault/index.ts";
import type { BackupContent, BackupKey, BackupPeer } from "./backup-content.ts";
import { damagedBackup, isFromLaterRelease } from "./damaged-backup.ts";
import { keyFailed } from "./restore-keys.ts";

const ALL_KINDS: readonly BackendKeyKind[] = ["identity", "next-identity", "encryption"];

/**
 * @param now milliseconds since 1970
 * @returns the agent's log, verified; it may say that the agent is revoked
 * @throws TalosError BACKUP_DAMAGED (`details.reason`: log, head, keys, certificate, generation, audit, peer, cut-off,
 *   settings); BACKUP_KEY_FAILED
 *   (`details.kind`, `keyId`, `reason`: key-id, not-in-the-log, algorithm, another-key); UNSUPPORTED_VERSION, UNSUPPORTED_SUITE,
 *   UNSUPPORTED_EXTENSION
 */
export function verifyContent(content: BackupContent, crypto: Crypto, now: number): IdentityLog {
  const log = checked("log", () => verifyLog(undefined, content.events, now, crypto, content.agentId).log);
  if (!sameHead(log.head, content.head)) throw damagedBackup("head");
  verifyKeys(content.keys, log, crypto);
  const { generation } = checked("certificate", () => verifyCertificate(log, content.certificate, crypto));
  if (generation > content.generation) throw damagedBackup("generation");
  verifyAudit(content, crypto);
  verifyPeers(content.peers, crypto, now);
  verifyCutOff(content, crypto);
  const home = content.settings.get(HOME_DIRECTORY);
  if (home !== undefined) checked("settings", () => parseDirectoryUrl(home));
  return log;
}

function verifyKeys(keys: readonly BackupKey[], log: IdentityLog, crypto: Crypto): void {
  for (const key of keys) verifyKey(key, log, crypto);
  const isWhole = keys.length === ALL_KINDS.length && ALL_KINDS.every((kind) => keys.some((key) => key.kind === kind));
  // No hardware will ever have what this software made.
  const isLost = keys.some(({ backend, secret }) => backend === "software" && secret === undefined);
  if (!isWhole || isLost) throw damagedBackup("keys");
}

function verifyKey(key: BackupKey, log: IdentityLog, crypto: Crypto): void {
  const publicKey: PublicKey = { algorithm: key.algorithm, bytes: key.publicKey };
  if (keyId(publicKey, crypto) !== key.keyId) throw keyFailed(key, "key-id");
  if (!isInForce(key.kind, publicKey, log, crypto)) throw keyFailed(key, "not-in-the-log");
  if (key.secret === undefined) return;
  using pair = privatePart(key, crypto);
  if (!equalBytes(pair.publicKey, key.publicKey)) throw keyFailed(key, "another-key");
}

function isInForce(kind: BackendKeyKind, key: PublicKey, log: IdentityLog, crypto: Crypto): boolean {
  if (kind === "identity") return samePublicKey(key, log.identityKey);
  if (kind === "encryption") return samePublicKey(key, log.encryptionKey);
  return equalBytes(keyCommitment(key as PublicKey<1>, crypto), log.next.online);
}

/** @throws TalosError BACKUP_KEY_FAILED for an algorithm whose keys do not travel */
function privatePart(key: BackupKey, crypto: Crypto): Disposable & { readonly publicKey: Uint8Array } {
  const { secret, algorithm } = key;
  if (secret === undefined || (algorithm !== 1 && algorithm !== 2)) throw keyFailed(key, "algorithm");
  return algorithm === 1 ? crypto.signingKeyFromSeed(secret) : crypto.agreementKeyFromPrivate(secret);
}

function verifyAudit({ audit, auditHead }: BackupContent, crypto: Crypto): void {
  let edge = EMPTY_EDGE;
  for (const [index, entry] of audit.entries()) {
    checked("audit", () => decodeAuditEntry(entry, index + 1));
    edge = appendLeaf(crypto, edge, auditLeaf(entry, crypto));
  }
  if (auditHead.size !== edge.size || !equalBytes(edgeRoot(crypto, edge), auditHead.root)) throw damagedBackup("audit");
}

function verifyPeers(peers: readonly BackupPeer[], crypto: Crypto, now: number): void {
  const dids = new Set(peers.map(({ peer }) => peer.did));
  const petnames = peers.flatMap(({ peer }) => peer.petname ?? []);
  if (dids.size !== peers.length || new Set(petnames).size !== petnames.length) throw damagedBackup("peer");
  for (const each of peers) verifyPeer(each, crypto, now);
}

function verifyPeer({ peer, events }: BackupPeer, crypto: Crypto, now: number): void {
  const { agentId, certificate, head, toldSeq = 0 } = peer;
  const wires = events.map(({ wire }) => wire);
  const log = checked("peer", () => verifyLog(undefined, wires, now, crypto, agentId).log);
  if (!sameHead(log.head, head) || toldSeq > head.seq) throw damagedBackup("peer");
  // It may be of a head that was cut off since: whoever uses it judges that.
  const isOwn = certificate === undefined || equalBytes(checked("peer", () => decodeCertificate(certificate)).agentId, agentId);
  if (!isOwn) throw damagedBackup("peer");
}

function verifyCutOff({ cutOff }: BackupContent, crypto: Crypto): void {
  for (const { seq, hash, wire } of cutOff) {
    const read = checked("cut-off", () => decodeEvent(wire, crypto));
    const isIt = equalBytes(read.hash, hash) && (read.event.kind === "inception" ? 0 : read.event.seq) === seq;
    if (!isIt) throw damagedBackup("cut-off");
  }
}

/** What fails in the backup is a fault of the backup, whatever its name elsewhere. */
function checked<T>(reason: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (!isTalosError(error) || isFromLaterRelease(error)) throw error;
    throw damagedBackup(reason, error);
  }
}
