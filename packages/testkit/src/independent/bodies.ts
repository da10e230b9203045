// JSON bodies of the directory interface and its error body (directory.md): a table of shapes, and bytes shown as hex.
import { hex, LARGEST_INTEGER, utf8 } from "./bytes.ts";
import { demand } from "./refusal.ts";

const LONGEST_TEXT = 1000;
const LONGEST_LOG = 10_000;
const MOST_ONE_TIME_PREKEYS = 1000;
const LONGEST_PATH = 10;

/** A shape reads one JSON value and gives it back with its bytes in hex. */
type Shape = (value: unknown, where: string) => unknown;

function bytesOf(length?: number, most: number = Infinity): Shape {
  return (value, where) => {
    demand(typeof value === "string" && /^[A-Za-z0-9_-]*$/u.test(value), `${where} is not base64url`);
    const bytes = Buffer.from(value, "base64url");
    demand(bytes.toString("base64url") === value, `${where} is not canonical base64url`);
    demand(length === undefined || bytes.length === length, `${where} has another length than ${length}`);
    demand(bytes.length <= most, `${where} has more than ${most} bytes`);
    return hex(bytes);
  };
}

function upTo(most: number): Shape {
  return (value, where) => {
    demand(
      typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= most,
      `${where} is not an integer of 0 to ${most}`,
    );
    return value;
  };
}

function matching(pattern: RegExp): Shape {
  return (value, where) => {
    demand(
      typeof value === "string" && Buffer.byteLength(value) <= LONGEST_TEXT && pattern.test(value),
      `${where} is not the text it should be`,
    );
    return value;
  };
}

function exactly(wanted: string | number): Shape {
  return (value, where) => {
    demand(value === wanted, `${where} is not ${wanted}`);
    return value;
  };
}

function orNull(shape: Shape): Shape {
  return (value, where) => (value === null ? null : shape(value, where));
}

function listOf(shape: Shape, most: number, least: number = 0): Shape {
  return (value, where) => {
    demand(Array.isArray(value) && value.length >= least && value.length <= most, `${where} is not a list of ${least} to ${most}`);
    return value.map((entry, index) => shape(entry, `${where}[${index}]`));
  };
}

function object(fields: Readonly<Record<string, Shape>>, optional: readonly string[] = []): Shape {
  return (value, where) => {
    demand(typeof value === "object" && value !== null && !Array.isArray(value), `${where} is not an object`);
    const given = value as Readonly<Record<string, unknown>>;
    for (const name of Object.keys(given)) demand(Object.hasOwn(fields, name), `${where}.${name} is unknown`);
    const read: Record<string, unknown> = {};
    for (const [name, shape] of Object.entries(fields)) {
      if (!Object.hasOwn(given, name) && optional.includes(name)) continue;
      demand(Object.hasOwn(given, name), `${where}.${name} is missing`);
      read[name] = shape(given[name], `${where}.${name}`);
    }
    return read;
  };
}

const uint = upTo(LARGEST_INTEGER);
const text = matching(/^/u);
const hash = bytesOf(32);
const head = object({ seq: uint, hash });
const document = bytesOf(undefined, 4096);
const statement = bytesOf(undefined, 2048);
const statements = listOf(statement, MOST_ONE_TIME_PREKEYS);
const prekeyIds = listOf(bytesOf(8), MOST_ONE_TIME_PREKEYS);
const log = listOf(document, LONGEST_LOG);
const placed = object({ statement, index: upTo(MOST_ONE_TIME_PREKEYS), path: listOf(hash, LONGEST_PATH) });

const BODIES: Readonly<Record<string, Shape>> = {
  "status answer": object({ name: exactly("talos-directory"), version: exactly(1), time: uint }),
  "agent answer": object({ log, certificate: orNull(document), time: uint }),
  "events request": object({ events: listOf(document, 100, 1) }),
  "events answer": object({ head }),
  "certificate request": object({ certificate: document }),
  "certificate answer": object({ seq: uint, generation: uint }),
  "prekeys request": object({ batch: document, signedPrekey: statement, carried: prekeyIds, added: statements }),
  "prekeys answer": object({ oneTimePrekeys: uint, root: hash }),
  "prekey stock": object({ oneTimePrekeys: uint, root: orNull(hash), to: orNull(uint), claimed: prekeyIds }),
  "claim request": object({}),
  "claim answer": object({ log, certificate: document, batch: document, signedPrekey: placed, oneTimePrekey: orNull(placed) }),
  "deposit answer": object({ envelopeId: bytesOf(16), receivedAt: uint }),
  "acknowledgements request": object({ envelopeIds: listOf(bytesOf(16), 256) }),
  "acknowledgements answer": object({ acknowledged: uint }),
  error: object({
    error: object({ code: matching(/^[A-Z][A-Z0-9_]*$/u), message: text, hint: text, time: uint, certificate: document, head }, [
      "certificate",
      "head",
    ]),
  }),
};

/** Reads a body by the name that BODIES gives it. */
export function decodeBody(name: string, bytes: Uint8Array): unknown {
  const shape = BODIES[name];
  if (shape === undefined) throw new Error(`no body is called ${name}`);
  const source = utf8(bytes);
  let value: unknown;
  try {
    value = JSON.parse(source);
  } catch {
    return demand(false, "not JSON");
  }
  return shape(value, name);
}

const STATUS_OF: Readonly<Record<number, string>> = {
  400: "MALFORMED UNSUPPORTED_VERSION UNSUPPORTED_SUITE UNSUPPORTED_EXTENSION DIGEST_MISMATCH",
  401: "SIGNATURE_MISSING SIGNATURE_INVALID REQUEST_EXPIRED REQUEST_REPLAYED CERTIFICATE_UNKNOWN CERTIFICATE_EXPIRED",
  403: "NOT_YOURS",
  404: "AGENT_UNKNOWN NO_PREKEYS ROUTE_UNKNOWN",
  409: "INSTANCE_SUPERSEDED CERTIFICATE_CONFLICT IDENTITY_MOVED CERTIFICATE_VOID PREKEY_ID_REUSED PREKEY_UNKNOWN BATCH_STALE BATCH_INVALID BATCH_VOID",
  410: "AGENT_REVOKED",
  413: "PAYLOAD_TOO_LARGE",
  429: "RATE_LIMITED",
  500: "DIRECTORY_INTERNAL",
  503: "DIRECTORY_BUSY",
  507: "MAILBOX_FULL",
};

/** The HTTP status of an error code; undefined for a code of a later release. */
export function statusOf(errorCode: string): number | undefined {
  const found = Object.entries(STATUS_OF).find(([, codes]) => codes.split(" ").includes(errorCode));
  return found === undefined ? undefined : Number(found[0]);
}
