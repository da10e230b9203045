/** What of backups lies in a world, in words. Knows no fault and no operation. */
import { existsSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { inspectIn, verifyBackupIn } from "@talos/agent";
import { isTalosError, toHex } from "@talos/core";
import { BACKUP_PASSWORD, patientCrypto, type World } from "./world.ts";

export interface BackupsView {
  /** Under its name, on each medium: nothing, the one from before, another whole one, or what is wrong with it. */
  readonly files: readonly string[];
  /** Media of the new one that are on record. */
  readonly recorded: readonly string[];
  /** Of every restoration that was tried. */
  readonly tried: "never" | "good" | "failed";
}

/** Beside what is open. */
export async function viewOfBackups(world: World): Promise<BackupsView> {
  await using inspection = await inspectIn(world.environment(), { dataDir: world.agent });
  const { backups, backupDrill } = inspection.status();
  const added = backups.filter(({ id }) => id !== world.facts.backupId);
  const files: string[] = [];
  for (const path of world.backups) files.push(await nameOf(world, path));
  return {
    files,
    recorded: world.backups.filter((path) => added.some(({ paths }) => paths.includes(path))).map((path) => dirname(path).slice(-1)),
    tried: backupDrill === undefined ? "never" : backupDrill.result === "good" ? "good" : "failed",
  };
}

/** The states by design on the way of making copies: one after the other, each before it is on record. */
export function copiesOnTheWay(before: BackupsView, after: BackupsView): BackupsView[] {
  const [first, second] = [before.files, after.files].map(([one]) => one ?? "");
  const copies = (one: string | undefined, two: string | undefined, ...recorded: string[]): BackupsView => ({
    files: [one ?? "", two ?? ""],
    recorded,
    tried: before.tried,
  });
  return [copies(second, first), copies(second, first, "1"), copies(second, second), copies(second, second, "1")];
}

const known: Map<string, string> = new Map();

async function nameOf(world: World, path: string): Promise<string> {
  if (!existsSync(path)) return "none";
  const bytes = readFileSync(path);
  if (existsSync(world.oldBackup) && readFileSync(world.oldBackup).equals(bytes)) return "old";
  const digest = toHex(patientCrypto.sha256(bytes));
  const name = known.get(digest) ?? (await tried(world, path));
  known.set(digest, name);
  return name;
}

async function tried(world: World, path: string): Promise<string> {
  try {
    const given = { path, password: BACKUP_PASSWORD };
    const { did, keys } = await world.withTemporary(async () => await verifyBackupIn(world.environment(), given));
    return did === world.facts.did && keys.every(({ proved }) => proved) ? "whole" : "of another";
  } catch (error) {
    return isTalosError(error) ? error.code : String(error);
  }
}
