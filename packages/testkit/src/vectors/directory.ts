// Vectors of the directory's interface: bodies, errors, mailbox pages.
import {
  acknowledgementsAnswerToJson,
  acknowledgementsRequestToJson,
  agentAnswerToJson,
  bundleToJson,
  certificateAnswerToJson,
  certificateRequestToJson,
  decodeMailboxPage,
  depositAnswerToJson,
  DIRECTORY_ERROR_STATUS,
  encodeCbor,
  encodeMailboxPage,
  envelopeId,
  errorBodyToJson,
  eventsAnswerToJson,
  eventsRequestToJson,
  fromHex,
  nodeCrypto,
  parseAcknowledgementsAnswer,
  parseAcknowledgementsRequest,
  parseAgentAnswer,
  parseBundle,
  parseCertificateAnswer,
  parseCertificateRequest,
  parseClaimRequest,
  parseDepositAnswer,
  parseErrorBody,
  parseEventsAnswer,
  parseEventsRequest,
  parsePrekeysAnswer,
  parsePrekeysRequest,
  parsePrekeyStock,
  parseStatusAnswer,
  prekeysAnswerToJson,
  prekeysRequestToJson,
  prekeyStockToJson,
  statusAnswerToJson,
  toHex,
  utf8,
  type CborValue,
  type MailboxItem,
  type UnverifiedBundle,
} from "@talos/core";
import { withFields } from "./breakage.ts";
import { batchOf, bytesOf, castMember, certificateOf, STORY_START } from "./cast.ts";
import { field, toJson, type Json, type Reading, type VectorCase, type VectorSet } from "./format.ts";

const alice = castMember("alice");
const bob = castMember("bob");

const PARSERS: Readonly<Record<string, (json: unknown) => unknown>> = {
  "status answer": parseStatusAnswer,
  "agent answer": parseAgentAnswer,
  "events request": parseEventsRequest,
  "events answer": parseEventsAnswer,
  "certificate request": parseCertificateRequest,
  "certificate answer": parseCertificateAnswer,
  "prekeys request": parsePrekeysRequest,
  "prekeys answer": parsePrekeysAnswer,
  "prekey stock": parsePrekeyStock,
  "claim request": (json) => {
    parseClaimRequest(json);
    return {};
  },
  "claim answer": parseBundle,
  "deposit answer": parseDepositAnswer,
  "acknowledgements request": parseAcknowledgementsRequest,
  "acknowledgements answer": parseAcknowledgementsAnswer,
};

export const bodyVectors: VectorSet = {
  structure: "directory-body",
  specification: "directory.md, Endpoints",
  cases: bodyCases,
  read: readBody,
};

function readBody(wire: Json, context: Json): Reading {
  const parse = PARSERS[field(context, "body") as string] as (json: unknown) => unknown;
  return { fields: toJson(parse(wire)) };
}

