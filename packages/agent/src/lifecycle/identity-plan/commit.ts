/**
 * An accepted event comes into force: log, keys, certificate, batch, sessions and what peers are to be told, all in one commit. What has
 * to be made for it is made before, so that a crash leaves the plan where it was, and memory follows in the same turn.
 */
import { decodeEvent, isTalosError, verifyLog, type AgentId, type IdentityEvent, type IdentityLog, type RotationReason } from "@talos/core";
import { openBackend, type BackendKeys } from "../../backends/index.ts";
import type { AgentContext } from "../../context.ts";
import { oweGreetings } from "../../messaging/greeting.ts";
import type { AuditDetails, InventoryEntry, Transaction } from "../../vault/index.ts";
import { certificateSigned, eventSigned, keyEntries, keyEntry, noteFirstUse } from "../audit-entries.ts";
import { clearMoved } from "../foreign-events.ts";
import { newIdentityDueAt } from "../first-keys.ts";
import { prepareBatch, stageBatch, type BatchWish } from "../new-batch.ts";
import type { OwnKeys } from "../own-identity.ts";
import { clearSuperseded } from "../supersession.ts";
import { storeReport } from "./emergency-report.ts";
import { setAsidePlans, type IdentityPlan } from "./plan-record.ts";
import { replaceAllSessions } from "./replace-sessions.ts";
import { keyIdOf } from "./stage-keys.ts";

const MAX_RACES = 5;

type SuccessorEvent = Exclude<IdentityEvent, { readonly kind: "inception" }>;

/**
 * @param told of a revocation: the peers that have the event already
 * @throws TalosError of the backend, of key files; COMMIT_FAILED and others of a commit. Then the plan stays as it is
 */
export async function commitPlan(context: AgentContext, plan: IdentityPlan, told: readonly AgentId[] = []): Promise<void> {
  const log = logWith(context, plan.event);
  const { event } = decodeEvent(plan.event, context.crypto);
  if (event.kind === "inception") return;
  if (event.kind === "revocation") return commitRevocation(context, { plan, log, event, told });
  for (let race = 1; ; race++) {
    try {
      return await commitRotation(context, plan, log, event);
    } catch (error) {
      // A batch that was made meanwhile, under the outgoing key.
      if (!isTalosError(error, "BATCH_STALE") || race === MAX_RACES) throw error;
    }
  }
}

async function commitRotation(
  context: AgentContext,
  plan: IdentityPlan,
  log: IdentityLog,
  event: SuccessorEvent & { readonly kind: "rotation" },
): Promise<void> {
  const { commits, instance, identity, clock, standing, policy } = context;
  const now = clock.now();
  const endsSessions = event.reason === "compromise";
  // Another copy has gone on with the sessions and prekeys that are here: to go on with them too would use their keys twice.
  const isOneOfTwo = standing.isSuperseded;
  using keys = await openNewKeys(context, plan, log);
  using certificate = await instance.prepare(keys.own, now, { freshKey: event.reason !== "planned" });
  const batch = await prepareBatch(context, wishFor(isOneOfTwo ? "lost" : event.reason, policy.rotation.oneTimePrekeyTarget), keys.own);
  const dueAt = newIdentityDueAt(context.crypto, now, context.policy.rotation);
  commits.evenSuperseded((tx) => {
    putEvent(tx, plan, event, now);
    switchKeys(tx, plan, { endsSessions, dueAt, now });
    if (endsSessions || isOneOfTwo) endAll(tx, prekeysOf(tx), now);
    stageBatch(tx, batch);
    tx.log.setCertificate(certificate.certificate.wire);
    tx.audit.append(certificateSigned(certificate.certificate, now));
    const signer = tx.inventory.live("identity");
    if (signer !== undefined) noteFirstUse(tx, signer, now);
    clearSuperseded(tx);
    clearMoved(tx);
    if (plan.report !== undefined) storeReport(tx, plan.report);
    if (plan.kind === "emergency") tx.audit.append({ kind: "emergency", at: now, details: emergencyDetails(plan, event) });
    if (plan.notifyPeers) notify(tx, plan, now);
    finish(tx, plan, now);
    endSetAside(tx, context, now);
    if (endsSessions || isOneOfTwo) replaceAllSessions(context, tx, now);
    // Peers go on in the sessions that the other copy had, until they hear that those are gone.
    if (isOneOfTwo) oweGreetings(tx, now);
  });
  // One turn with the commit: nobody sees the one without the other.
  identity.adopt(keys.take());
  instance.adopt(certificate.take());
  context.events.emit("rotationDone", { kind: "rotate-identity", at: now, keyId: keyIdOf(context.identityKey), seq: log.head.seq });
}

interface AcceptedRevocation {
  readonly plan: IdentityPlan;
  readonly log: IdentityLog;
  readonly event: SuccessorEvent;
  readonly told: readonly AgentId[];
}

/** The agent ends: nothing is signed or opened with its keys any more, and nothing leaves it. */
function commitRevocation(context: AgentContext, { plan, log, event, told }: AcceptedRevocation): void {
  const { commits, identity, clock, standing } = context;
  const now = clock.now();
  commits.evenSuperseded((tx) => {
    putEvent(tx, plan, event, now);
    endAll(
      tx,
      tx.inventory.list().filter(({ state }) => state !== "ended"),
      now,
    );
    replaceAllSessions(context, tx, now);
    for (const row of tx.outbox.unfinishedBefore(Number.MAX_SAFE_INTEGER)) tx.outbox.expire(row.order, now);
    if (plan.notifyPeers) notify(tx, plan, now);
    for (const peer of told) tx.notifications.deposited(peer, plan.head, now, now);
    for (const { peer, head } of tx.notifications.list()) tx.notifications.end(peer, head, now);
    for (const { id } of tx.plans.open()) tx.plans.done(id, now);
  });
  identity.end(log);
  standing.revoke();
}

