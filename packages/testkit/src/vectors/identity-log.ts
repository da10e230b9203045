// Vectors of identity logs.
import { assembleEvent, encodeSigned, fromHex, nodeCrypto, prepareRotation, toHex, verifyLog } from "@talos/core";
import { castMember, signAll, STORY_START } from "./cast.ts";
import { es256SignerOf } from "./es256.ts";
import { field, toJson, type Json, type Reading, type VectorCase, type VectorSet } from "./format.ts";
import { rotation } from "./identity-event.ts";

const alice = castMember("alice");
const bob = castMember("bob");

export const logVectors: VectorSet = { structure: "identity-log", specification: "identity.md", cases: logCases, read: readLog };

function readLog(wire: Json, context: Json): Reading {
  const events = (wire as readonly string[]).map(fromHex);
  const expected = field(context ?? {}, "expected");
  const { log } = verifyLog(
    undefined,
    events,
    STORY_START,
    nodeCrypto,
    expected === null ? undefined : (fromHex(expected as string) as typeof alice.log.agentId),
  );
  return { fields: toJson({ agentId: log.agentId, head: log.head, identityKey: log.identityKey, encryptionKey: log.encryptionKey }) };
}

function logCases(): VectorCase[] {
  const inception = alice.log.events[0] as Uint8Array;
  const planned = prepareRotation(rotation);
  const next = assembleEvent(
    planned.body,
    signAll(planned, { 1: alice.next, 2: alice.next, 3: alice.identity }),
    nodeCrypto,
    alice.log.identityKey,
  );
  const expected = { expected: toHex(alice.log.agentId) };
  const wire = [toHex(inception)];
  const es256 = castMember("carol", es256SignerOf("carol identity"));
  const refused = (name: string, description: string, events: readonly Uint8Array[], error: string): VectorCase => ({
    name,
    description,
    context: expected,
    wire: events.map(toHex),
    error,
  });
  const otherSignature = encodeSigned(planned.body, signAll(planned, { 1: bob.identity, 2: alice.next, 3: alice.identity }));
  return [
    { name: "inception", description: "A log of one event.", context: expected, wire, ...readLog(wire, expected) },
    {
      name: "inception-es256",
      description: "A log of an agent with an ES256 key.",
      wire: es256.log.events.map(toHex),
      ...readLog(es256.log.events.map(toHex), null),
    },
    refused("other-agent", "The inception does not hash to the expected agent id.", bob.log.events, "LOG_INVALID"),
    refused("empty", "No event.", [], "LOG_INVALID"),
    refused("starts-with-rotation", "The first event is not an inception.", [next], "LOG_INVALID"),
    refused("two-inceptions", "A second inception.", [inception, inception], "LOG_INVALID"),
    refused("with-rotation", "A valid rotation: this release does not accept it.", [inception, next], "LOG_NOT_SUPPORTED"),
    refused("with-forged-rotation", "A rotation with a signature by another key.", [inception, otherSignature], "SIGNATURE_INVALID"),
  ];
}