function bodyCases(): VectorCase[] {
  const log = alice.log.events;
  const certificate = certificateOf(alice).wire;
  const { head } = alice.log;
  const { batch, tree } = batchOf(bob, 3);
  const statements = tree.ordered.map((statement, index) => ({ statement, placed: tree.place(index) }));
  const signedPrekey = statements.filter(({ statement }) => statement.kind === "signed-prekey").map(({ placed }) => placed);
  const oneTime = statements.filter(({ statement }) => statement.kind === "one-time-prekey");
  const bundle: UnverifiedBundle = {
    log: bob.log.events,
    certificate: certificateOf(bob).wire,
    batch: batch.wire,
    signedPrekey: signedPrekey[0] as UnverifiedBundle["signedPrekey"],
  };
  const carried = oneTime.slice(0, 2).map(({ statement }) => statement.id);
  const added = oneTime.slice(2).map(({ statement }) => statement.wire);
  const root = batch.root;
  const id = envelopeId(utf8("an envelope"), nodeCrypto);
  const prekeys = { batch: batch.wire, signedPrekey: bundle.signedPrekey.statement, carried, added };

  const valid = (name: string, body: string, wire: Json): VectorCase => ({
    name,
    description: `A ${body}.`,
    context: { body },
    wire,
    ...readBody(wire, { body }),
  });
  const refused = (name: string, description: string, body: string, wire: Json): VectorCase => ({
    name,
    description,
    context: { body },
    wire,
    error: "MALFORMED",
  });
  const json = (value: unknown): Record<string, Json> => value as Record<string, Json>;
  const agent = json(agentAnswerToJson({ log, certificate, time: STORY_START }));
  const claim = json(bundleToJson({ ...bundle, oneTimePrekey: (oneTime[0] as { placed: UnverifiedBundle["signedPrekey"] }).placed }));
  const deposit = json(depositAnswerToJson({ envelopeId: id, receivedAt: STORY_START }));
  return [
    valid("status", "status answer", json(statusAnswerToJson({ time: STORY_START }))),
    valid("agent", "agent answer", agent),
    valid("agent-without-certificate", "agent answer", json(agentAnswerToJson({ log: [], certificate: null, time: STORY_START }))),
    valid("events", "events request", json(eventsRequestToJson({ events: log }))),
    valid("events-answer", "events answer", json(eventsAnswerToJson({ head }))),
    valid("certificate", "certificate request", json(certificateRequestToJson({ certificate }))),
    valid("certificate-answer", "certificate answer", json(certificateAnswerToJson({ seq: 0, generation: 3 }))),
    valid("prekeys", "prekeys request", json(prekeysRequestToJson(prekeys))),
    valid("prekeys-answer", "prekeys answer", json(prekeysAnswerToJson({ oneTimePrekeys: 3, root }))),
    valid("prekey-stock", "prekey stock", json(prekeyStockToJson({ oneTimePrekeys: 1, root, to: batch.to, claimed: carried }))),
    valid("prekey-stock-empty", "prekey stock", json(prekeyStockToJson({ oneTimePrekeys: 0, root: null, to: null, claimed: [] }))),
    valid("claim", "claim request", {}),
    valid("claim-answer", "claim answer", claim),
    valid("claim-answer-no-one-time-prekey", "claim answer", json(bundleToJson(bundle))),
    valid("deposit-answer", "deposit answer", deposit),
    valid("acknowledgements", "acknowledgements request", json(acknowledgementsRequestToJson({ envelopeIds: [id] }))),
    valid("acknowledgements-answer", "acknowledgements answer", json(acknowledgementsAnswerToJson({ acknowledged: 1 }))),
    refused("status-other-name", "Not a directory of this kind.", "status answer", { name: "other", version: 1, time: 0 }),
    refused("status-version-2", "A later version.", "status answer", { name: "talos-directory", version: 2, time: 0 }),
    refused("agent-unknown-field", "A field that is not specified.", "agent answer", { ...agent, extra: 1 }),
    refused("agent-field-missing", "Without the certificate's field: null and absent are not the same.", "agent answer", {
      log: [],
      time: 0,
    }),
    refused("agent-event-too-large", "An event of more than 4,096 bytes.", "agent answer", {
      log: ["A".repeat(5464)],
      certificate: null,
      time: 0,
    }),
    refused("agent-time-fraction", "A time that is not whole.", "agent answer", { ...agent, time: 0.5 }),
    refused("agent-time-negative", "A time before 1970.", "agent answer", { ...agent, time: -1 }),
    refused("agent-time-text", "A time as text.", "agent answer", { ...agent, time: "0" }),
    refused("agent-not-an-object", "A list.", "agent answer", []),
    refused("events-empty", "No event.", "events request", { events: [] }),
    refused("events-101", "More than 100 events.", "events request", { events: Array.from({ length: 101 }, () => "") }),
    refused("events-null", "Null for an event.", "events request", { events: [null] }),
    refused("certificate-padded", "Base64url with padding.", "certificate request", { certificate: "AA==" }),
    refused("certificate-not-canonical", "Base64url with bits that say nothing.", "certificate request", { certificate: "AB" }),
    refused("certificate-other-alphabet", "Base64 of the other alphabet.", "certificate request", { certificate: "++++" }),
    refused("prekeys-carried-short", "A carried id of 7 bytes.", "prekeys request", {
      ...json(prekeysRequestToJson(prekeys)),
      carried: ["AAAAAAAAAA"],
    }),
    refused("claim-with-field", "A claim request with a field.", "claim request", { count: 2 }),
    refused("claim-answer-path-string", "A path that is not a list.", "claim answer", {
      ...claim,
      signedPrekey: { ...json(claim["signedPrekey"]), path: "" },
    }),
    refused("claim-answer-index-1001", "An index that no batch has.", "claim answer", {
      ...claim,
      signedPrekey: { ...json(claim["signedPrekey"]), index: 1001 },
    }),
    refused("claim-answer-unknown-field", "A field inside that is not specified.", "claim answer", {
      ...claim,
      signedPrekey: { ...json(claim["signedPrekey"]), extra: null },
    }),
    refused("deposit-answer-id-short", "An envelope id of 15 bytes.", "deposit answer", { ...deposit, envelopeId: "AAAAAAAAAAAAAAAAAAAA" }),
    refused("acknowledgements-257", "More than 256 ids.", "acknowledgements request", {
      envelopeIds: Array.from({ length: 257 }, () => "AAAAAAAAAAAAAAAAAAAAAA"),
    }),
  ];
}

export const errorVectors: VectorSet = {
  structure: "directory-error",
  specification: "directory.md, Errors",
  cases: errorCases,
  read: readError,
};

function readError(wire: Json): Reading {
  const body = parseErrorBody(wire);
  const status = (DIRECTORY_ERROR_STATUS as Readonly<Record<string, number>>)[body.code];
  return { fields: toJson(body), ...(status !== undefined && { derived: { status } }) };
}

