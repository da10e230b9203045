/**
 * A new session with a peer: claims a bundle where the peer is at home, verifies all of it, asks the backend for the one
 * Diffie-Hellman that it alone can do. What comes back is in no store yet: the sender adopts it in the transaction that
 * seals the first message.
 */
import { initiateSession, standingOf, talosError, verifyBundle, type AgentId, type LogHead } from "@talos/core";
import type { AgentContext } from "../context.ts";
import { noteFirstUse } from "../lifecycle/audit-entries.ts";
import type { LiveSession } from "./live-sessions.ts";
import { isFresh, memoryOf, type KnownPeer } from "./known-peer.ts";
import { judgeFacts } from "./peer-lookup.ts";
import { requireHandshake } from "./peer-standing.ts";

/** This release offers no options. */
export const OFFERED_OPTIONS = 0;

export interface FreshSession {
  readonly live: LiveSession;
  readonly known: KnownPeer;
}

/**
 * @param url a directory where the peer's prekeys are
 * @throws TalosError as `Directory.claim`, `verifyLog`, `verifyCertificate`, `verifyBundle`; PEER_HEAD_STALE, PEER_REVOKED, PEER_FORKED,
 *   PEER_BLOCKED, PEER_UNVERIFIED, PEER_UNKNOWN; BATCH_VOID, BATCH_RETIRED; WEAK_PUBLIC_KEY
 */
export async function claimSession(context: AgentContext, peer: AgentId, url: string): Promise<FreshSession> {
  const { crypto, clock, log, instance, encryptionKey, policy, peers, vault, commits } = context;
  const bundle = await context.directories.call(url, (directory) => directory.claim(peer));
  const now = clock.now();
  const before = vault.read((tx) => peers.get(tx, peer));
  // Forgotten meanwhile: nobody wants it back.
  if (before === undefined) throw talosError("PEER_UNKNOWN");
  const facts = judgeFacts(context, peer, before, { ...bundle, directory: url });
  // What the log says is taken over whatever else is wrong with the bundle.
  const known = commits.now((tx) => {
    const own = tx.inventory.live("encryption");
    if (own !== undefined) noteFirstUse(tx, own, now);
    return peers.learn(tx, facts, now);
  });
  requireHandshake(known, policy);
  const verifiedBundle = verifyBundle(known.log, bundle, crypto, now);
  requireBatchHead(known, verifiedBundle.head, now);
  if (!isFresh(known, policy.maxHeadAgeDays, now)) throw talosError("PEER_HEAD_STALE");

  const dhLongTerm = await encryptionKey.deriveSharedSecret(verifiedBundle.signedPrekey.agreementKey.bytes);
  const { agentId, head, identityKey, encryptionKey: ownEncryptionKey } = log;
  const session = initiateSession(
    {
      own: {
        agentId,
        head,
        identityKey,
        encryptionKey: ownEncryptionKey,
        certificateHash: instance.certificate.hash,
        options: OFFERED_OPTIONS,
      },
      bundle: verifiedBundle,
      dhLongTerm,
      now: clock.now(),
    },
    crypto,
  );
  const at = clock.now();
  return { live: { session, sending: true, createdAt: at, lastUsedAt: at, turnBy: undefined }, known };
}

/** Whoever has a key that was rotated away can sign batches to this day. While the migration runs, an honest old one is as good as a new one. */
function requireBatchHead(known: KnownPeer, head: LogHead, now: number): void {
  const standing = standingOf(known.log, head, memoryOf(known, now));
  if (standing === "void") throw talosError("BATCH_VOID");
  if (standing === "ended") throw talosError("BATCH_RETIRED");
}
