/** An agent that is brought back from a backup, as a person does it on a new machine, and what has come of it when it is done. Knows no fault. */
import { rmSync } from "node:fs";
import { openIn, recoverIn, takeoverIn, type TalosClient } from "@talos/agent";
import { arrangeBackup } from "./backup-operations.ts";
import type { AgentOperation } from "./operation.ts";
import type { AgentView } from "./view.ts";
import { BACKUP_PASSWORD, KIT_PASSWORD, NEW_PASSWORD, PASSWORD, ROTATION, type World } from "./world.ts";

const OPENINGS = 6;
const RESTORED = { ends: [], events: 0, keepsMail: true, withBackups: true, isRestored: true, newPassword: NEW_PASSWORD } as const;

export const restoreOperations: readonly AgentOperation[] = [
  {
    ...RESTORED,
    name: "restore",
    arrange: async (world) => await arrangeLoss(world),
    start: restore,
    isDone: lives,
  },
  {
    ...RESTORED,
    name: "restore-away",
    away: true,
    arrange: async (world) => await arrangeLoss(world),
    start: restore,
    isDone: lives,
  },
  {
    ...RESTORED,
    name: "restore-back",
    arrange: async (world) => {
      await arrangeLoss(world);
      await world.end();
      await (await restore(world)).close();
      await world.begin();
    },
    // What an opening does by itself, again and again, and where nobody waits for it.
    start: async (world) => await takeoverIn(world.environment(), { dataDir: world.agent, password: NEW_PASSWORD, rotation: ROTATION }),
    isDone: lives,
  },
  {
    ...RESTORED,
    name: "restore-kit",
    withKit: true,
    events: 1,
    keepsMail: false,
    arrange: async (world) =>
      await arrangeLoss(world, async (client) => {
        await client.rotateIdentity();
        world.amendFacts({ events: 2 });
      }),
    start: restoreWithKit,
    isDone: (view) => view.events === 3 && lives(view),
  },
];

function lives({ held, superseded }: AgentView): boolean {
  return !held && !superseded;
}

async function restore(world: World): Promise<TalosClient> {
  return await recoverIn(world.environment(), optionsFor(world));
}

async function restoreWithKit(world: World): Promise<TalosClient> {
  const recoveryKit = { path: world.kit, password: KIT_PASSWORD };
  return await recoverIn(world.environment(), { ...optionsFor(world), recoveryKit });
}

function optionsFor({ agent, backups }: World): Parameters<typeof recoverIn>[1] {
  return { backupPath: backups[0], password: BACKUP_PASSWORD, dataDir: agent, newPassword: NEW_PASSWORD, rotation: ROTATION };
}

/** After its backup the agent has lived on, so that its generation is ahead of all that the backup leads to without being compared. */
async function arrangeLoss(world: World, then?: (client: TalosClient) => Promise<unknown>): Promise<void> {
  await arrangeBackup(world, then);
  for (let opened = 0; opened < OPENINGS; opened++) {
    const client = await openIn(world.environment(), { dataDir: world.agent, password: PASSWORD, rotation: ROTATION });
    // The directory knows of it.
    await client.maintain();
    await client.close();
  }
  rmSync(world.agent, { recursive: true });
}
