/** What a directory's database holds, for its operator. Reads only, beside a running server. Must not know the server. */
import { existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { agentId, agentIdToDid, isTalosError, talosError } from "@talos/core";
import { MIGRATIONS } from "./schema.ts";

export interface StoredAgent {
  readonly did: string;
  /** Of the log head. */
  readonly seq: number;
  /** How many can still be handed out. */
  readonly oneTimePrekeys: number;
  /** Not yet acknowledged. */
  readonly mailboxItems: number;
  /** Well signed events that came second to one that stands: two hold the agent's keys. At most 64 are kept. */
  readonly contenders: number;
  /** Events that a recovery event cut off. At most 64 are kept. */
  readonly cutOffEvents: number;
}

const AGENTS = `
  SELECT agent_id, head_seq,
    (SELECT count(*) FROM evidence e WHERE e.agent_id = a.agent_id AND kind = 1) AS contenders,
    (SELECT count(*) FROM evidence e WHERE e.agent_id = a.agent_id AND kind = 0) AS cut_off,
    (SELECT count(*) FROM prekeys p WHERE p.agent_id = a.agent_id AND kind = 1 AND state = 0) AS stock,
    (SELECT count(*) FROM items i WHERE i.mailbox = a.agent_id AND acknowledged_at IS NULL) AS mail
  FROM agents a ORDER BY agent_id`;

/** @param store `sqlite:PATH`. @throws TalosError INVALID_ARGUMENT, FILE_NOT_FOUND, STORAGE_FAILED */
export function inspectStore(store: string): StoredAgent[] {
  const path = /^sqlite:(.+)$/s.exec(store)?.[1];
  if (path === undefined)
    throw talosError("INVALID_ARGUMENT", "A directory's store is given as sqlite:PATH.", { details: { option: "store" } });
  if (!existsSync(path)) throw talosError("FILE_NOT_FOUND", "There is no directory's database at this path.");
  try {
    const database = new DatabaseSync(path, { readOnly: true, timeout: 5_000 });
    try {
      if (Number(database.prepare("PRAGMA user_version").get()?.["user_version"]) < MIGRATIONS.length)
        throw talosError(
          "STORAGE_FAILED",
          "The directory's database is of an earlier release: start the directory once to bring it up to date.",
        );
      return database.prepare(AGENTS).all().map(asAgent);
    } finally {
      database.close();
    }
  } catch (cause) {
    if (isTalosError(cause)) throw cause;
    throw talosError("STORAGE_FAILED", "The directory's database cannot be read.", { cause });
  }
}

function asAgent(row: Readonly<Record<string, unknown>>): StoredAgent {
  return {
    did: agentIdToDid(agentId(new Uint8Array(row["agent_id"] as Uint8Array))),
    seq: Number(row["head_seq"]),
    oneTimePrekeys: Number(row["stock"]),
    mailboxItems: Number(row["mail"]),
    contenders: Number(row["contenders"]),
    cutOffEvents: Number(row["cut_off"]),
  };
}
