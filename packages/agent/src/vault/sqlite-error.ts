/** What an error of node:sqlite means for whoever uses the vault. */
import { isTalosError, talosError, type TalosError } from "@talos/core";

// Primary result codes, sqlite.org/rescode.html
const SQLITE_BUSY = 5;
const SQLITE_LOCKED = 6;
const SQLITE_READONLY = 8;
const SQLITE_CORRUPT = 11;
const SQLITE_CANTOPEN = 14;
const SQLITE_PROTOCOL = 15;
const SQLITE_CONSTRAINT = 19;
const SQLITE_NOTADB = 26;

/** The primary result code; undefined for an error that is none of SQLite's. */
function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") return undefined;
  return error.errcode & 0xff;
}

export function isBusy(error: unknown): boolean {
  const code = sqliteCode(error);
  return code === SQLITE_BUSY || code === SQLITE_LOCKED;
}

/** A `-shm` that may only be read and is not whole, so that SQLite cannot tell what the log holds. */
export function isUnusableShm(error: unknown): boolean {
  const code = sqliteCode(error);
  return code === SQLITE_PROTOCOL || code === SQLITE_READONLY || code === SQLITE_CANTOPEN;
}

/**
 * Translates an error of SQLite; any other is returned as it is.
 *
 * @param otherwise what a full, failing or read-only disk means here
 */
export function fromSqlite(error: unknown, otherwise: "COMMIT_FAILED" | "STORAGE_FAILED"): unknown {
  const code = sqliteCode(error);
  if (code === undefined || isTalosError(error)) return error;
  return translate(code, error, otherwise);
}

function translate(code: number, cause: unknown, otherwise: "COMMIT_FAILED" | "STORAGE_FAILED"): TalosError {
  const details = { sqlite: code };
  if (code === SQLITE_CORRUPT || code === SQLITE_NOTADB) return talosError("VAULT_CORRUPT", undefined, { cause, details });
  if (code === SQLITE_CONSTRAINT) {
    return talosError("INTERNAL", "A change broke a rule of the store and was not made.", { cause, details });
  }
  return talosError(otherwise, undefined, { cause, details });
}
