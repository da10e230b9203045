/**
 * Where the home directory is another one than has this agent's prekeys: a batch for there, with fresh one-time prekeys. The former
 * home goes on handing out its own to whoever does not know of the move, and no two may get the same.
 */
import type { AgentContext } from "../context.ts";
import { rememberFormerHome } from "./former-homes.ts";
import { makeBatch } from "./new-batch.ts";
import { PUBLISHED_AT } from "./publish-record.ts";

export async function planForNewHome(context: AgentContext, home: string): Promise<void> {
  const { vault, clock, policy } = context;
  const before = vault.read((tx) => tx.settings.get(PUBLISHED_AT));
  if (before === undefined || before === home) return;
  const wish = { signedPrekey: "keep", oneTimePrekeys: "replace", stock: policy.rotation.oneTimePrekeyTarget } as const;
  await makeBatch(context, wish, (tx) => {
    rememberFormerHome(tx, before, clock.now());
    // Whatever happens on the way there, this move is made once.
    tx.settings.set(PUBLISHED_AT, undefined);
  });
}
