/** Operations on the keys of an agent, each as an application calls it, and what has come of it when it is done. Knows no fault. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { openIn, recoverIdentityIn, takeoverIn } from "@talos/agent";
import { readImage, writeImage } from "@talos/testkit/disk-faults";
import type { AgentOperation } from "./operation.ts";
import type { AgentView } from "./view.ts";
import { KIT_PASSWORD, NEW_PASSWORD, PASSWORD, ROTATION, until } from "./world.ts";

const REFILLED = 6;

export const keyOperations: readonly AgentOperation[] = [
  {
    name: "rotate-signed-prekey",
    ends: [],
    events: 0,
    keepsMail: true,
    run: async (_, client) => await client.rotateSignedPrekey(),
    isDone: ({ signedPrekey }) => signedPrekey === "another",
  },
  {
    name: "refill",
    ends: [],
    events: 0,
    keepsMail: true,
    run: async (_, client) => await client.replenishOneTimePrekeys({ count: REFILLED }),
    isDone: ({ oneTimePrekeys }) => oneTimePrekeys >= REFILLED,
  },
  {
    name: "rotate",
    ends: ["identity"],
    events: 1,
    keepsMail: true,
    run: async (_, client) => await client.rotateIdentity(),
    isDone: ({ events, identity }) => events === 2 && identity === "next",
  },
  {
    name: "emergency",
    between: newVaultKeyFirst,
    ends: ["identity", "encryption", "prekeys"],
    events: 1,
    keepsMail: true,
    run: async (_, client) => await client.emergencyRotate(),
    isDone: ({ events, identity }) => events === 2 && identity === "next",
  },
  {
    name: "emergency-kit",
    between: newVaultKeyFirst,
    withKit: true,
    newPassword: NEW_PASSWORD,
    ends: ["identity", "next", "encryption", "prekeys"],
    events: 1,
    keepsMail: true,
    run: async (world, client) =>
      await client.emergencyRotate({ recoveryKit: { path: world.kit, password: KIT_PASSWORD }, newPassword: NEW_PASSWORD }),
    isDone: ({ events, identity }) => events === 2 && identity === "another",
  },
  {
    name: "revoke",
    ends: ["identity", "next", "encryption", "prekeys"],
    events: 1,
    keepsMail: false,
    run: async (_, client) => await client.revokeIdentity(),
    isDone: ({ lastEvent }) => lastEvent.startsWith("revocation"),
  },
  {
    name: "kit-create",
    ends: ["identity"],
    events: 1,
    keepsMail: true,
    run: async (world, client, attempt) =>
      await client.recoveryKit.create({ path: attempt === 1 ? world.kit : `${world.kit}.${attempt}`, password: KIT_PASSWORD }),
    isDone: ({ recovery }) => recovery,
    foundDone: "RECOVERY_KIT_IN_FORCE",
  },
  {
    name: "takeover",
    ends: ["prekeys"],
    events: 0,
    keepsMail: true,
    arrange: async (world) => {
      const copy = join(world.folder, "copy");
      writeImage(copy, readImage(world.agent));
      // Its generation is the higher one, and the directory knows it.
      for (let opened = 0; opened < 2; opened++) {
        const other = await openIn(world.environment(), { dataDir: copy, password: PASSWORD, rotation: ROTATION });
        await other.maintain();
        await other.close();
      }
      const superseded = await openIn(world.environment(), { dataDir: world.agent, password: PASSWORD, rotation: ROTATION });
      await until(
        () => superseded.superseded,
        () => "it was never superseded",
      );
      await superseded.close();
      rmSync(copy, { recursive: true });
    },
    start: async (world) => await takeoverIn(world.environment(), { dataDir: world.agent, password: PASSWORD, rotation: ROTATION }),
    isDone: ({ superseded }) => !superseded,
  },
  {
    name: "recover",
    withKit: true,
    newPassword: NEW_PASSWORD,
    ends: [],
    events: 1,
    keepsMail: false,
    arrange: async (world) => rmSync(world.agent, { recursive: true }),
    start: async (world) =>
      await recoverIdentityIn(world.environment(), {
        dataDir: world.agent,
        directory: world.facts.url,
        recoveryKit: { path: world.kit, password: KIT_PASSWORD },
        newPassword: NEW_PASSWORD,
        rotation: ROTATION,
      }),
    isDone: ({ events, held }) => events === 2 && !held,
  },
];

/** An emergency replaces the vault key first, and is made again. */
function newVaultKeyFirst(before: AgentView): AgentView[] {
  return [{ ...before, vaultKeyNumber: before.vaultKeyNumber + 1 }];
}
