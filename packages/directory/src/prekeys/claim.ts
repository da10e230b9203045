/** Hands out a prekey bundle, each one-time prekey once. Source: docs/protocol/directory.md ("Claims"), prekeys.md ("Bundle"). */
import { equalBytes, inclusionPath, talosError, toHex, type AgentId, type PlacedStatement, type UnverifiedBundle } from "@talos/core";
import type { DirectoryContext } from "../context.ts";
import { refuse } from "../refusal.ts";
import type { BatchRecord, ClaimOutcome, ClaimedPrekey, RequestMark } from "../storage/contract/index.ts";

/** @throws TalosError RATE_LIMITED, AGENT_UNKNOWN, AGENT_REVOKED, NO_PREKEYS (also: the batch expired, or it or the certificate became void) */
export async function claim(context: DirectoryContext, mark: RequestMark, target: AgentId): Promise<UnverifiedBundle> {
  const now = context.now();
  const waitSeconds = context.claimLimiter.take(`${toHex(mark.agentId)} ${toHex(target)}`, now);
  if (waitSeconds > 0) throw refuse("RATE_LIMITED", { retryAfterSeconds: waitSeconds });
  const claimed = await context.store.claimPrekey(mark, target, now);
  if (claimed.kind !== "claimed") throw refuse(CODES[claimed.kind]);
  const { events, certificate, batch, signedPrekey, oneTimePrekey } = claimed;
  return {
    log: events.map(({ wire }) => wire),
    certificate: certificate.wire,
    batch: batch.wire,
    signedPrekey: place(context, batch, signedPrekey),
    ...(oneTimePrekey && { oneTimePrekey: place(context, batch, oneTimePrekey) }),
  };
}

const CODES = {
  "agent-unknown": "AGENT_UNKNOWN",
  "agent-revoked": "AGENT_REVOKED",
  "no-prekeys": "NO_PREKEYS",
} as const satisfies Readonly<Record<Exclude<ClaimOutcome["kind"], "claimed">, string>>;

function place({ crypto }: DirectoryContext, { leaves }: BatchRecord, { id, statement }: ClaimedPrekey): PlacedStatement {
  const index = leaves.findIndex((leaf) => equalBytes(leaf.id, id));
  if (index < 0) throw talosError("INTERNAL", "A prekey is not in the batch that it was stored with.");
  return {
    statement,
    index,
    path: inclusionPath(
      crypto,
      leaves.map(({ leafHash }) => leafHash),
      index,
    ),
  };
}