function errorCases(): VectorCase[] {
  const base = { message: "One sentence.", hint: "Another sentence.", time: STORY_START };
  const wireOf = (code: string, extra: Partial<Parameters<typeof errorBodyToJson>[0]> = {}): Json =>
    errorBodyToJson({ code, ...base, ...extra });
  const valid = (name: string, description: string, wire: Json): VectorCase => ({ name, description, wire, ...readError(wire) });
  const refused = (name: string, description: string, wire: Json): VectorCase => ({ name, description, wire, error: "MALFORMED" });
  const inner = field(wireOf("MALFORMED"), "error") as Record<string, Json>;
  const { time: _time, ...withoutTime } = inner;
  return [
    ...Object.keys(DIRECTORY_ERROR_STATUS).map((code) =>
      valid(code.toLowerCase().replaceAll("_", "-"), `The code ${code} and its HTTP status.`, wireOf(code)),
    ),
    valid(
      "superseded-with-certificate",
      "With the registered certificate.",
      wireOf("INSTANCE_SUPERSEDED", { certificate: certificateOf(alice, { generation: 2 }).wire }),
    ),
    valid("moved-with-head", "With the head of the log.", wireOf("IDENTITY_MOVED", { head: alice.log.head })),
    valid("later-code", "A code of a later release has no status here.", wireOf("SOMETHING_LATER")),
    refused("code-lower-case", "Not a code.", { error: { ...inner, code: "malformed" } }),
    refused("time-missing", "Without the server's clock.", { error: withoutTime }),
    refused("unknown-field", "A field that is not specified, such as a cause.", { error: { ...inner, cause: "stack" } }),
    refused("unknown-field-outside", "A field beside the error.", { error: inner, extra: 1 }),
    refused("head-short", "A head whose hash has 31 bytes.", { error: { ...inner, head: { seq: 0, hash: "A".repeat(42) } } }),
    refused("message-too-long", "A message of more than 1,000 bytes.", { error: { ...inner, message: "x".repeat(1001) } }),
    refused("not-an-object", "Text.", "error"),
  ];
}

export const pageVectors: VectorSet = {
  structure: "mailbox-page",
  specification: "directory.md, Mailbox page",
  cases: pageCases,
  read: readPage,
};

function readPage(wire: Json): Reading {
  return { fields: toJson(decodeMailboxPage(fromHex(wire as string))) };
}

function pageCases(): VectorCase[] {
  const itemOf = (kind: MailboxItem["kind"], name: string, item: Uint8Array = utf8(name)): MailboxItem => ({
    envelopeId: envelopeId(item, nodeCrypto),
    kind,
    depositor: alice.log.agentId,
    receivedAt: STORY_START,
    item,
  });
  const items = [itemOf("message", "an envelope"), itemOf("event", "", alice.log.events[0]), itemOf("notice", "a notice")];
  const page = encodeMailboxPage({ items, more: true });
  const valid = (name: string, description: string, wire: Uint8Array): VectorCase => ({
    name,
    description,
    wire: toHex(wire),
    ...readPage(toHex(wire)),
  });
  const refused = (name: string, description: string, wire: Uint8Array, error = "MALFORMED"): VectorCase => ({
    name,
    description,
    wire: toHex(wire),
    error,
  });
  const one: CborValue[] = [bytesOf("envelope id", 16), 1, alice.log.agentId, STORY_START, utf8("an envelope")];
  const withItem = (...item: readonly CborValue[]): Uint8Array => withFields(page, { 1: [item] });
  return [
    valid("three-kinds", "A message, an event and a notice; there is more.", page),
    valid("empty", "Nothing in the mailbox.", encodeMailboxPage({ items: [], more: false })),
    refused("version-2", "A later version.", withFields(page, { 0: 2 }), "UNSUPPORTED_VERSION"),
    refused("unknown-field", "A field that the page does not have.", withFields(page, { 3: 0 })),
    refused("more-missing", "Without the field that says whether there is more.", withFields(page, { 2: undefined })),
    refused("more-number", "A number in its place.", withFields(page, { 2: 0 })),
    refused("kind-0", "No such kind.", withItem(...one.with(1, 0))),
    refused("kind-4", "No such kind.", withItem(...one.with(1, 4))),
    refused("envelope-id-short", "An envelope id of 15 bytes.", withItem(...one.with(0, new Uint8Array(15)))),
    refused("depositor-short", "A depositor of 31 bytes.", withItem(...one.with(2, new Uint8Array(31)))),
    refused("item-four-parts", "An item without its bytes.", withItem(...one.slice(0, 4))),
    refused("item-six-parts", "An item with something more.", withItem(...one, 0)),
    refused("items-257", "More than 256 items.", withFields(page, { 1: Array.from({ length: 257 }, () => one) })),
    refused("trailing-byte", "A byte after the end.", Uint8Array.of(...page, 0)),
    refused("not-a-map", "A list.", encodeCbor([1, [], false])),
  ];
}
