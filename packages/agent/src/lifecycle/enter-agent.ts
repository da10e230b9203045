/**
 * From checked options to an opened agent: which folder, what opens it, made or opened, and whose it must be. Knows no loop.
 */
import { checkPolicy, didToAgentId, equalBytes, talosError, type AgentId, type Crypto, type SecretBytes } from "@talos/core";
import { parseDirectoryUrl } from "../directory/directory-url.ts";
import type { Environment } from "../environment.ts";
import {
  checkCreateOptions,
  checkInspectOptions,
  checkName,
  checkOpenOptions,
  dataDirOf,
  type AgentChoice,
  type CreateOptions,
  type InspectOptions,
  type OpenOptions,
} from "../options.ts";
import { isUnlockGiven, readUnlock, requireStrongPassword } from "../password/index.ts";
import { isUnlock, readKitPlace } from "../recovery-kit/new-kit.ts";
import { Vault, type VaultInspection } from "../vault/index.ts";
import { createAgent } from "./create-agent.ts";
import { openAgent, type OpenedAgent } from "./open-agent.ts";
import { recoverIdentityVault } from "./recover-identity.ts";
import { recoverVault, type RecoveryReport } from "./recover/recover-agent.ts";
import type { RecoverIdentityOptions, RecoverOptions } from "./recover-options.ts";
import { takeOver } from "./takeover.ts";

const DEFAULT_MAX_HEAD_AGE_DAYS = 21;

/** Opens what is in the folder, or makes it. @throws TalosError as `TalosClient.create` */
export async function enterOrCreate(environment: Environment, name: string, options: CreateOptions): Promise<OpenedAgent> {
  const { ifMissing = "create", recoveryKit, allowWeakPassword = false, ...common } = checkCreateOptions(options);
  const open: OpenOptions = { ...common, name: checkName(name) };
  const dataDir = dataDirOf(open);
  if (ifMissing === "fail" || open.expectAgentId !== undefined || Vault.exists(dataDir)) return await enter(environment, open);
  using unlock = await readUnlock(open);
  const allowWeak = allowWeakPassword || environment.allowWeakPasswords === true;
  if (unlock.kind === "password") await requireStrongPassword(unlock.secret, { allowWeak, words: [name] });
  const isKnown = (password: SecretBytes): boolean => isUnlock(unlock, password);
  using kit = recoveryKit && (await readKitPlace(recoveryKit, { dataDir, isKnown, allowWeak, agentName: name }));
  const directory = open.directory === undefined ? undefined : parseDirectoryUrl(open.directory);
  const vault = await createAgent({
    name,
    dataDir,
    unlock,
    slotLabel: unlock.label,
    crypto: environment.crypto,
    now: environment.clock.now(),
    kdf: environment.kdf,
    keyBackend: open.keyBackend ?? "software",
    directories: directory === undefined ? [] : [directory],
    recoveryKit: kit,
    rotation: checkPolicy(open.rotation),
  });
  return await openedOver(vault, environment, open);
}

/** Opens what is in the folder. @throws TalosError as `TalosClient.open` */
export async function enter(environment: Environment, options: OpenOptions): Promise<OpenedAgent> {
  const checked = checkOpenOptions(options);
  return await openedOver(await openVault(environment, checked), environment, checked);
}

/** Opens what is in the folder as the living copy. @throws TalosError as `TalosClient.takeover` */
export async function enterAsLiving(environment: Environment, options: OpenOptions): Promise<OpenedAgent> {
  const opened = await enter(environment, options);
  try {
    await takeOver(opened.context);
    return opened;
  } catch (error) {
    opened.close();
    throw error;
  }
}

/** Makes the new life of an agent in an empty folder. @throws TalosError as `TalosClient.recoverIdentity` */
export async function enterRecovered(environment: Environment, options: RecoverIdentityOptions): Promise<OpenedAgent> {
  const vault = await recoverIdentityVault(environment, options);
  return await openedOver(vault, environment, { dataDir: vault.dataDir, ...policyOf(options) });
}

