/**
 * On a file system of 2 MB: one-time prekeys are added until it is full. Says in one line of JSON what came of it. The disk is real, and
 * so is its error.
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isTalosError } from "@talos/core";
import type { Vault } from "@talos/agent";
import { createVault, describeVault, fixtureCrypto, openVault, stagePrekeys } from "./vault-fixture.ts";

export interface FullDiskReport {
  /** Prekeys before the disk was full. */
  readonly prekeys: number;
  readonly error: string;
  readonly system: unknown;
  readonly unchanged: boolean;
  readonly addedAfterwards: number;
  readonly unchangedWhenReopened: boolean;
}

const BALLAST_BYTES = 400_000;
const AT_ONCE = 20;
const MOST = 10_000;

const [disk = ""] = process.argv.slice(2);
const dataDir = join(disk, "data");
const ballast = join(disk, "ballast");
const crypto = fixtureCrypto("full disk");

mkdirSync(dataDir, { mode: 0o700 });
writeFileSync(ballast, new Uint8Array(BALLAST_BYTES));
process.stdout.write(`${JSON.stringify(await fill())}\n`);

async function fill(): Promise<FullDiskReport> {
  const vault = await createVault(dataDir, crypto);
  let before = describeVault(vault);
  let failure: unknown;
  while (failure === undefined && count(vault) < MOST) {
    before = describeVault(vault);
    failure = tryToReplenish(vault);
  }
  const prekeys = count(vault);
  const unchanged = describeVault(vault) === before;
  rmSync(ballast);
  const again = tryToReplenish(vault);
  if (again !== undefined) throw new Error("there is space, and it still fails", { cause: again });
  const after = describeVault(vault);
  const addedAfterwards = count(vault) - prekeys;
  vault.close();
  using reopened = await openVault(dataDir, crypto);
  const error = isTalosError(failure) ? failure.code : String(failure);
  const system = isTalosError(failure) ? (failure.details["system"] ?? failure.details["sqlite"]) : undefined;
  return { prekeys, error, system, unchanged, addedAfterwards, unchangedWhenReopened: describeVault(reopened) === after };
}

/** What it threw; undefined when it went well. */
function tryToReplenish(vault: Vault): unknown {
  try {
    const fresh = stagePrekeys(vault.files, AT_ONCE, crypto);
    vault.transaction((tx) => {
      for (const entry of fresh) tx.inventory.put(entry);
    });
    return undefined;
  } catch (error) {
    return error ?? "nothing";
  }
}

function count(vault: Vault): number {
  return vault.read((tx) => tx.inventory.countOneTime());
}
