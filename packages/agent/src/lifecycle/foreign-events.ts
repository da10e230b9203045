/**
 * Events in this agent's own log that this data directory did not make: somebody else holds its keys, or the agent was given a new life
 * elsewhere. They are kept as evidence; the agent goes on reading, and neither publishes nor rotates until its owner decides.
 */
import { decodeEvent, fromHex, talosError, toHex, type Crypto, type LogHead, type TalosError } from "@talos/core";
import type { AgentContext } from "../context.ts";
import type { ReadTransaction, Transaction } from "../vault/index.ts";

const SETTING = "identity-moved";

/** The first foreign event that was met. */
export interface MovedIdentity extends LogHead {
  /** milliseconds since 1970 */
  readonly seenAt: number;
}

/** Durable; the application hears of the first one. Repeating it does no harm. */
export function noteForeignEvents(context: AgentContext, foreign: readonly Uint8Array[]): void {
  const { clock, commits, log, events, crypto } = context;
  const heads = foreign.map((wire) => ({ wire, head: headOf(wire, crypto) }));
  const [first] = heads;
  if (first === undefined) return;
  const now = clock.now();
  const isNew = commits.evenHeld((tx) => {
    for (const { wire, head } of heads) {
      tx.cutOff.add({ hash: head.hash, agentId: log.agentId, seq: head.seq, wire, seenAt: now });
    }
    if (tx.settings.get(SETTING) !== undefined) return false;
    const moved = { seq: first.head.seq, hash: toHex(first.head.hash), seenAt: now };
    tx.settings.set(SETTING, JSON.stringify(moved));
    tx.audit.append({ kind: "identity-moved", at: now, details: { seq: moved.seq, event: moved.hash } });
    return true;
  });
  if (isNew) events.emit("identityMoved", { seq: first.head.seq, hash: toHex(first.head.hash) });
}

/**
 * Events of branches that contend with this agent's log, and decide nothing as far as is known: they prove that somebody else had its keys.
 * Evidence, and on record once each; nothing of the agent waits for them.
 */
export function noteContenders({ clock, commits, log, crypto }: AgentContext, contenders: readonly Uint8Array[]): void {
  if (contenders.length === 0) return;
  const now = clock.now();
  commits.evenHeld((tx) => {
    for (const wire of contenders) {
      const { seq, hash } = headOf(wire, crypto);
      const isNew = tx.cutOff.add({ hash, agentId: log.agentId, seq, wire, seenAt: now });
      if (isNew) tx.audit.append({ kind: "identity-moved", at: now, details: { seq, event: toHex(hash), contends: "elsewhere" } });
    }
  });
}

export function movedIdentity(tx: ReadTransaction): MovedIdentity | undefined {
  const stored = tx.settings.get(SETTING);
  if (stored === undefined) return undefined;
  const { seq, hash, seenAt } = JSON.parse(stored) as { seq: number; hash: string; seenAt: number };
  return { seq, hash: fromHex(hash), seenAt };
}

/** An event of the owner stands above it. */
export function clearMoved(tx: Transaction): void {
  tx.settings.set(SETTING, undefined);
}

/** @throws TalosError IDENTITY_MOVED while a foreign event stands */
export function requireUnmoved({ vault }: Pick<AgentContext, "vault">): void {
  const moved = vault.read(movedIdentity);
  if (moved !== undefined) throw movedError(moved);
}

export function movedError({ seq, hash }: LogHead): TalosError {
  return talosError("IDENTITY_MOVED", "The identity log has an event that this data directory did not make.", {
    hint: "If it was a thief, take the identity back: talos emergency-rotate --recovery-kit KIT. If it was you, go on with the newer copy of the agent.",
    details: { seq, hash: toHex(hash) },
  });
}

/** Of one event, whatever log it belongs to. */
export function headOf(wire: Uint8Array, crypto: Pick<Crypto, "sha256">): LogHead {
  const { event, hash } = decodeEvent(wire, crypto);
  return { seq: event.kind === "inception" ? 0 : event.seq, hash };
}
