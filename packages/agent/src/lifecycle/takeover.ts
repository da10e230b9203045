/**
 * A person's decision that this copy of the agent is the living one: its generation rises above every certificate that is known, its prekeys
 * are made anew and its sessions replaced, since another copy may have gone on with the former ones. One transaction; what follows is
 * publication, which goes on by itself.
 */
import { talosError, type LogHead, type TalosError } from "@talos/core";
import type { AgentContext } from "../context.ts";
import { oweGreetings } from "../messaging/greeting.ts";
import type { Transaction } from "../vault/index.ts";
import { certificateSigned, keyEntries } from "./audit-entries.ts";
import { replaceAllSessions } from "./identity-plan/replace-sessions.ts";
import { inTurn } from "./identity-plan/run-plan.ts";
import { prepareBatch, stageBatch } from "./new-batch.ts";
import { lookForCopies, type OwnCopy } from "./own-copies.ts";
import { haveEventAccepted } from "./recover/accept-event.ts";
import { clearHeld, heldRecovery, type HeldRecovery } from "./recover/held-recovery.ts";
import { clearSuperseded, markSuperseded } from "./supersession.ts";

/**
 * Each opening takes one more, and there are 2^53 - 1: who has the identity key could name one so high that after a takeover no opening were
 * left, and the keys locked in for ever. Above this an event of the identity is what outranks it.
 */
const OPENINGS_LEFT = 2 ** 32;
const HIGHEST_TAKEN: number = Number.MAX_SAFE_INTEGER - OPENINGS_LEFT;

/**
 * How far the copy had come that was lost since a backup of it was made, nobody can say for certain: a directory that was away does not know its
 * last certificates, and peers do. More than any has openings in its life, and little of what there is.
 */
const LEAP: number = 2 ** 20;
/**
 * Nor whether another recovery lived for a while, whose machine was lost as well. So a leap goes to a place that grows with the time: by this many
 * a second, which is more than openings take. Of these some are drawn, so that two in one second hardly come to one number.
 */
const LEAP_A_SECOND: number = 2 ** 8;
/** In the year 2242. A clock that is ahead of that leaps no further. */
const LATEST_SECOND: number = 2 ** 33;

/**
 * When its person decided that this copy is to live: in this very call; or when it was recovered, and it has been held since. What has begun to
 * live meanwhile has done so by a newer decision.
 */
export type Decided = "now" | "when-recovered";

/**
 * Before the agent's loops begin. A copy that is held, since it comes from a backup, is compared in it, has its event accepted where it has one
 * of its own, and is let go.
 *
 * @throws TalosError GENERATION_EXHAUSTED where too few are above the other copy's; IDENTITY_MOVED where the other copy has another log; AGENT_REVOKED;
 *   of the backend; COMMIT_FAILED; of a copy that is held also BACKUP_OUTDATED, those of its directory, and INSTANCE_SUPERSEDED where another
 *   one lives that was decided on later. Then nothing has changed but what is on record of why
 */
export async function takeOver(context: AgentContext, decided: Decided = "now"): Promise<void> {
  await inTurn(context, async () => {
    const { vault, identity, instance, commits, standing, clock, policy } = context;
    standing.requireAbleToTakeOver();
    const held = standing.isHeld ? vault.read(heldRecovery) : undefined;
    const copies = await lookForCopies(context);
    const living = held && decided === "when-recovered" ? copies.find((copy) => isYounger(copy, held, vault.generation)) : undefined;
    if (living !== undefined) throw giveWay(context, living);
    const others = copies.map((copy) => copy.generation);
    // Above an event of its own there is no certificate of a copy that was lost.
    const highest = Math.max(vault.generation, ...others);
    const generation = held?.way === "restored" ? leapFrom(highest, context) : highest + 1;
    if (generation > HIGHEST_TAKEN && others.length > 0) throw exhausted(context, copies);
    if (held !== undefined) await haveEventAccepted(context);
    const now = clock.now();
    const wish = { signedPrekey: "replace", oneTimePrekeys: "replace", stock: policy.rotation.oneTimePrekeyTarget } as const;
    const batch = await prepareBatch(context, wish);
    using certificate = await instance.prepare(identity, now, { freshKey: true, generation });
    commits.atGeneration(generation, (tx) => {
      endPrekeys(tx, now);
      stageBatch(tx, batch);
      clearSuperseded(tx);
      clearHeld(tx);
      if (held?.way === "rotated") notifyPeers(tx, identity.log.head, now);
      tx.log.setCertificate(certificate.certificate.wire);
      tx.audit.append({ kind: "takeover", at: now, details: { from: Math.max(0, ...others), to: generation } });
      tx.audit.append(certificateSigned(certificate.certificate, now));
      replaceAllSessions(context, tx, now);
      oweGreetings(tx, now);
    });
    instance.adopt(certificate.take());
    standing.revive();
  });
}

/** Where too little is left for that, as high as it may be. */
function leapFrom(highest: number, { clock, crypto }: AgentContext): number {
  const place = placeAt(clock.now()) + (crypto.randomBytes(1)[0] ?? 0);
  return Math.max(highest + 1, Math.min(place > highest ? place : highest + LEAP, HIGHEST_TAKEN));
}

/** Above every recovery of before, from whatever backup. */
function placeAt(now: number): number {
  const seconds = Math.min(Math.max(0, Math.floor(now / 1_000)), LATEST_SECOND);
  return LEAP + seconds * LEAP_A_SECOND;
}

/** One that was held has been compared by then: for an event of the identity to outrank the other copy it has to be superseded, and no more held. */
function exhausted(context: AgentContext, copies: readonly OwnCopy[]): TalosError {
  const [highest] = [...copies].sort((a, b) => b.generation - a.generation);
  if (context.standing.isHeld && highest !== undefined) giveWay(context, highest);
  return talosError("GENERATION_EXHAUSTED");
}

/** Made since this one was recovered; or of another one that was, by a clock that says otherwise: nobody opens an agent that often. */
function isYounger({ from, generation }: OwnCopy, { since }: HeldRecovery, own: number): boolean {
  return from > since || generation > own + LEAP / 2;
}

/** Held no more, and superseded: whether it is to live all the same is for a person to say, or for an event of the identity. */
function giveWay({ standing, commits, clock, log, events }: AgentContext, { generation, wire }: OwnCopy): TalosError {
  commits.evenHeld((tx) => {
    clearHeld(tx);
    markSuperseded(tx, wire);
    oweGreetings(tx, clock.now());
  });
  const { seq } = log.head;
  standing.supersede(seq, generation);
  events.emit("superseded", { seq, generation });
  return talosError("INSTANCE_SUPERSEDED", undefined, { details: { seq, generation } });
}

/**
 * Of the event by which it was recovered, to everybody who is known, as of every other one: also to whom no greeting is owed. It tells nothing that
 * the log does not tell anybody, and whoever goes by the head of before can be deceived with keys that have ended.
 */
function notifyPeers(tx: Transaction, head: LogHead, now: number): void {
  for (const { agentId } of tx.peers.list()) tx.notifications.add(agentId, head, now);
}

/** What the other copy has opened with them cannot be told: a first message to one of them is answered, and comes again. */
function endPrekeys(tx: Transaction, now: number): void {
  const prekeys = tx.inventory.list().filter(({ kind }) => kind === "signed-prekey" || kind === "one-time-prekey");
  const ended = prekeys.filter(({ keyId }) => tx.inventory.setState(keyId, "ended", now));
  for (const entry of keyEntries("key-ended", ended, now)) tx.audit.append(entry);
}
