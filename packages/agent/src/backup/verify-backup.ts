/**
 * Whether a backup would bring its agent back: it is opened, everything in it has to agree, a restoration is tried, and its head is compared
 * with the agent's log. Reads, and changes nothing outside a temporary folder.
 */
import { agentIdToDid, type AgentId, type Crypto, equalBytes, type IdentityLog, talosError, toHex, verifyLog } from "@talos/core";
import { parseDirectoryUrl } from "../directory/directory-url.ts";
import { logAt } from "../directory/log-at.ts";
import type { Environment } from "../environment.ts";
import { look } from "../lifecycle/enter-agent.ts";
import { readPassword } from "../password/index.ts";
import { type KnownLog, knownByAgent, knownByDirectory, verdictOn } from "./backup-standing.ts";
import { readBackupFile } from "./backup-file.ts";
import { checkVerifyAloneOptions, type VerifyBackupAloneOptions, type VerifyBackupOptions } from "./backup-options.ts";
import { verifyContent } from "./backup-proof.ts";
import type { BackupCheck } from "./backup-views.ts";
import { drillBackup } from "./drill.ts";
import { ageInDays } from "./records.ts";
import { openBackup, readBackupFacts } from "./seal-backup.ts";

export interface VerifyPlace {
  readonly crypto: Crypto;
  /** milliseconds since 1970 */
  readonly now: number;
  /** BACKUP_FOREIGN for another agent's, before anything is derived. */
  readonly expected?: AgentId | undefined;
  /** Where the throw-away vault is made. Default: in memory, else in the system's folder for temporary files. */
  readonly temporary?: string;
  /** Asked once the backup has been proved. @param own its log */
  readonly compareWith: (own: IdentityLog) => Promise<readonly KnownLog[]>;
}

/**
 * One Argon2id run with the parameters of the file.
 *
 * @throws TalosError FILE_NOT_FOUND, BACKUP_DAMAGED, KDF_PARAMETERS_REFUSED, BACKUP_FOREIGN, BACKUP_WRONG_PASSWORD, PASSWORD_REQUIRED,
 *   BACKUP_KEY_FAILED; of whatever it is compared with; STORAGE_FAILED of the temporary folder
 */
export async function verifyBackupFile(
  { path, password: source }: VerifyBackupOptions,
  { expected, compareWith, ...place }: VerifyPlace,
): Promise<BackupCheck> {
  const { crypto, now } = place;
  const file = readBackupFile(path);
  const facts = readBackupFacts(file, crypto);
  if (expected !== undefined && !equalBytes(facts.agentId, expected)) throw talosError("BACKUP_FOREIGN");
  using password = await readPassword(source);
  using opened = openBackup(file, password, crypto);
  const { content, id, slot, slots } = opened;
  const log = verifyContent(content, crypto, now);
  const { keys, left } = await drillBackup(content, log, { ...place, bytes: file.length });
  const compared = verdictOn(
    log,
    await compareWith(log),
    keys.every(({ proved }) => proved),
  );
  const { agentName, agentId, createdAt, head, peers, audit, leftOut } = content;
  return {
    id,
    did: agentIdToDid(agentId),
    name: agentName,
    createdAt,
    ageDays: ageInDays(createdAt, now),
    head: { seq: head.seq, hash: toHex(head.hash) },
    bytes: file.length,
    slot,
    slots,
    ...compared,
    keys,
    ...(left === undefined ? {} : { left }),
    peers: peers.length,
    auditEntries: audit.length,
    leftOut,
  };
}

/**
 * For somebody who is no agent, or whose agent is not open.
 *
 * @throws TalosError as `TalosClient.verifyBackup`
 */
export async function verifyBackupAlone(environment: Environment, options: VerifyBackupAloneOptions): Promise<BackupCheck> {
  const { name, dataDir, directory, ...file } = checkVerifyAloneOptions(options);
  const { crypto, clock } = environment;
  const now = clock.now();
  const verified = (events: readonly Uint8Array[], agentId: AgentId): IdentityLog => verifyLog(undefined, events, now, crypto, agentId).log;
  const choice = { ...(name === undefined ? {} : { name }), ...(dataDir === undefined ? {} : { dataDir }) };
  using inspection = name === undefined && dataDir === undefined ? undefined : await look(environment, choice);
  return await verifyBackupFile(file, {
    crypto,
    now,
    expected: inspection?.agentId,
    compareWith: async (own) => {
      const compared: KnownLog[] = [];
      if (inspection !== undefined) {
        // What a damaged one says of itself is no judgement.
        verified(
          inspection.read((tx) => tx.log.events().map(({ wire }) => wire)),
          own.agentId,
        );
        compared.push(inspection.read((tx) => knownByAgent(tx, "data-directory")));
      }
      if (directory !== undefined) {
        const events = await logAt(environment, parseDirectoryUrl(directory), own.agentId);
        compared.push(knownByDirectory(own, verified(events, own.agentId), crypto, now));
      }
      return compared;
    },
  });
}
