/**
 * Which settings belong to the agent and go with it to another machine. Everything that is not named here stays: what a directory said,
 * how far a publication is, what this machine's clock said, what superseded this copy, which backups were made.
 */
import type { KeyId } from "@talos/core";
import { FIRST_USED } from "../lifecycle/audit-entries.ts";
import { FORMER_HOMES } from "../lifecycle/former-homes.ts";
import { KIT_CHECKED_AT } from "../recovery-kit/kit-status.ts";
import { HOME_DIRECTORY, type ReadTransaction } from "../vault/index.ts";
import type { BackupContent } from "./backup-content.ts";

/** No report of an emergency: half of it is which peers were told, and that stays behind. What was signed is in the audit. */
const PORTABLE: readonly string[] = [HOME_DIRECTORY, FORMER_HOMES, KIT_CHECKED_AT];

/** By name. @param keys in the backup: that one was used before is on record once */
export function portableSettings(tx: ReadTransaction, keys: readonly KeyId[]): ReadonlyMap<string, string> {
  return chosen(keys, (name) => tx.settings.get(name));
}

/** Those of a backup, whatever else somebody has put in. */
export function portableOnly({ settings, keys }: Pick<BackupContent, "settings" | "keys">): ReadonlyMap<string, string> {
  return chosen(
    keys.map(({ keyId }) => keyId),
    (name) => settings.get(name),
  );
}

function chosen(keys: readonly KeyId[], valueOf: (name: string) => string | undefined): ReadonlyMap<string, string> {
  const names = [...PORTABLE, ...keys.map((keyId) => FIRST_USED + keyId)];
  return new Map(
    names.flatMap((name) => {
      const value = valueOf(name);
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
}
