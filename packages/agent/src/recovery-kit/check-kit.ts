/** Proving that a kit is the one that an agent's log waits for. Looks in the data directory where it cannot or need not be opened. */
import { agentIdToDid, isTalosError, verifyLog, type AgentId, type Crypto, type IdentityLog } from "@talos/core";
import type { Environment } from "../environment.ts";
import { look, openVault } from "../lifecycle/enter-agent.ts";
import { checkInspectOptions, type InspectOptions } from "../options.ts";
import { isUnlockGiven, readPassword } from "../password/index.ts";
import type { ReadTransaction } from "../vault/index.ts";
import { keyInForce } from "./key-in-force.ts";
import { openKit } from "./kit-file.ts";
import { checkKitFile, type CheckRecoveryKitOptions, type RecoveryKitFile } from "./kit-options.ts";
import { recordCheck } from "./kit-status.ts";

export interface KitCheck {
  readonly did: string;
  /** As the agent was called when the kit was made. */
  readonly agentName: string;
  /** When the kit was made, milliseconds since 1970. */
  readonly createdAt: number;
  /** How often the kit was used: 0 for a new one. */
  readonly keyIndex: number;
  readonly checkedAt: number;
  /** Whether `status` knows of it from now on. */
  readonly recorded: boolean;
}

/**
 * Opens the kit and finds the key that the log's head commits to. One Argon2id run.
 *
 * @throws TalosError FILE_NOT_FOUND, RECOVERY_KIT_DAMAGED, RECOVERY_KIT_FOREIGN, RECOVERY_KIT_WRONG_PASSWORD, RECOVERY_KIT_NOT_IN_FORCE, PASSWORD_REQUIRED
 */
export async function proveKit(
  { path, password: source }: RecoveryKitFile,
  log: IdentityLog,
  crypto: Crypto,
  now: number,
): Promise<Omit<KitCheck, "recorded">> {
  using password = await readPassword(source);
  using kit = openKit(path, password, crypto, log.agentId);
  using found = keyInForce(kit.seed, log, crypto);
  const { agentName, agentId, createdAt } = kit;
  return { did: agentIdToDid(agentId), agentName, createdAt, keyIndex: found.index, checkedAt: now };
}

/**
 * With what opens the data directory it is opened, without an instance and without the network, and the check goes on record. Where it is
 * in use, or nothing to open it is given, it is only looked at.
 *
 * @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT; as `TalosClient.inspect`; as `proveKit`
 */
export async function checkKitIn(environment: Environment, options: CheckRecoveryKitOptions): Promise<KitCheck> {
  const { recoveryKit, ...choice } = options;
  const kit = checkKitFile(recoveryKit);
  const checked = checkInspectOptions(choice);
  const recorded = isUnlockGiven(checked) ? await proveOpened(environment, checked, kit) : undefined;
  return recorded ?? (await proveLooking(environment, checked, kit));
}

/** Undefined where somebody else has it open. */
async function proveOpened(environment: Environment, choice: InspectOptions, kit: RecoveryKitFile): Promise<KitCheck | undefined> {
  const { crypto, clock } = environment;
  const now = clock.now();
  let vault;
  try {
    vault = await openVault(environment, choice);
  } catch (error) {
    if (isTalosError(error, "VAULT_LOCKED")) return undefined;
    throw error;
  }
  try {
    const proven = await proveKit(kit, ownLog(vault, crypto, now), crypto, now);
    vault.transaction((tx) => recordCheck(tx, proven.keyIndex, now));
    return { ...proven, recorded: true };
  } finally {
    vault.close();
  }
}

async function proveLooking(environment: Environment, choice: InspectOptions, kit: RecoveryKitFile): Promise<KitCheck> {
  const { crypto, clock } = environment;
  using inspection = await look(environment, choice);
  const proven = await proveKit(kit, ownLog(inspection, crypto, clock.now()), crypto, clock.now());
  return { ...proven, recorded: false };
}

function ownLog(
  vault: { readonly agentId: AgentId; read<T>(fn: (tx: ReadTransaction) => T): T },
  crypto: Crypto,
  now: number,
): IdentityLog {
  const events = vault.read((tx) => tx.log.events().map(({ wire }) => wire));
  return verifyLog(undefined, events, now, crypto, vault.agentId).log;
}
