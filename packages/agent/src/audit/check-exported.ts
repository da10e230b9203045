/**
 * An export that somebody handed over, checked by whoever has public keys: that it is whole, and by a log from elsewhere that the key which
 * signed it still counts. Knows how to find logs; what an export has to be is core's to say.
 */
import {
  agentIdToDid,
  didToAgentId,
  equalBytes,
  requireExportUnder,
  talosError,
  verifyAuditExport,
  verifyLog,
  type AgentId,
  type AuditExport,
  type Crypto,
  type IdentityLog,
} from "@talos/core";
import { parseDirectoryUrl } from "../directory/directory-url.ts";
import { logAt } from "../directory/log-at.ts";
import type { Environment } from "../environment.ts";
import { check, isText, type Check } from "../options.ts";
import type { ReadTransaction } from "../vault/index.ts";

export interface CheckExportOptions {
  /** The export, whole. */
  readonly text: string;
  /** Whose it has to be: a DID. Without it, read `did` in the result. */
  readonly agent?: string;
}

export interface CheckExportAloneOptions extends CheckExportOptions {
  /** The agent's log as the verifier has it, inception first. */
  readonly log?: readonly Uint8Array[];
  /** URL of a directory that has the agent's log. */
  readonly directory?: string;
}

export interface ExportCheck {
  readonly did: string;
  readonly entries: number;
  /** Of the event whose key certified it. */
  readonly seq: number;
  readonly generation: number;
  /** Milliseconds since 1970, by the agent's clock. */
  readonly certifiedAt: number;
  /** Seq of events that carry the head of an earlier record, lost before this one began: by the time that the export's first entry gives. */
  readonly earlierRecord: readonly number[];
  /**
   * Where the log came from by which the certifying key counts. `export`: out of the export itself, which ends where its maker liked, so that a
   * key which was rotated away since, for whatever reason, passes.
   */
  readonly comparedWith: "directory" | "given" | "known" | "export";
  /** Of that log's newest event. */
  readonly logSeq: number;
}

const isEvents: Check = (value) => Array.isArray(value) && value.every((event) => event instanceof Uint8Array);
const COMMON = { text: (value: unknown): boolean => typeof value === "string", agent: isText };

/**
 * By a log that is given or a directory that has it; with neither, by the export alone.
 *
 * @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT; AUDIT_INVALID (`details.line`, `details.reason`; unknown-head, void-head: by the log
 *   from elsewhere); LOG_INVALID and others where that log does not verify; as `Directory`
 */
export async function checkExportAlone(environment: Environment, options: CheckExportAloneOptions): Promise<ExportCheck> {
  const { log, directory, ...common } = check<CheckExportAloneOptions>(options, { ...COMMON, log: isEvents, directory: isText });
  if (log !== undefined && directory !== undefined) {
    throw talosError("INVALID_ARGUMENT", "The agent's log comes from one place: log or directory.", { details: { option: "log" } });
  }
  const { crypto } = environment;
  const url = directory === undefined ? undefined : parseDirectoryUrl(directory);
  const exported = readExport(common, crypto);
  if (url !== undefined) return compared(exported, await logAt(environment, url, exported.log.agentId), "directory", crypto);
  return log === undefined ? asFound(exported, exported.log, "export") : compared(exported, log, "given", crypto);
}

/** By what a vault knows of the agent, itself or a peer; reads only. @throws TalosError as `checkExportAlone`; PEER_UNKNOWN */
export function checkExportByRecord(tx: ReadTransaction, own: AgentId, options: CheckExportOptions, crypto: Crypto): ExportCheck {
  const exported = readExport(check<CheckExportOptions>(options, COMMON), crypto);
  const { agentId } = exported.log;
  const events = equalBytes(agentId, own) ? tx.log.events().map(({ wire }) => wire) : tx.peers.events(agentId);
  if (events.length === 0) throw talosError("PEER_UNKNOWN");
  return compared(exported, events, "known", crypto);
}

function readExport({ text, agent }: Partial<CheckExportOptions>, crypto: Crypto): AuditExport {
  if (text === undefined) throw talosError("INVALID_ARGUMENT", "The option text is needed.", { details: { option: "text" } });
  return verifyAuditExport(text, crypto, agent === undefined ? {} : { agentId: didToAgentId(agent) });
}

function compared(exported: AuditExport, events: readonly Uint8Array[], from: ExportCheck["comparedWith"], crypto: Crypto): ExportCheck {
  const { log } = verifyLog(undefined, events, 0, crypto, exported.log.agentId);
  requireExportUnder(exported, log);
  return asFound(exported, log, from);
}

function asFound(
  { certificate, entries, earlierRecord }: AuditExport,
  log: IdentityLog,
  comparedWith: ExportCheck["comparedWith"],
): ExportCheck {
  return {
    did: agentIdToDid(certificate.agentId),
    entries: entries.length,
    seq: certificate.head.seq,
    generation: certificate.generation,
    certifiedAt: certificate.from,
    earlierRecord,
    comparedWith,
    logSeq: log.head.seq,
  };
}
