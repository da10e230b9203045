/**
 * From whatever went wrong to the answer of the protocol (docs/protocol/directory.md, "Errors"). Nothing that is not in the
 * table leaves: an unexpected error is DIRECTORY_INTERNAL, without its cause.
 */
import {
  DIRECTORY_ERROR_STATUS,
  ERROR_CODES,
  errorBodyToJson,
  TalosError,
  type DirectoryErrorCode,
  type ErrorCode,
  type JsonValue,
} from "@talos/core";
import { Refusal, type RefusalFacts } from "../refusal.ts";

/** SQLITE_BUSY: another process holds the database for longer than we wait. */
const SQLITE_BUSY = 5;
const RETRY_AFTER_SECONDS = 1;

/** What core calls more finely than the protocol does: for a client all of these are bytes that nobody should have sent. */
const COARSER: Readonly<Partial<Record<ErrorCode, DirectoryErrorCode>>> = {
  CERTIFICATE_INVALID: "MALFORMED",
  INVALID_ARGUMENT: "MALFORMED",
  LOG_INVALID: "MALFORMED",
  UNSUPPORTED_ALGORITHM: "MALFORMED",
  WEAK_PUBLIC_KEY: "MALFORMED",
};

export interface ErrorAnswer {
  readonly code: DirectoryErrorCode;
  readonly status: number;
  readonly retryAfterSeconds: number | undefined;
  readonly body: JsonValue;
}

/** @param now the server's clock, in milliseconds: every error tells it */
export function answerTo(error: unknown, now: number): ErrorAnswer {
  if (error instanceof TalosError) {
    const code = isDirectoryCode(error.code) ? error.code : COARSER[error.code];
    if (code === undefined) return answerOf("DIRECTORY_INTERNAL", now);
    return answerOf(code, now, error, error instanceof Refusal ? error.facts : {});
  }
  const { code, statusCode, errcode } = fieldsOf(error);
  if (errcode === SQLITE_BUSY) return answerOf("DIRECTORY_BUSY", now);
  // Fastify's own: its schemas speak of our fields, never of values.
  if (code === "FST_ERR_VALIDATION") return answerOf("MALFORMED", now, { message: `${sentence(error)}.` });
  if (statusCode === DIRECTORY_ERROR_STATUS.PAYLOAD_TOO_LARGE) return answerOf("PAYLOAD_TOO_LARGE", now);
  if (typeof statusCode === "number" && statusCode >= 400 && statusCode < 500) return answerOf("MALFORMED", now);
  return answerOf("DIRECTORY_INTERNAL", now);
}

function answerOf(
  code: DirectoryErrorCode,
  now: number,
  words: { message?: string; hint?: string } = {},
  facts: RefusalFacts = {},
): ErrorAnswer {
  const { message = ERROR_CODES[code].message, hint = ERROR_CODES[code].hint } = words;
  const { certificate, head, retryAfterSeconds } = facts;
  const later = code === "RATE_LIMITED" || code === "DIRECTORY_BUSY" ? RETRY_AFTER_SECONDS : undefined;
  return {
    code,
    status: DIRECTORY_ERROR_STATUS[code],
    retryAfterSeconds: retryAfterSeconds ?? later,
    body: errorBodyToJson({ code, message, hint, time: now, ...(certificate && { certificate }), ...(head && { head }) }),
  };
}

function isDirectoryCode(code: ErrorCode): code is DirectoryErrorCode {
  return Object.hasOwn(DIRECTORY_ERROR_STATUS, code);
}

/** What Fastify and SQLite hang on to their errors. */
function fieldsOf(error: unknown): { readonly code?: unknown; readonly statusCode?: unknown; readonly errcode?: unknown } {
  return error instanceof Error ? Object.fromEntries(Object.entries(error)) : {};
}

function sentence(error: unknown): string {
  return error instanceof Error ? error.message : ERROR_CODES.MALFORMED.message;
}
