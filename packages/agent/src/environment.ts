/**
 * What an agent stands on that is not an option: time, cryptography, the way to a directory. Production has one; tests give
 * their own. Kept apart from the public options, so that no user can weaken them by a typing error.
 */
import { nodeCrypto, type Crypto } from "@talos/core";
import { systemClock, type Clock } from "./clock.ts";
import type { Directory } from "./directory/directory.ts";
import { HttpDirectory, type HttpDirectoryOptions } from "./directory/http-directory.ts";
import type { KdfParameters } from "./vault/index.ts";

export interface Environment {
  readonly clock: Clock;
  readonly crypto: Crypto;
  openDirectory(options: HttpDirectoryOptions): Directory;
  /** Of a vault's passwords; absent: the default. */
  readonly kdf?: KdfParameters;
  /** Of a backup's passwords; absent: the default, which is stronger. */
  readonly backupKdf?: KdfParameters;
  /** Passwords that are set are not measured; well-known defaults are refused all the same. Absent: measured. */
  readonly allowWeakPasswords?: boolean;
}

export const systemEnvironment: Environment = {
  clock: systemClock,
  crypto: nodeCrypto,
  openDirectory: (options) => new HttpDirectory(options),
};