/** Makes the agent of a backup in an empty folder. @throws TalosError as `TalosClient.recover` */
export async function enterFromBackup(
  environment: Environment,
  options: RecoverOptions,
): Promise<{ readonly opened: OpenedAgent; readonly report: RecoveryReport }> {
  const { vault, report } = await recoverVault(environment, options);
  return { opened: await openedOver(vault, environment, { dataDir: vault.dataDir, ...policyOf(options) }), report };
}

function policyOf({ signMessages, maxHeadAgeDays, trust, rotation }: RecoverOptions | RecoverIdentityOptions): OpenOptions {
  return {
    ...(signMessages === undefined ? {} : { signMessages }),
    ...(maxHeadAgeDays === undefined ? {} : { maxHeadAgeDays }),
    ...(trust === undefined ? {} : { trust }),
    ...(rotation === undefined ? {} : { rotation }),
  };
}

/** The data directory alone. @throws TalosError as `TalosClient.open` */
export async function openVault({ crypto, clock, kdf }: Environment, checked: InspectOptions): Promise<Vault> {
  const dataDir = dataDirOf(checked);
  const expectAgentId = expectedAgent(checked);
  if (!Vault.exists(dataDir)) throw talosError("VAULT_NOT_FOUND", undefined, { details: { dataDir } });
  using unlock = await readUnlock(checked);
  await checkAgentName(crypto, checked);
  return await Vault.open({
    dataDir,
    unlock,
    crypto,
    now: clock.now(),
    ...(kdf === undefined ? {} : { kdf }),
    ...(expectAgentId === undefined ? {} : { expectAgentId }),
  });
}

/** Looks only. @throws TalosError as `TalosClient.inspect` */
export async function look({ crypto }: Environment, options: InspectOptions): Promise<VaultInspection> {
  const checked = checkInspectOptions(options);
  const expectAgentId = expectedAgent(checked);
  using unlock = isUnlockGiven(checked) ? await readUnlock(checked) : undefined;
  const inspection = await Vault.inspect({ dataDir: dataDirOf(checked), unlock, crypto });
  const isOther = expectAgentId !== undefined && !equalBytes(expectAgentId, inspection.agentId);
  if (!isOther && (checked.name === undefined || checked.name === inspection.name)) return inspection;
  inspection.close();
  throw talosError("VAULT_FOREIGN");
}

async function openedOver(vault: Vault, environment: Environment, options: OpenOptions): Promise<OpenedAgent> {
  const { signMessages = "instance", maxHeadAgeDays = DEFAULT_MAX_HEAD_AGE_DAYS } = options;
  const directory = options.directory === undefined ? undefined : parseDirectoryUrl(options.directory);
  const rotation = checkPolicy(options.rotation);
  const verifiedOnly = options.trust === "verified-only";
  const policy = { signMessages, maxHeadAgeDays, verifiedOnly, rotation, allowWeakPasswords: environment.allowWeakPasswords === true };
  return await openAgent({ vault, environment, policy, directory });
}

/** Before anything is written: a folder that holds another agent than the one meant is left alone. */
async function checkAgentName(crypto: Crypto, options: AgentChoice): Promise<void> {
  if (options.name === undefined) return;
  using inspection = await Vault.inspect({ dataDir: dataDirOf(options), crypto });
  if (inspection.name !== options.name) throw talosError("VAULT_FOREIGN", undefined, { details: { name: inspection.name } });
}

function expectedAgent({ expectAgentId }: { readonly expectAgentId?: string }): AgentId | undefined {
  if (expectAgentId === undefined) return undefined;
  try {
    return didToAgentId(expectAgentId);
  } catch (cause) {
    throw talosError("INVALID_ARGUMENT", "expectAgentId is a DID of the form did:talos:z...", {
      details: { option: "expectAgentId" },
      cause,
    });
  }
}
