/** What is done with a kit while no agent is open: proving, splitting, joining. */
import { systemEnvironment, type Environment } from "../environment.ts";
import { checkKitIn, type KitCheck } from "./check-kit.ts";
import {
  checkJoinOptions,
  checkSplitOptions,
  type CheckRecoveryKitOptions,
  type JoinRecoverySharesOptions,
  type SplitRecoveryKitOptions,
} from "./kit-options.ts";
import { joinKit, splitKit, type JoinedKit, type KitShares } from "./share-files.ts";

/**
 * As `client.recoveryKit.check`, for an agent that is not open: with what opens its data directory the check goes on record; where it is in
 * use, or nothing to open it is given, it is only looked at.
 *
 * @throws TalosError as `TalosClient.inspect`; as `client.recoveryKit.check`
 */
export async function checkRecoveryKit(options: CheckRecoveryKitOptions, environment: Environment = systemEnvironment): Promise<KitCheck> {
  return await checkKitIn(environment, options);
}

/**
 * Splits the seed of a kit into shares, each a file that can be printed. Whoever has `threshold` of them needs no password. The kit stays
 * as it is. Needs no agent.
 *
 * @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT; FILE_NOT_FOUND, RECOVERY_KIT_DAMAGED, RECOVERY_KIT_WRONG_PASSWORD of the kit; FILE_EXISTS, STORAGE_FAILED
 */
export async function splitRecoveryKit(options: SplitRecoveryKitOptions, environment: Environment = systemEnvironment): Promise<KitShares> {
  return await splitKit(checkSplitOptions(options), environment.crypto);
}

/**
 * Makes a kit of shares again, under a password of its own; an agent that waits for it needs no event. Needs no agent.
 *
 * @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT; FILE_NOT_FOUND, RECOVERY_SHARE_DAMAGED, RECOVERY_SHARES_MIXED, RECOVERY_SHARE_REPEATED,
 *   RECOVERY_SHARES_TOO_FEW, RECOVERY_SHARES_WRONG of the shares; RECOVERY_KIT_EXISTS, PASSWORD_REQUIRED, WEAK_PASSWORD, STORAGE_FAILED of the new kit
 */
export async function joinRecoveryShares(
  options: JoinRecoverySharesOptions,
  { crypto, clock, kdf, allowWeakPasswords = false }: Environment = systemEnvironment,
): Promise<JoinedKit> {
  return await joinKit(checkJoinOptions(options), { crypto, now: clock.now(), kdf, allowWeak: allowWeakPasswords });
}
