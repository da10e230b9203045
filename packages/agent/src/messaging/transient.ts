/** Which failures say nothing about the item of the mailbox that was being taken: it stays there, and is tried again. */
import { isTalosError, type ErrorCode } from "@talos/core";

const TRANSIENT: readonly ErrorCode[] = [
  "BACKEND_FAILED",
  "COMMIT_FAILED",
  "DIRECTORY_BUSY",
  "DIRECTORY_INTERNAL",
  "DIRECTORY_MISBEHAVED",
  "DIRECTORY_UNREACHABLE",
  "RATE_LIMITED",
  "STORAGE_FAILED",
];

export function isTransient(error: unknown): boolean {
  return isTalosError(error) && TRANSIENT.includes(error.code);
}
