/**
 * A person's decision that this copy of the agent is the living one: its generation rises above every certificate that is known, its prekeys
 * are made anew and its sessions replaced, since another copy may have gone on with the former ones. One transaction; what follows is
 * publication, which goes on by itself.
 */
import { isTalosError, talosError } from "@talos/core";
import type { AgentContext } from "../context.ts";
import { oweGreetings } from "../messaging/greeting.ts";
import type { Transaction } from "../vault/index.ts";
import { certificateSigned, keyEntries } from "./audit-entries.ts";
import { movedError, noteForeignEvents, requireUnmoved } from "./foreign-events.ts";
import { lookAbroad } from "./identity-plan/own-log-abroad.ts";
import { replaceAllSessions } from "./identity-plan/replace-sessions.ts";
import { inTurn } from "./identity-plan/run-plan.ts";
import { prepareBatch, stageBatch } from "./new-batch.ts";
import { clearSuperseded, rankOf, supersededBefore } from "./supersession.ts";

/**
 * Each opening takes one more, and there are 2^53 - 1: who has the identity key could name one so high that after a takeover no opening were
 * left, and the keys locked in for ever. Above this an event of the identity is what outranks it.
 */
const OPENINGS_LEFT = 2 ** 32;
const HIGHEST_TAKEN: number = Number.MAX_SAFE_INTEGER - OPENINGS_LEFT;

/**
 * Before the agent's loops begin.
 *
 * @throws TalosError GENERATION_EXHAUSTED where too few are above the other copy's; IDENTITY_MOVED where the other copy has another log; AGENT_REVOKED;
 *   of the backend; COMMIT_FAILED. Then nothing has changed
 */
export async function takeOver(context: AgentContext): Promise<void> {
  await inTurn(context, async () => {
    const { vault, identity, instance, commits, standing, clock, policy } = context;
    standing.requireActiveOrSuperseded();
    requireUnmoved(context);
    const others = await generationsElsewhere(context);
    const generation = Math.max(vault.generation, ...others) + 1;
    if (generation > HIGHEST_TAKEN) throw talosError("GENERATION_EXHAUSTED");
    const now = clock.now();
    const wish = { signedPrekey: "replace", oneTimePrekeys: "replace", stock: policy.rotation.oneTimePrekeyTarget } as const;
    const batch = await prepareBatch(context, wish);
    using certificate = await instance.prepare(identity, now, { freshKey: true, generation });
    commits.atGeneration(generation, (tx) => {
      endPrekeys(tx, now);
      stageBatch(tx, batch);
      clearSuperseded(tx);
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

/** Of certificates of this agent at its present head: the one that superseded it, and what its directory has. */
async function generationsElsewhere(context: AgentContext): Promise<number[]> {
  const { vault, log, crypto, home } = context;
  const before = vault.read((tx) => supersededBefore(tx, log, crypto));
  const abroad = home === undefined ? undefined : await certificateAbroad(context, home);
  const known = [before, abroad === undefined ? undefined : rankOf(log, abroad, crypto)];
  return known.flatMap((rank) => (rank !== undefined && rank.seq === log.head.seq ? [rank.generation] : []));
}

/** A directory that is away says nothing: what it knows is met later, and then this is done once more. */
async function certificateAbroad(context: AgentContext, home: string): Promise<Uint8Array | undefined> {
  try {
    const abroad = await lookAbroad(context, home);
    if (abroad.kind === "moved") {
      noteForeignEvents(context, abroad.foreign);
      throw movedError(abroad.log.head);
    }
    return (await context.unsigned(home, (directory) => directory.resolve(context.log.agentId))).certificate;
  } catch (error) {
    if (isTalosError(error, "DIRECTORY_UNREACHABLE") || isTalosError(error, "AGENT_UNKNOWN")) return undefined;
    throw error;
  }
}

/** What the other copy has opened with them cannot be told: a first message to one of them is answered, and comes again. */
function endPrekeys(tx: Transaction, now: number): void {
  const prekeys = tx.inventory.list().filter(({ kind }) => kind === "signed-prekey" || kind === "one-time-prekey");
  const ended = prekeys.filter(({ keyId }) => tx.inventory.setState(keyId, "ended", now));
  for (const entry of keyEntries("key-ended", ended, now)) tx.audit.append(entry);
}
