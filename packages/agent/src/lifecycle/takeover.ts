/**
 * A person's decision that this copy of the agent is the living one: its generation rises above every certificate that is known, its prekeys
 * are made anew and its sessions replaced, since another copy may have gone on with the former ones. One transaction; what follows is
 * publication, which goes on by itself.
 */
import { talosError, type TalosError } from "@talos/core";
import type { AgentContext } from "../context.ts";
import { oweGreetings } from "../messaging/greeting.ts";
import type { Transaction } from "../vault/index.ts";
import { certificateSigned, keyEntries } from "./audit-entries.ts";
import { replaceAllSessions } from "./identity-plan/replace-sessions.ts";
import { inTurn } from "./identity-plan/run-plan.ts";
import { prepareBatch, stageBatch } from "./new-batch.ts";
import { lookForCopies, type OwnCopy } from "./own-copies.ts";
import { clearHeld } from "./recover/held-recovery.ts";
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
 * Before the agent's loops begin. A copy that is held, since it comes from a backup, is compared in it and let go.
 *
 * @throws TalosError GENERATION_EXHAUSTED where too few are above the other copy's; IDENTITY_MOVED where the other copy has another log; AGENT_REVOKED;
 *   of the backend; COMMIT_FAILED; of a copy that is held also BACKUP_OUTDATED, and those of its directory. Then nothing has changed but what
 *   is on record of why
 */
export async function takeOver(context: AgentContext): Promise<void> {
  await inTurn(context, async () => {
    const { vault, identity, instance, commits, standing, clock, policy } = context;
    standing.requireAbleToTakeOver();
    const copies = await lookForCopies(context);
    const others = copies.map((copy) => copy.generation);
    const generation = Math.max(vault.generation, ...others) + (standing.isHeld ? LEAP : 1);
    if (generation > HIGHEST_TAKEN) throw exhausted(context, copies);
    const now = clock.now();
    const wish = { signedPrekey: "replace", oneTimePrekeys: "replace", stock: policy.rotation.oneTimePrekeyTarget } as const;
    const batch = await prepareBatch(context, wish);
    using certificate = await instance.prepare(identity, now, { freshKey: true, generation });
    commits.atGeneration(generation, (tx) => {
      endPrekeys(tx, now);
      stageBatch(tx, batch);
      clearSuperseded(tx);
      clearHeld(tx);
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

/**
 * One that was held has been compared by then, and an event of the identity outranks the other copy: for that it has to be one that was
 * superseded, and no more held.
 */
function exhausted(context: AgentContext, copies: readonly OwnCopy[]): TalosError {
  const { standing, commits, clock, log, events } = context;
  const [highest] = [...copies].sort((a, b) => b.generation - a.generation);
  if (standing.isHeld && highest !== undefined) {
    commits.evenHeld((tx) => {
      clearHeld(tx);
      markSuperseded(tx, highest.wire);
      oweGreetings(tx, clock.now());
    });
    standing.supersede(log.head.seq, highest.generation);
    events.emit("superseded", { seq: log.head.seq, generation: highest.generation });
  }
  return talosError("GENERATION_EXHAUSTED");
}

/** What the other copy has opened with them cannot be told: a first message to one of them is answered, and comes again. */
function endPrekeys(tx: Transaction, now: number): void {
  const prekeys = tx.inventory.list().filter(({ kind }) => kind === "signed-prekey" || kind === "one-time-prekey");
  const ended = prekeys.filter(({ keyId }) => tx.inventory.setState(keyId, "ended", now));
  for (const entry of keyEntries("key-ended", ended, now)) tx.audit.append(entry);
}
