/** Which failures say nothing about the item of the mailbox that was being taken: it stays there, and is tried again. */
import { isTalosError, type ErrorCode } from "@talos/core";

/** Of what every item needs: there is no going on. */
const HERE: readonly ErrorCode[] = ["BACKEND_FAILED", "COMMIT_FAILED", "STORAGE_FAILED"];
/** Of a directory that was asked about this item, perhaps one that its owner has named. */
const ELSEWHERE: readonly ErrorCode[] = [
  "DIRECTORY_BUSY",
  "DIRECTORY_INTERNAL",
  "DIRECTORY_MISBEHAVED",
  "DIRECTORY_UNREACHABLE",
  "RATE_LIMITED",
];

export function isTransient(error: unknown): boolean {
  return isTalosError(error) && (HERE.includes(error.code) || ELSEWHERE.includes(error.code));
}

export function isTransientElsewhere(error: unknown): boolean {
  return isTalosError(error) && ELSEWHERE.includes(error.code);
}
