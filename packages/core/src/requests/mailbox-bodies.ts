// Bodies of the directory's interface about mailboxes: JSON answers, and the page of items in CBOR. Verifies nothing.
// Must not know HTTP. Source: docs/protocol/directory.md, "Endpoints", "Mailbox page".
import { toBase64Url } from "../bytes/base64url.ts";
import { encodeCbor } from "../codec/cbor.ts";
import { readCborMap, type ArrayReader } from "../codec/readers.ts";
import { talosError } from "../errors/talos-error.ts";
import {
  ENVELOPE_ID_BYTES,
  ENVELOPE_KIND_CODES,
  envelopeIdFrom,
  MAX_ENVELOPE_BYTES,
  type EnvelopeId,
  type EnvelopeKind,
} from "../envelope/envelope.ts";
import { agentId, type AgentId } from "../keys/agent-id.ts";
import { JsonReader, type JsonValue } from "./json-reader.ts";

export const MAX_PAGE_ITEMS = 256;
export const DEFAULT_PAGE_ITEMS = 64;
export const MAX_PAGE_BYTES = 16_000_000;
export const MAX_WAIT_SECONDS = 30;
export const MAX_ACKNOWLEDGEMENTS = 256;
const KINDS: readonly EnvelopeKind[] = ["message", "event", "notice"];

/** `POST /v1/mailboxes/{did}/{kind}` */
export interface DepositAnswer {
  readonly envelopeId: EnvelopeId;
  readonly receivedAt: number;
}

export function depositAnswerToJson({ envelopeId, receivedAt }: DepositAnswer): JsonValue {
  return { envelopeId: toBase64Url(envelopeId), receivedAt };
}

/** Throws MALFORMED. */
export function parseDepositAnswer(json: unknown): DepositAnswer {
  const reader = new JsonReader(json, "deposit answer");
  const answer = {
    envelopeId: envelopeIdFrom(reader.bytes("envelopeId", { length: ENVELOPE_ID_BYTES })),
    receivedAt: reader.uint("receivedAt"),
  };
  reader.end();
  return answer;
}

/** `POST /v1/mailboxes/{did}/acknowledgements` */
export interface AcknowledgementsRequest {
  /** At most 256. */
  readonly envelopeIds: readonly EnvelopeId[];
}

export function acknowledgementsRequestToJson({ envelopeIds }: AcknowledgementsRequest): JsonValue {
  return { envelopeIds: envelopeIds.map(toBase64Url) };
}

/** Throws MALFORMED. */
export function parseAcknowledgementsRequest(json: unknown): AcknowledgementsRequest {
  const reader = new JsonReader(json, "acknowledgements");
  const envelopeIds = reader.list("envelopeIds", MAX_ACKNOWLEDGEMENTS, { length: ENVELOPE_ID_BYTES }).map(envelopeIdFrom);
  reader.end();
  return { envelopeIds };
}

export interface AcknowledgementsAnswer {
  readonly acknowledged: number;
}

export function acknowledgementsAnswerToJson({ acknowledged }: AcknowledgementsAnswer): JsonValue {
  return { acknowledged };
}

/** Throws MALFORMED. */
export function parseAcknowledgementsAnswer(json: unknown): AcknowledgementsAnswer {
  const reader = new JsonReader(json, "acknowledgements answer");
  const acknowledged = reader.uint("acknowledged", MAX_ACKNOWLEDGEMENTS);
  reader.end();
  return { acknowledged };
}

export interface MailboxItem {
  readonly envelopeId: EnvelopeId;
  readonly kind: EnvelopeKind;
  /** Who the directory says deposited it: a hint, what counts is inside. */
  readonly depositor: AgentId;
  readonly receivedAt: number;
  readonly item: Uint8Array;
}

/** `GET /v1/mailboxes/{did}`, oldest first. */
export interface MailboxPage {
  readonly items: readonly MailboxItem[];
  readonly more: boolean;
}

export function encodeMailboxPage({ items, more }: MailboxPage): Uint8Array {
  const entries = items.map(({ envelopeId, kind, depositor, receivedAt, item }) => [
    envelopeId,
    ENVELOPE_KIND_CODES[kind],
    depositor,
    receivedAt,
    item,
  ]);
  return encodeCbor(
    new Map<number, number | boolean | typeof entries>([
      [0, 1],
      [1, entries],
      [2, more],
    ]),
  );
}

/** Throws MALFORMED, UNSUPPORTED_VERSION. That an id is the hash of its item is the receiver's to check. */
export function decodeMailboxPage(bytes: Uint8Array): MailboxPage {
  const reader = readCborMap(bytes, "mailbox page", { maxBytes: MAX_PAGE_BYTES + MAX_ENVELOPE_BYTES });
  if (reader.uint(0) !== 1) throw talosError("UNSUPPORTED_VERSION", undefined, { details: { structure: "mailbox page" } });
  const list = reader.array(1, { max: MAX_PAGE_ITEMS });
  const items: MailboxItem[] = [];
  while (list.remaining > 0) items.push(readItem(list.array({ length: 5 })));
  const more = reader.bool(2);
  reader.end();
  return { items, more };
}

function readItem(item: ArrayReader): MailboxItem {
  return {
    envelopeId: envelopeIdFrom(item.bytes({ length: ENVELOPE_ID_BYTES })),
    kind: KINDS[item.uint({ min: 1, max: KINDS.length }) - 1] as EnvelopeKind,
    depositor: agentId(item.bytes({ length: 32 })),
    receivedAt: item.uint(),
    item: item.bytes({ max: MAX_ENVELOPE_BYTES }),
  };
}
