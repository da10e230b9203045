/** Backups that are made and tried, each as an application calls it, and what has come of it when it is done. Knows no fault. */
import { copyFileSync } from "node:fs";
import { openIn, type TalosClient } from "@talos/agent";
import { isTalosError, toHex } from "@talos/core";
import { copiesOnTheWay } from "./backups-view.ts";
import type { AgentOperation } from "./operation.ts";
import type { AgentView } from "./view.ts";
import { BACKUP_PASSWORD, PASSWORD, ROTATION, type World } from "./world.ts";

const NOTHING_ENDS = { ends: [], events: 0, keepsMail: true, withBackups: true } as const;

export const backupOperations: readonly AgentOperation[] = [
  {
    ...NOTHING_ENDS,
    name: "export",
    arrange: rememberKeys,
    run: async ({ backups }, client, attempt) => await exported(client, backups, attempt),
    isDone: ({ backups }) => backups?.files.join() === "whole,whole" && backups.recorded.join() === "1,2",
    between: withBackups(copiesOnTheWay),
  },
  {
    ...NOTHING_ENDS,
    name: "export-force",
    arrange: async (world) => await arrangeBackup(world),
    run: async ({ backups }, client) => await client.exportKeys({ path: backups, password: BACKUP_PASSWORD, force: true }),
    isDone: ({ backups }) => backups?.files.join() === "whole,whole" && backups.recorded.join() === "1,2",
    between: withBackups(copiesOnTheWay),
  },
  {
    ...NOTHING_ENDS,
    name: "verify-backup",
    arrange: async (world) => await arrangeBackup(world),
    run: async (world, client) =>
      await world.withTemporary(async () => await client.verifyBackup({ path: world.backups[0], password: BACKUP_PASSWORD })),
    isDone: ({ backups }) => backups?.tried === "good",
    // A restoration that failed is on record too.
    between: withBackups((before) => [{ ...before, tried: "failed" }]),
  },
];

/** With what there is of a first attempt: whole copies alone are in its way. */
async function exported(client: TalosClient, path: readonly string[], attempt: number): Promise<void> {
  try {
    await client.exportKeys({ path, password: BACKUP_PASSWORD });
  } catch (error) {
    if (attempt === 1 || !isTalosError(error, "BACKUP_EXISTS")) throw error;
    await client.exportKeys({ path, password: BACKUP_PASSWORD, force: true });
  }
}

/** What no file may hold. */
async function rememberKeys(world: World): Promise<void> {
  const { readStolenBytes } = await import("@talos/testkit");
  const { identityKey, nextKey, encryptionKey } = readStolenBytes(world.agent, PASSWORD);
  world.amendFacts({ privateKeys: [identityKey, nextKey, encryptionKey].map(toHex) });
}

/** Two copies that are there before. */
export async function arrangeBackup(world: World, then?: (client: TalosClient) => Promise<unknown>): Promise<void> {
  const client = await openIn(world.environment(), { dataDir: world.agent, password: PASSWORD, rotation: ROTATION });
  client.peers.verify(world.facts.bob, client.peers.fingerprint(world.facts.bob));
  const { id } = await client.exportKeys({ path: world.backups, password: BACKUP_PASSWORD });
  await then?.(client);
  await client.flush();
  await client.close();
  copyFileSync(world.backups[0], world.oldBackup);
  world.amendFacts({ backupId: id });
  await rememberKeys(world);
}

function withBackups(
  states: (before: NonNullable<AgentView["backups"]>, after: NonNullable<AgentView["backups"]>) => NonNullable<AgentView["backups"]>[],
): (before: AgentView, after: AgentView) => AgentView[] {
  return (before, after) => {
    if (before.backups === undefined || after.backups === undefined) return [];
    return states(before.backups, after.backups).map((backups) => ({ ...before, backups }));
  };
}
