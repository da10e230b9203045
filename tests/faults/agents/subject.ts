/** Operations on an agent's keys as the fault matrix wants them: prepared, begun, run, gone on with, closed. */
import { existsSync } from "node:fs";
import { openIn, Vault, type TalosClient } from "@talos/agent";
import { isTalosError } from "@talos/core";
import type { DiskOperation, DiskSubject, RunningOperation } from "@talos/testkit/disk-faults";
import { directoryFor } from "./directory-holder.ts";
import { tell } from "./directory-orders.ts";
import { look } from "./look.ts";
import { agentOperations, type AgentOperation } from "./operations.ts";
import { viewOf } from "./view.ts";
import { DIRECTORY_FOLDER, makeWorld, NEW_PASSWORD, opensWith, PASSWORD, ROTATION, until, World } from "./world.ts";

export const agentSubject: DiskSubject = {
  operations: agentOperations.map(diskOperation),
  outside: DIRECTORY_FOLDER,
  look: async (folder, name) => await look(new World(folder), operationNamed(name)),
  settle: async (operation) => {
    await tell((await directoryFor(operation)).controlPort, { order: "end" });
  },
};

export function operationNamed(name: string): AgentOperation {
  const operation = agentOperations.find((one) => one.name === name);
  if (operation === undefined) throw new Error(`there is no operation ${name}`);
  return operation;
}

function diskOperation(operation: AgentOperation): DiskOperation {
  return {
    name: operation.name,
    varies: true,
    // An emergency replaces the vault key first, and is made again.
    between: (before) => (operation.name.startsWith("emergency") ? [before.replace('"vaultKeyNumber": 1', '"vaultKeyNumber": 2')] : []),
    prepare: async (folder) => {
      const place = await directoryFor(operation.name);
      const world = await makeWorld(folder, place, operation.withKit === true);
      await operation.arrange?.(world);
      await tell(place.controlPort, { order: "end" });
    },
    begin: async (folder) => {
      const world = new World(folder);
      await world.begin();
      return await begin(world, operation);
    },
  };
}

/** Opened, and with nothing under way. */
export async function begin(world: World, operation: AgentOperation): Promise<RunningOperation> {
  let client = operation.start === undefined ? await openAgent(world) : undefined;
  await client?.flush();
  const generation = client?.status().generation ?? 0;
  let attempt = 0;
  const act = async (): Promise<void> => {
    client = await actOn(world, operation, client, ++attempt);
  };
  return {
    run: act,
    state: () => undefined,
    counter: () => generation,
    goOn: async () => {
      client ??= await openIfThere(world);
      // What was begun may be done by now, or is done by being made again.
      if (client === undefined || !operation.isDone(await viewOf(world))) {
        await act().catch((error: unknown) => {
          if (operation.foundDone === undefined || !isTalosError(error, operation.foundDone)) throw error;
        });
      }
      await settled(world, client);
      const view = await viewOf(world);
      if (!operation.isDone(view)) throw new Error(`it was made again and is not done: ${JSON.stringify(view)}`);
    },
    close: async () => {
      await client?.close();
    },
  };
}

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
  if (client.status().revoked !== true) await client.flush();
  return client;
}

/** Nothing is left to do, and the directory has everything. */
export async function settled(world: World, client: TalosClient | undefined): Promise<void> {
  if (client === undefined) throw new Error("nothing is open");
  const isSettled = (): boolean => {
    const { plans, publication, revoked, superseded } = client.status();
    return plans.length === 0 && (publication === "published" || revoked === true || superseded);
  };
  await until(isSettled, () => `it is not completed: ${JSON.stringify(client.status().plans)} ${client.status().publication}`);
}

/** With the password that opens it. */
export async function openAgent(world: World): Promise<TalosClient> {
  const password = (await opensWith(world.agent, PASSWORD)) ? PASSWORD : NEW_PASSWORD;
  return await openIn(world.environment(), { dataDir: world.agent, password, rotation: ROTATION });
}

export async function openIfThere(world: World): Promise<TalosClient | undefined> {
  return existsSync(world.agent) && Vault.exists(world.agent) ? await openAgent(world) : undefined;
}
