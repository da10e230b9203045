// The error that a directory answers with, and the status of each code. Must not know HTTP beyond the number.
// Source: docs/protocol/directory.md, "Errors".
import { toBase64Url } from "../bytes/base64url.ts";
import type { ErrorCode } from "../errors/codes.ts";
import { MAX_CERTIFICATE_BYTES } from "../instance/certificate.ts";
import type { LogHead } from "../keys/heads.ts";
import { headToJson, parseHead } from "./agent-bodies.ts";
import { JsonReader, type JsonValue } from "./json-reader.ts";

const MAX_CODE_BYTES = 64;
const MAX_SENTENCE_BYTES = 1000;

/** Every code that a directory answers with, and its HTTP status. */
export const DIRECTORY_ERROR_STATUS = {
  MALFORMED: 400,
  UNSUPPORTED_VERSION: 400,
  UNSUPPORTED_SUITE: 400,
  UNSUPPORTED_EXTENSION: 400,
  DIGEST_MISMATCH: 400,
  SIGNATURE_MISSING: 401,
  SIGNATURE_INVALID: 401,
  REQUEST_EXPIRED: 401,
  REQUEST_REPLAYED: 401,
  CERTIFICATE_UNKNOWN: 401,
  CERTIFICATE_EXPIRED: 401,
  NOT_YOURS: 403,
  AGENT_UNKNOWN: 404,
  NO_PREKEYS: 404,
  ROUTE_UNKNOWN: 404,
  INSTANCE_SUPERSEDED: 409,
  CERTIFICATE_CONFLICT: 409,
  IDENTITY_MOVED: 409,
  CERTIFICATE_VOID: 409,
  PREKEY_ID_REUSED: 409,
  PREKEY_UNKNOWN: 409,
  BATCH_STALE: 409,
  BATCH_INVALID: 409,
  BATCH_VOID: 409,
  AGENT_REVOKED: 410,
  PAYLOAD_TOO_LARGE: 413,
  RATE_LIMITED: 429,
  DIRECTORY_INTERNAL: 500,
  DIRECTORY_BUSY: 503,
  MAILBOX_FULL: 507,
} as const;

export type DirectoryErrorCode = keyof typeof DIRECTORY_ERROR_STATUS & ErrorCode;

export interface DirectoryErrorBody {
  /** A code of the table above, or of a later release. */
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  /** The server's clock. */
  readonly time: number;
  /** The registered one, where the error is about certificates. */
  readonly certificate?: Uint8Array;
  /** Of the log there, where it has moved on or ended. */
  readonly head?: LogHead;
}

export function errorBodyToJson({ code, message, hint, time, certificate, head }: DirectoryErrorBody): JsonValue {
  return {
    error: {
      code,
      message,
      hint,
      time,
      ...(certificate === undefined ? {} : { certificate: toBase64Url(certificate) }),
      ...(head === undefined ? {} : { head: headToJson(head) }),
    },
  };
}

/** Throws MALFORMED. The texts come from an untrusted server: show them as such. */
export function parseErrorBody(json: unknown): DirectoryErrorBody {
  const outer = new JsonReader(json, "error");
  const reader = outer.object("error");
  outer.end();
  const code = reader.text("code", MAX_CODE_BYTES);
  if (!/^[A-Z][A-Z_]*$/.test(code)) throw reader.malformed("code", "not a code");
  const body = {
    code,
    message: reader.text("message", MAX_SENTENCE_BYTES),
    hint: reader.text("hint", MAX_SENTENCE_BYTES),
    time: reader.uint("time"),
    ...(reader.has("certificate") && { certificate: reader.bytes("certificate", { max: MAX_CERTIFICATE_BYTES }) }),
    ...(reader.has("head") && { head: parseHead(reader.object("head")) }),
  };
  reader.end();
  return body;
}
