/**
 * What a log that has moved on brings with it in the store, in the transaction that takes it over: evidence kept, sessions that end and
 * messages that wait again, certificates that count no more, an entry on record. Judges nothing.
 */
import { decodeCertificate, decodeEvent, type Crypto, type IdentityLog, type LogState } from "@talos/core";
import type { TrustOutcome } from "../agent-events.ts";
import type { Transaction } from "../vault/index.ts";
import { endSessions } from "./ending-sessions.ts";
import type { KnownPeer } from "./known-peer.ts";
import type { LiveSessions } from "./live-sessions.ts";
import { countsAt, type PeerChange } from "./peer-change.ts";

const ALL_ROWS = Number.MAX_SAFE_INTEGER;

export function followChange(
  tx: Transaction,
  { crypto, sessions }: { readonly crypto: Pick<Crypto, "sha256">; readonly sessions: LiveSessions },
  { peer, log }: KnownPeer,
  change: PeerChange,
  outcome: TrustOutcome,
  now: number,
): void {
  const { agentId: id } = peer;
  for (const wire of change.cutOff) {
    const { event, hash } = decodeEvent(wire, crypto);
    tx.cutOff.add({ hash, agentId: id, seq: event.kind === "inception" ? 0 : event.seq, wire, seenAt: now });
  }
  const isRevoked = log.revoked !== undefined;
  if (change.endsSessions) endSessions(tx, sessions, id, isRevoked ? "peer-revoked" : "session-replaced");
  if (isRevoked) for (const row of tx.outbox.pendingFor(id, ALL_ROWS)) tx.outbox.setReason(row.order, "peer-revoked");
  const { head, reason, authority } = log.states.at(-1) as LogState;
  tx.audit.append({
    kind: "peer-event",
    at: now,
    details: {
      peer: peer.did,
      seq: head.seq,
      reason: reason ?? "",
      authority: authority ?? "",
      trust: outcome,
      cutOff: change.cutOff.length,
      sessionsEnded: change.endsSessions ? 1 : 0,
    },
  });
}

/** What was made under a head that fell away, or that the owner gave up, is never asked for again. */
export function dropCertificates(tx: Transaction, log: IdentityLog): void {
  for (const { hash, wire } of tx.peers.certificates(log.agentId)) {
    if (!countsAt(log, decodeCertificate(wire).head)) tx.peers.forgetCertificate(log.agentId, hash);
  }
}
