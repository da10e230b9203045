/** From a kit and its password to the recovery key that the own log waits for, and the commitment to the one after it. */
import type { Crypto, IdentityLog } from "@talos/core";
import { readPassword } from "../../password/index.ts";
import { keyInForce, kitCommitment } from "../../recovery-kit/key-in-force.ts";
import { openKit } from "../../recovery-kit/kit-file.ts";
import type { RecoveryKitChoice } from "./identity-options.ts";
import type { RecoveryAuthority } from "./make-event.ts";

export interface OpenedAuthority extends RecoveryAuthority, Disposable {}

/**
 * One Argon2id run.
 *
 * @param log whose head commits to the key
 * @throws TalosError FILE_NOT_FOUND, RECOVERY_KIT_DAMAGED, RECOVERY_KIT_WRONG_PASSWORD, RECOVERY_KIT_FOREIGN, RECOVERY_KIT_NOT_IN_FORCE;
 *   PASSWORD_REQUIRED
 */
export async function openAuthority({ path, password }: RecoveryKitChoice, log: IdentityLog, crypto: Crypto): Promise<OpenedAuthority> {
  using secret = await readPassword(password);
  using kit = openKit(path, secret, crypto, log.agentId);
  const { index, key } = keyInForce(kit.seed, log, crypto);
  return { key, nextCommitment: kitCommitment(kit.seed, index + 1, crypto), [Symbol.dispose]: () => key[Symbol.dispose]() };
}
