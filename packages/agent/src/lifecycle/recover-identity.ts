/**
 * A new life for an agent of which nothing is left but its recovery kit and the log at a directory, on an empty folder, in one commit: a
 * recovery event after the last event that its owner takes for his own.
 */
import { equalBytes, talosError } from "@talos/core";
import { parseDirectoryUrl } from "../directory/directory-url.ts";
import type { Environment } from "../environment.ts";
import { checkName, dataDirOf } from "../options.ts";
import { readUnlock, requireStrongPassword } from "../password/index.ts";
import { readKitText } from "../recovery-kit/kit-file.ts";
import { readKitFacts } from "../recovery-kit/seal-kit.ts";
import { HOME_DIRECTORY, Vault } from "../vault/index.ts";
import { openAuthority } from "./identity-plan/recovery-authority.ts";
import { buildNewKeys } from "./new-life.ts";
import { requireEmptyDataDir } from "./recover/empty-data-dir.ts";
import { markHeld } from "./recover/held-recovery.ts";
import { checkRecoverIdentityOptions, type RecoverIdentityOptions } from "./recover-options.ts";
import { baseOf, fetchLog, idOf, recordedBefore } from "./recovery-outlook.ts";

/**
 * A vault with the agent's new life, generation 1, open, and held until its home directory has accepted the event; nothing has left yet.
 *
 * @throws TalosError as `TalosClient.recoverIdentity`; then no agent was made
 */
export async function recoverIdentityVault(environment: Environment, options: RecoverIdentityOptions): Promise<Vault> {
  const { recoveryKit, did, directory, cutAfter, reason = "compromise", suspectFrom, ...rest } = checkRecoverIdentityOptions(options);
  const { crypto, clock, kdf } = environment;
  const inKit = readKitFacts(readKitText(recoveryKit.path), crypto);
  const name = checkName(rest.name ?? inKit.agentName);
  const dataDir = dataDirOf({ ...rest, name });
  requireEmptyDataDir(dataDir);
  using unlock = await readUnlock({ ...rest, ...(rest.newPassword === undefined ? {} : { password: rest.newPassword }) });
  const allowWeak = rest.allowWeakPassword === true || environment.allowWeakPasswords === true;
  if (unlock.kind === "password") await requireStrongPassword(unlock.secret, { allowWeak, words: [name] });
  const home = parseDirectoryUrl(directory);
  if (did !== undefined && !equalBytes(idOf(did), inKit.agentId)) throw talosError("RECOVERY_KIT_FOREIGN");
  const log = await fetchLog(environment, inKit.agentId, home);
  const base = baseOf(log, cutAfter, crypto, clock.now());
  using authority = await openAuthority(recoveryKit, base, crypto);
  return await Vault.create({
    dataDir,
    name,
    unlock,
    slotLabel: unlock.label,
    crypto,
    now: clock.now(),
    ...(kdf === undefined ? {} : { kdf }),
    build: async (files) => {
      using keys = await buildNewKeys(files, {
        environment,
        base,
        others: [log],
        authority,
        reason,
        suspectFrom: reason === "compromise" ? (suspectFrom ?? recordedBefore(base)) : undefined,
        keyBackend: rest.keyBackend ?? "software",
      });
      const { write } = keys;
      return {
        agentId: base.agentId,
        write: (tx) => {
          write(tx);
          tx.settings.set(HOME_DIRECTORY, home);
          markHeld(tx, { way: "rotated", since: clock.now() });
        },
      };
    },
  });
}
