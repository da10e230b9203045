/**
 * The bodies, parameters and answers as JSON schemas: what comes in is validated by them, and GET /openapi.json is made of
 * them. They bound shapes and lengths; what the bytes mean is read by core. Source: docs/protocol/directory.md.
 */
import { Type, type TSchema } from "typebox";
import { DIRECTORY_ERROR_STATUS } from "@talos/core";

const closed = { additionalProperties: false };

/** Bytes in base64url without padding. */
function bytes(description: string, maxBytes: number, exactly = false): TSchema {
  const maxLength = Math.ceil((maxBytes * 4) / 3);
  return Type.String({ description, pattern: "^[A-Za-z0-9_-]*$", maxLength, ...(exactly && { minLength: maxLength }) });
}

const time: TSchema = Type.Integer({ description: "milliseconds since 1970", minimum: 0 });
const event: TSchema = bytes("a signed identity event", 4096);
const certificate: TSchema = bytes("a signed instance certificate", 4096);
const batch: TSchema = bytes("a signed prekey batch", 4096);
const statement: TSchema = bytes("a prekey statement", 2048);
const prekeyId: TSchema = bytes("8 bytes", 8, true);
const envelopeId: TSchema = bytes("16 bytes", 16, true);
const hash: TSchema = bytes("32 bytes", 32, true);
const head: TSchema = Type.Object({ seq: Type.Integer({ minimum: 0 }), hash }, closed);
const count: TSchema = Type.Integer({ minimum: 0 });

export const didParams: TSchema = Type.Object({ did: Type.String({ description: "an agent's DID", maxLength: 80 }) }, closed);

export const agentQuery: TSchema = Type.Object(
  {
    after: Type.Optional(Type.String({ description: "only events with a higher seq", pattern: "^(0|[1-9][0-9]{0,4})$" })),
    head: Type.Optional(
      Type.String({
        description: "hash of event `after` as the asker has it, base64url; where it is another one here, the whole log is answered",
        pattern: "^[A-Za-z0-9_-]{43}$",
      }),
    ),
  },
  closed,
);
export const fetchQuery: TSchema = Type.Object(
  {
    wait: Type.Optional(Type.String({ description: "seconds to wait for the first item, 0 to 30", pattern: "^(0|[12]?[0-9]|30)$" })),
    limit: Type.Optional(Type.String({ description: "items at most, 1 to 256", pattern: "^([1-9][0-9]?|1[0-9]{2}|2[0-4][0-9]|25[0-6])$" })),
  },
  closed,
);

export const eventsBody: TSchema = Type.Object({ events: Type.Array(event, { minItems: 1, maxItems: 100 }) }, closed);
export const certificateBody: TSchema = Type.Object({ certificate }, closed);
export const prekeysBody: TSchema = Type.Object(
  {
    batch,
    signedPrekey: statement,
    carried: Type.Array(prekeyId, { maxItems: 1000 }),
    added: Type.Array(statement, { maxItems: 1000 }),
  },
  closed,
);
export const claimBody: TSchema = Type.Object({}, closed);
export const acknowledgementsBody: TSchema = Type.Object({ envelopeIds: Type.Array(envelopeId, { maxItems: 256 }) }, closed);

/** Bytes in OpenAPI 3.1: a media type without a schema. */
export const octetBody: object = { content: { "application/octet-stream": { schema: {} } } };
export const cborAnswer: object = { description: "a mailbox page in deterministic CBOR", content: { "application/cbor": { schema: {} } } };

export const statusAnswer: TSchema = Type.Object({ name: Type.Literal("talos-directory"), version: Type.Literal(1), time }, closed);
export const agentAnswer: TSchema = Type.Object(
  { log: Type.Array(event), certificate: Type.Union([certificate, Type.Null()]), time },
  closed,
);
export const eventsAnswer: TSchema = Type.Object({ head }, closed);
export const certificateAnswer: TSchema = Type.Object({ seq: count, generation: Type.Integer({ minimum: 1 }) }, closed);
export const batchAnswer: TSchema = Type.Object({ oneTimePrekeys: count, root: hash }, closed);
export const stockAnswer: TSchema = Type.Object(
  {
    oneTimePrekeys: count,
    root: Type.Union([hash, Type.Null()]),
    to: Type.Union([time, Type.Null()]),
    claimed: Type.Array(prekeyId),
  },
  closed,
);
const placed: TSchema = Type.Object({ statement, index: count, path: Type.Array(hash) }, closed);
export const claimAnswer: TSchema = Type.Object(
  { log: Type.Array(event), certificate, batch, signedPrekey: placed, oneTimePrekey: Type.Union([placed, Type.Null()]) },
  closed,
);
export const depositAnswer: TSchema = Type.Object({ envelopeId, receivedAt: time }, closed);
export const acknowledgementsAnswer: TSchema = Type.Object({ acknowledged: count }, closed);

const errorAnswer: TSchema = Type.Object(
  {
    error: Type.Object(
      {
        code: Type.Unsafe<string>({
          type: "string",
          enum: Object.keys(DIRECTORY_ERROR_STATUS),
          description: Object.entries(DIRECTORY_ERROR_STATUS)
            .map(([code, status]) => `${code}: ${status}`)
            .join(", "),
        }),
        message: Type.String(),
        hint: Type.String(),
        time,
        certificate: Type.Optional(certificate),
        head: Type.Optional(head),
      },
      closed,
    ),
  },
  closed,
);

/** The answers of an endpoint: what it gives, and the errors that all share. */
export function answers(ok: object): Record<string, object> {
  return { 200: ok, "4xx": { ...errorAnswer, description: "refused" }, "5xx": { ...errorAnswer, description: "not possible now" } };
}
