/** Operations on an agent's keys as the fault matrix wants them: prepared, begun, run, gone on with, closed. */
import { isTalosError } from "@talos/core";
import {
  readImage,
  writeImage,
  type DiskOperation,
  type DiskSubject,
  type FolderImage,
  type RunningOperation,
} from "@talos/testkit/disk-faults";
import { actOn, openAgent, openIfThere, settled } from "./acting.ts";
import { directoryFor } from "./directory-holder.ts";
import { tell } from "./directory-orders.ts";
import { look } from "./look.ts";
import { agentOperations, type AgentOperation } from "./operations.ts";
import { viewOf } from "./view.ts";
import { DIRECTORY_FOLDER, makeWorld, World } from "./world.ts";

export const agentSubject: DiskSubject = {
  operations: agentOperations.map(diskOperation),
  outside: DIRECTORY_FOLDER,
  look: async (folder, name) => await look(new World(folder), operationNamed(name)),
  settle: async (operation) => {
    await tell((await directoryFor(operation)).controlPort, { order: "end" });
  },
};

function operationNamed(name: string): AgentOperation {
  const operation = agentOperations.find((one) => one.name === name);
  if (operation === undefined) throw new Error(`there is no operation ${name}`);
  return operation;
}

/** Every run of an operation begins from the same world, at the same directory. */
const prepared: Map<string, FolderImage> = new Map();

function diskOperation(operation: AgentOperation): DiskOperation {
  return {
    name: operation.name,
    varies: true,
    // An emergency replaces the vault key first, and is made again.
    between: (before) => (operation.name.startsWith("emergency") ? [before.replace('"vaultKeyNumber": 1', '"vaultKeyNumber": 2')] : []),
    prepare: async (folder) => {
      const before = prepared.get(operation.name);
      if (before !== undefined) return writeImage(folder, before);
      const place = await directoryFor(operation.name);
      const world = await makeWorld(folder, place, operation.withKit === true);
      await operation.arrange?.(world);
      await tell(place.controlPort, { order: "end" });
      prepared.set(operation.name, readImage(folder));
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
