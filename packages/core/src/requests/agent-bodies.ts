// Bodies of the directory's interface about agents: status, logs, events, certificates. Parsers refuse unknown fields.
// Must not know HTTP, nor verify what is in the bytes. Source: docs/protocol/directory.md, "Endpoints".
import { toBase64Url } from "../bytes/base64url.ts";
import { MAX_EVENT_BYTES } from "../identity/signed-event.ts";
import { MAX_CERTIFICATE_BYTES } from "../instance/certificate.ts";
import { MAX_LOG_EVENTS, type LogHead } from "../keys/heads.ts";
import { JsonReader, type JsonValue } from "./json-reader.ts";

export const MAX_EVENTS_PER_REQUEST = 100;
const DIRECTORY_NAME = "talos-directory";

/** `GET /v1/status` */
export interface StatusAnswer {
  /** The server's clock. */
  readonly time: number;
}

export function statusAnswerToJson({ time }: StatusAnswer): JsonValue {
  return { name: DIRECTORY_NAME, version: 1, time };
}

/** Throws MALFORMED, also for what is not a directory of this version. */
export function parseStatusAnswer(json: unknown): StatusAnswer {
  const reader = new JsonReader(json, "status");
  if (reader.text("name", 64) !== DIRECTORY_NAME) throw reader.malformed("name", "not a directory of this kind");
  if (reader.uint("version") !== 1) throw reader.malformed("version", "not a version that is known here");
  const time = reader.uint("time");
  reader.end();
  return { time };
}

/** `GET /v1/agents/{did}`: the events asked for, and the newest registered certificate. Nothing is verified. */
export interface AgentAnswer {
  readonly log: readonly Uint8Array[];
  readonly certificate: Uint8Array | null;
  readonly time: number;
}

export function agentAnswerToJson({ log, certificate, time }: AgentAnswer): JsonValue {
  return { log: log.map(toBase64Url), certificate: certificate && toBase64Url(certificate), time };
}

/** Throws MALFORMED. */
export function parseAgentAnswer(json: unknown): AgentAnswer {
  const reader = new JsonReader(json, "agent");
  const answer = {
    log: reader.list("log", MAX_LOG_EVENTS, { max: MAX_EVENT_BYTES }),
    certificate: reader.has("certificate") ? reader.bytes("certificate", { max: MAX_CERTIFICATE_BYTES }) : reader.nothing("certificate"),
    time: reader.uint("time"),
  };
  reader.end();
  return answer;
}

/** `POST /v1/agents/{did}/events`: at most 100, in order. */
export interface EventsRequest {
  readonly events: readonly Uint8Array[];
}

export function eventsRequestToJson({ events }: EventsRequest): JsonValue {
  return { events: events.map(toBase64Url) };
}

/** Throws MALFORMED. */
export function parseEventsRequest(json: unknown): EventsRequest {
  const reader = new JsonReader(json, "events");
  const events = reader.list("events", MAX_EVENTS_PER_REQUEST, { max: MAX_EVENT_BYTES });
  if (events.length === 0) throw reader.malformed("events", "empty");
  reader.end();
  return { events };
}

export interface EventsAnswer {
  readonly head: LogHead;
}

export function eventsAnswerToJson({ head }: EventsAnswer): JsonValue {
  return { head: headToJson(head) };
}

/** Throws MALFORMED. */
export function parseEventsAnswer(json: unknown): EventsAnswer {
  const reader = new JsonReader(json, "events answer");
  const head = parseHead(reader.object("head"));
  reader.end();
  return { head };
}

export function headToJson(head: LogHead): JsonValue {
  return { seq: head.seq, hash: toBase64Url(head.hash) };
}

/** Throws MALFORMED. */
export function parseHead(reader: JsonReader): LogHead {
  const head = { seq: reader.uint("seq", MAX_LOG_EVENTS - 1), hash: reader.bytes("hash", { length: 32 }) };
  reader.end();
  return head;
}

/** `PUT /v1/agents/{did}/certificate` */
export interface CertificateRequest {
  readonly certificate: Uint8Array;
}

export function certificateRequestToJson({ certificate }: CertificateRequest): JsonValue {
  return { certificate: toBase64Url(certificate) };
}

/** Throws MALFORMED. */
export function parseCertificateRequest(json: unknown): CertificateRequest {
  const reader = new JsonReader(json, "certificate");
  const certificate = reader.bytes("certificate", { max: MAX_CERTIFICATE_BYTES });
  reader.end();
  return { certificate };
}

/** The pair that is registered now. */
export interface CertificateAnswer {
  readonly seq: number;
  readonly generation: number;
}

export function certificateAnswerToJson({ seq, generation }: CertificateAnswer): JsonValue {
  return { seq, generation };
}

/** Throws MALFORMED. */
export function parseCertificateAnswer(json: unknown): CertificateAnswer {
  const reader = new JsonReader(json, "certificate answer");
  const answer = { seq: reader.uint("seq", MAX_LOG_EVENTS - 1), generation: reader.uint("generation") };
  reader.end();
  return answer;
}