function logWith({ log, crypto, clock }: AgentContext, event: Uint8Array): IdentityLog {
  return verifyLog(log, [...log.events, event], clock.now(), crypto, log.agentId).log;
}

interface NewKeys extends Disposable {
  readonly own: OwnKeys;
  /** From now on they are somebody else's to release. */
  take(): OwnKeys;
}

/** From their files: what was staged, and of an online event the next key, as the identity key that it becomes. */
async function openNewKeys({ vault, crypto }: AgentContext, { staged }: IdentityPlan, log: IdentityLog): Promise<NewKeys> {
  using cleanup = new DisposableStack();
  const open = async <K extends "identity" | "encryption">(kind: K, entry: InventoryEntry | undefined): Promise<BackendKeys[K]> => {
    const { backend, keyId } = entry ?? { backend: "software" as const, keyId: staged?.next ?? ("" as InventoryEntry["keyId"]) };
    return cleanup.use(await openBackend(backend, { files: vault.files, crypto }).open({ backend, kind, keyId }));
  };
  const { identity, encryption } = vault.read((tx) => ({
    identity: staged?.identity === undefined ? tx.inventory.live("identity", "next") : tx.inventory.get(staged.identity),
    encryption: staged && tx.inventory.get(staged.encryption),
  }));
  const identityKey = await open("identity", identity);
  const encryptionKey = await open("encryption", encryption);
  const held = cleanup.move();
  const own = { log, identityKey, encryptionKey };
  return {
    own,
    take: () => {
      held.move();
      return own;
    },
    [Symbol.dispose]: () => {
      if (!held.disposed) held.dispose();
    },
  };
}

/**
 * Of a planned rotation the same one-time prekeys, signed anew; else all are new. The signed prekey changes in any case: a batch is known by
 * the root over its prekeys, and two that name two heads must not have the same.
 */
function wishFor(reason: RotationReason, stock: number): BatchWish {
  return { signedPrekey: "replace", oneTimePrekeys: reason === "planned" ? "carry" : "replace", stock };
}

function putEvent(tx: Transaction, { event: wire, head }: IdentityPlan, event: SuccessorEvent, now: number): void {
  tx.log.append({ seq: head.seq, hash: head.hash, wire });
  tx.audit.append(eventSigned({ ...head, event: event.kind, reason: event.reason }, now));
}

interface Switch {
  readonly endsSessions: boolean;
  /** Of the identity that comes into force. */
  readonly dueAt: number;
  readonly now: number;
}

function switchKeys(tx: Transaction, { staged }: IdentityPlan, { endsSessions, dueAt, now }: Switch): void {
  const current = tx.inventory.live("identity", "current");
  const next = tx.inventory.live("identity", "next");
  const encryption = tx.inventory.live("encryption");
  // The commitment to the next key is gone with the event: where it was not revealed, nobody will ever ask for it.
  endAll(tx, [current, staged?.identity === undefined ? undefined : next], now);
  if (staged?.identity === undefined && next !== undefined) {
    tx.inventory.promote(next.keyId, dueAt);
    tx.audit.append(keyEntry("key-rotated", { ...next, role: "current" }, now));
  }
  if (encryption !== undefined && endsSessions) endAll(tx, [encryption], now);
  else if (encryption !== undefined) {
    tx.inventory.retire(encryption.keyId, now, Math.max(now, tx.batches.lastEnd()));
    tx.audit.append(keyEntry("key-retired", encryption, now));
  }
  if (endsSessions) endAll(tx, tx.inventory.list({ kind: "encryption", state: "retired" }), now);
  for (const keyId of [staged?.identity, staged?.next, staged?.encryption]) {
    const entry = keyId === undefined ? undefined : tx.inventory.get(keyId);
    if (entry === undefined) continue;
    tx.inventory.setState(entry.keyId, "live", now);
    tx.audit.append(keyEntry(entry.role === "next" ? "key-created" : "key-rotated", entry, now));
  }
}

function prekeysOf(tx: Transaction): readonly InventoryEntry[] {
  return tx.inventory.list().filter(({ kind, state }) => (kind === "signed-prekey" || kind === "one-time-prekey") && state !== "ended");
}

function endAll(tx: Transaction, entries: readonly (InventoryEntry | undefined)[], now: number): void {
  const ended = entries.filter((entry) => entry !== undefined && tx.inventory.setState(entry.keyId, "ended", now));
  for (const entry of keyEntries("key-ended", ended as InventoryEntry[], now)) tx.audit.append(entry);
}

function notify(tx: Transaction, { head }: IdentityPlan, now: number): void {
  // Also those that are blocked now: they hear of it once they are not.
  for (const { agentId } of tx.peers.list()) tx.notifications.add(agentId, head, now);
}

function emergencyDetails({ head }: IdentityPlan, { authority, suspectFrom, reason }: SuccessorEvent): AuditDetails {
  return { seq: head.seq, authority, reason, ...(suspectFrom === undefined ? {} : { suspectFrom }) };
}

/** With this event in force theirs stand nowhere and never will: the keys that were made for them end. */
function endSetAside(tx: Transaction, { crypto }: AgentContext, now: number): void {
  for (const { id, staged } of setAsidePlans(tx, crypto)) {
    for (const keyId of [staged?.identity, staged?.next, staged?.encryption])
      if (keyId !== undefined) tx.inventory.setState(keyId, "ended", now);
    tx.plans.done(id, now);
  }
}

function finish(tx: Transaction, plan: IdentityPlan, now: number): void {
  tx.plans.done(plan.id, now);
}
