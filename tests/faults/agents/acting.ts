/** What a person or an application does with the agent of a world: opens it, has the operation done, waits for its end. Knows no fault. */
import { existsSync, rmSync } from "node:fs";
import { openIn, Vault, type TalosClient } from "@talos/agent";
import type { AgentOperation } from "./operation.ts";
import { NEW_PASSWORD, opensWith, PASSWORD, ROTATION, until, type World } from "./world.ts";

/** The operation, and what follows it by itself as far as it comes at once. @param client where it is open */
export async function actOn(
  world: World,
  operation: AgentOperation,
  client: TalosClient | undefined,
  attempt: number,
): Promise<TalosClient> {
  if (operation.start !== undefined) {
    await client?.close();
    client = await operation.start(world);
  } else {
    client ??= await openAgent(world);
    await operation.run?.(world, client, attempt);
  }
  const { revoked, held } = client.status();
  if (revoked !== true && held === undefined) await client.flush();
  return client;
}

/**
 * One that was held is let go; or it never will be, since its directory was away when it was asked for and has more than the backup. Then it is
 * removed, as its status says, and recovered once more.
 */
export async function unlessOutdated(world: World, client: TalosClient | undefined): Promise<TalosClient | undefined> {
  if (client?.held !== true) return client;
  const isOutdated = (): boolean => client.status().held?.reason === "BACKUP_OUTDATED";
  await until(
    () => !client.held || isOutdated(),
    () => `it stays held: ${JSON.stringify(client.status().held)}`,
  );
  if (!isOutdated()) return client;
  await client.close();
  rmSync(world.agent, { recursive: true });
  return undefined;
}

/** Nothing is left to do, and the directory has everything. */
export async function settled(world: World, client: TalosClient | undefined): Promise<void> {
  if (client === undefined) throw new Error("nothing is open");
  const isSettled = (): boolean => {
    const { plans, publication, revoked, superseded, held } = client.status();
    return held === undefined && plans.length === 0 && (publication === "published" || revoked === true || superseded);
  };
  await until(isSettled, () => {
    const { plans, publication, held } = client.status();
    return `it is not completed: ${JSON.stringify(plans)} ${publication} ${JSON.stringify(held) ?? ""}`;
  });
}

/** With the password that opens it. */
export async function openAgent(world: World): Promise<TalosClient> {
  const password = (await opensWith(world.agent, PASSWORD)) ? PASSWORD : NEW_PASSWORD;
  return await openIn(world.environment(), { dataDir: world.agent, password, rotation: ROTATION });
}

export async function openIfThere(world: World): Promise<TalosClient | undefined> {
  return existsSync(world.agent) && Vault.exists(world.agent) ? await openAgent(world) : undefined;
}
