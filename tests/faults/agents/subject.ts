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
import { actOn, openAgent, openIfThere, settled, unlessOutdated } from "./acting.ts";
import { directoryFor } from "./directory-holder.ts";
import { tell } from "./directory-orders.ts";
import { look } from "./look.ts";
import type { AgentOperation } from "./operation.ts";
import { agentOperations } from "./operations.ts";
import { sentCertificates } from "./sent.ts";
import { describeView, parseView, viewOf } from "./view.ts";
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
    between: (before, after) => {
      const [from, to] = [parseView(before), parseView(after)];
      return from === undefined || to === undefined ? [] : (operation.between?.(from, to) ?? []).map(describeView);
    },
    prepare: async (folder) => {
      const before = prepared.get(operation.name);
      if (before !== undefined) return writeImage(folder, before);
      const place = await directoryFor(operation.name);
      const world = await makeWorld(folder, place, operation.withKit === true);
      await operation.arrange?.(world);
      world.amendFacts({ certificates: sentCertificates(world).length });
      await tell(place.controlPort, { order: "end" });
      prepared.set(operation.name, readImage(folder));
    },
    begin: async (folder) => {
      return await begin(new World(folder), operation);
    },
  };
}

/** Opened, and with nothing under way. */
export async function begin(world: World, operation: AgentOperation): Promise<RunningOperation> {
  await world.begin();
  let client = operation.start === undefined ? await openAgent(world) : undefined;
  await client?.flush();
  if (operation.away === true) await world.end();
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
      if (operation.away === true) await world.begin();
      client = await unlessOutdated(world, client ?? (await openIfThere(world)));
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
