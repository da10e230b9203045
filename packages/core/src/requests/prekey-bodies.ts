// Bodies of the directory's interface about prekeys and claims. Parsers refuse unknown fields and verify nothing.
// Must not know HTTP. Source: docs/protocol/directory.md, "Endpoints", "Prekeys", "Claims".
import { toBase64Url } from "../bytes/base64url.ts";
import { MAX_EVENT_BYTES } from "../identity/signed-event.ts";
import { MAX_CERTIFICATE_BYTES } from "../instance/certificate.ts";
import { MAX_LOG_EVENTS } from "../keys/heads.ts";
import { MAX_BATCH_BYTES, MAX_BATCH_STATEMENTS } from "../prekeys/batch.ts";
import type { PlacedStatement } from "../prekeys/batch-tree.ts";
import type { UnverifiedBundle } from "../prekeys/bundle.ts";
import type { BatchReplacement } from "../prekeys/replacement.ts";
import { MAX_STATEMENT_BYTES, PREKEY_ID_BYTES } from "../prekeys/statement.ts";
import { JsonReader, type JsonValue } from "./json-reader.ts";

const MAX_ONE_TIME_PREKEYS: number = MAX_BATCH_STATEMENTS - 1;
/** Depth of the tree of the largest batch. */
const MAX_PATH_HASHES = 10;

/** `PUT /v1/agents/{did}/prekeys` */
export function prekeysRequestToJson({ batch, signedPrekey, carried, added }: BatchReplacement): JsonValue {
  return {
    batch: toBase64Url(batch),
    signedPrekey: toBase64Url(signedPrekey),
    carried: carried.map(toBase64Url),
    added: added.map(toBase64Url),
  };
}

/** Throws MALFORMED. */
export function parsePrekeysRequest(json: unknown): BatchReplacement {
  const reader = new JsonReader(json, "prekeys");
  const request = {
    batch: reader.bytes("batch", { max: MAX_BATCH_BYTES }),
    signedPrekey: reader.bytes("signedPrekey", { max: MAX_STATEMENT_BYTES }),
    carried: reader.list("carried", MAX_ONE_TIME_PREKEYS, { length: PREKEY_ID_BYTES }),
    added: reader.list("added", MAX_ONE_TIME_PREKEYS, { max: MAX_STATEMENT_BYTES }),
  };
  reader.end();
  return request;
}

/** The stock after a replacement, and the live batch's root. */
export interface PrekeysAnswer {
  readonly oneTimePrekeys: number;
  readonly root: Uint8Array;
}

export function prekeysAnswerToJson({ oneTimePrekeys, root }: PrekeysAnswer): JsonValue {
  return { oneTimePrekeys, root: toBase64Url(root) };
}

/** Throws MALFORMED. */
export function parsePrekeysAnswer(json: unknown): PrekeysAnswer {
  const reader = new JsonReader(json, "prekeys answer");
  const answer = { oneTimePrekeys: reader.uint("oneTimePrekeys", MAX_ONE_TIME_PREKEYS), root: reader.bytes("root", { length: 32 }) };
  reader.end();
  return answer;
}

/** `GET /v1/agents/{did}/prekeys`: the owner's view. Root and end are null where there is no batch. */
export interface PrekeyStock {
  readonly oneTimePrekeys: number;
  readonly root: Uint8Array | null;
  readonly to: number | null;
  /** Ids of the live batch's one-time prekeys that were claimed. */
  readonly claimed: readonly Uint8Array[];
}

export function prekeyStockToJson({ oneTimePrekeys, root, to, claimed }: PrekeyStock): JsonValue {
  return { oneTimePrekeys, root: root && toBase64Url(root), to, claimed: claimed.map(toBase64Url) };
}

/** Throws MALFORMED. */
export function parsePrekeyStock(json: unknown): PrekeyStock {
  const reader = new JsonReader(json, "prekey stock");
  const stock = {
    oneTimePrekeys: reader.uint("oneTimePrekeys", MAX_ONE_TIME_PREKEYS),
    root: reader.has("root") ? reader.bytes("root", { length: 32 }) : reader.nothing("root"),
    to: reader.has("to") ? reader.uint("to") : reader.nothing("to"),
    claimed: reader.list("claimed", MAX_ONE_TIME_PREKEYS, { length: PREKEY_ID_BYTES }),
  };
  reader.end();
  return stock;
}

/** `POST /v1/agents/{did}/claims` has an empty object as its body. Throws MALFORMED. */
export function parseClaimRequest(json: unknown): void {
  new JsonReader(json, "claim").end();
}

export function bundleToJson({ log, certificate, batch, signedPrekey, oneTimePrekey }: UnverifiedBundle): JsonValue {
  return {
    log: log.map(toBase64Url),
    certificate: toBase64Url(certificate),
    batch: toBase64Url(batch),
    signedPrekey: placedToJson(signedPrekey),
    oneTimePrekey: oneTimePrekey === undefined ? null : placedToJson(oneTimePrekey),
  };
}

function placedToJson({ statement, index, path }: PlacedStatement): JsonValue {
  return { statement: toBase64Url(statement), index, path: path.map(toBase64Url) };
}

/** Throws MALFORMED. */
export function parseBundle(json: unknown): UnverifiedBundle {
  const reader = new JsonReader(json, "bundle");
  const log = reader.list("log", MAX_LOG_EVENTS, { max: MAX_EVENT_BYTES });
  const certificate = reader.bytes("certificate", { max: MAX_CERTIFICATE_BYTES });
  const batch = reader.bytes("batch", { max: MAX_BATCH_BYTES });
  const signedPrekey = parsePlaced(reader.object("signedPrekey"));
  const oneTimePrekey = reader.has("oneTimePrekey") ? parsePlaced(reader.object("oneTimePrekey")) : reader.nothing("oneTimePrekey");
  reader.end();
  return { log, certificate, batch, signedPrekey, ...(oneTimePrekey && { oneTimePrekey }) };
}

function parsePlaced(reader: JsonReader): PlacedStatement {
  const placed = {
    statement: reader.bytes("statement", { max: MAX_STATEMENT_BYTES }),
    index: reader.uint("index", MAX_BATCH_STATEMENTS - 1),
    path: reader.list("path", MAX_PATH_HASHES, { length: 32 }),
  };
  reader.end();
  return placed;
}
