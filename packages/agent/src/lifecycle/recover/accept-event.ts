/**
 * An agent that was recovered by an event of its recovery key has its home directory accept that event before anybody else hears of it. Two
 * machines may have made one each for the same place: the directory takes one, and whoever had heard of the other would be lost for good.
 */
import { talosError } from "@talos/core";
import type { AgentContext } from "../../context.ts";
import { publishOwnLog } from "../identity-plan/own-log-abroad.ts";
import { requireUnmovedAbroad } from "../own-copies.ts";
import { heldRecovery } from "./held-recovery.ts";

/**
 * Of one that is held in the way `rotated`; for others there is nothing to do. The same bytes each time.
 *
 * @throws TalosError IDENTITY_MOVED where another event stands in its place, or above it; AGENT_REVOKED; DIRECTORY_NOT_CONFIGURED; of the directory
 */
export async function haveEventAccepted(context: AgentContext): Promise<void> {
  const { vault, home } = context;
  if (vault.read(heldRecovery)?.way !== "rotated") return;
  if (home === undefined) throw talosError("DIRECTORY_NOT_CONFIGURED");
  const abroad = await publishOwnLog(context, home);
  requireUnmovedAbroad(context, abroad);
  if (abroad.kind !== "same") throw talosError("DIRECTORY_MISBEHAVED", undefined, { details: { directory: home, reason: "another head" } });
}
