// Vectors of identity logs.
import { assembleEvent, encodeSigned, fromHex, nodeCrypto, prepareRotation, toHex, verifyLog } from "@talos/core";
import { commitmentTo, inceptionOf, recovered, revoked, rotated, type Branch } from "./branch.ts";
import { castMember, encryptionKeyOf, signAll, signerOf, STORY_START, type Signer } from "./cast.ts";
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
  const { agentId, head, identityKey, encryptionKey, revoked: end } = log;
  return { fields: toJson({ agentId, head, identityKey, encryptionKey, revoked: end }) };
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
    { name: "with-rotation", description: "A planned rotation.", context: expected, ...readable([inception, next], expected) },
    refused("with-forged-rotation", "A rotation with a signature by another key.", [inception, otherSignature], "SIGNATURE_INVALID"),
    ...acceptedLogs(),
    ...refusedLogs(),
  ];
}

function readable(events: readonly Uint8Array[], context: Json = null): Pick<VectorCase, "wire" | "fields"> {
  const wire = events.map(toHex);
  return { wire, ...readLog(wire, context) };
}

const start = inceptionOf("alice");
const kitless = inceptionOf("dora", { kit: false });
const kit = commitmentTo(start.recovery as Signer);
const stranger = signerOf("mallory identity");
const one = rotated(start, "alice first");
const saved = recovered(one, "alice saved");

function acceptedLogs(): VectorCase[] {
  const accepted = (name: string, description: string, { wires }: Branch): VectorCase => ({ name, description, ...readable(wires) });
  const token = es256SignerOf("alice token");
  const toToken = rotated({ ...rotated(start, "one", { next: { online: commitmentTo(token), recovery: kit } }), next: token }, "two");
  return [
    accepted("two-rotations", "One planned, one for a loss.", rotated(one, "alice second", { reason: "lost" })),
    accepted(
      "kit-added",
      "An online rotation that adds a recovery commitment.",
      rotated(kitless, "dora kit", { kit: signerOf("dora recovery") }),
    ),
    accepted("recovery", "The recovery key replaces everything.", saved),
    accepted("recovery-planned", "As planned: the outgoing key signs as well.", recovered(one, "alice moved", { reason: "planned" })),
    accepted(
      "recovery-twice",
      "Each recovery event reveals the key that the one before committed to.",
      recovered(rotated(saved, "alice third"), "alice again"),
    ),
    accepted("algorithms", "To an ES256 key and back.", rotated(toToken, "three")),
    accepted("revoked-online", "Ended by the online key: the keys are those of before.", revoked(one, "online")),
    accepted("revoked-recovery", "Ended by the recovery key.", revoked(saved, "recovery", { reason: "compromise" })),
  ];
}

function refusedLogs(): VectorCase[] {
  const refused = (name: string, description: string, { wires }: Pick<Branch, "wires">, error = "LOG_INVALID"): VectorCase => ({
    name,
    description,
    wire: wires.map(toHex),
    error,
  });
  const online = commitmentTo(signerOf("alice fresh"));
  const fresh = commitmentTo(signerOf("alice fresh recovery"));
  const end = revoked(start, "online");
  const forgedInTheMiddle = rotated(rotated(start, "alice first", { signers: { 1: stranger } }), "alice second");
  return [
    refused("seq-skipped", "A seq that is two more.", rotated(start, "alice first", { seq: 2 })),
    refused("seq-repeated", "The same event twice.", { wires: [...one.wires, one.wires[1] as Uint8Array] }),
    refused("previous-of-another", "The hash of another event.", rotated(one, "alice second", { previous: start.head.hash })),
    refused("recovery-in-the-middle", "A recovery event that names an event before the last one: it cuts off, it is not appended.", {
      wires: [...one.wires, recovered(start, "alice saved").wires[1] as Uint8Array],
    }),
    refused(
      "live-key-rotates",
      "Signed by the identity key in force, not the one committed to.",
      rotated({ ...start, next: start.identity }, "alice first"),
    ),
    refused("stranger-rotates", "A key that nobody committed to.", rotated({ ...start, next: stranger }, "alice first")),
    refused(
      "recovery-key-online",
      "The recovery key under the online authority.",
      rotated({ ...start, next: start.recovery as Signer }, "alice first"),
    ),
    refused(
      "online-key-as-recovery",
      "The online key under the recovery authority.",
      recovered({ ...start, recovery: start.next }, "alice saved"),
    ),
    refused("recovery-key-spent", "A recovery key a second time.", recovered({ ...saved, recovery: start.recovery }, "alice again")),
    refused("recovery-without-kit", "No recovery key was committed to.", recovered({ ...kitless, recovery: stranger }, "dora saved")),
    refused("kit-removed", "An online rotation without the recovery commitment.", rotated(start, "alice first", { next: { online } })),
    refused(
      "kit-replaced",
      "An online rotation with another recovery commitment.",
      rotated(start, "alice first", { next: { online, recovery: fresh } }),
    ),
    refused(
      "recovery-commits-to-none",
      "A recovery event without a next recovery key.",
      recovered(start, "alice saved", { next: { online } }),
    ),
    refused(
      "recovery-keeps-recovery",
      "A recovery event that commits to the revealed key.",
      recovered(start, "alice saved", { next: { online, recovery: kit } }),
    ),
    refused(
      "recovery-keeps-online",
      "A recovery event that leaves the online key waiting.",
      recovered(start, "alice saved", { next: { online: commitmentTo(start.next), recovery: fresh } }),
    ),
    refused(
      "recovery-to-waiting-key",
      "A recovery event that installs the online key that was waiting.",
      recovered(start, "alice saved", { identityKey: start.next.key, signers: { 1: start.next } }),
    ),
    refused(
      "recovery-to-old-key",
      "A recovery event that installs the identity key of before.",
      recovered(start, "alice saved", { identityKey: start.identity.key, signers: { 1: start.identity } }),
    ),
    refused(
      "next-is-revealed",
      "A rotation that commits to the key that it reveals.",
      rotated(start, "alice first", { next: { online: commitmentTo(start.next), recovery: kit } }),
    ),
    refused(
      "next-was-in-force",
      "A rotation that commits to the key before.",
      rotated(start, "alice first", { next: { online: commitmentTo(start.identity), recovery: kit } }),
    ),
    refused("next-is-recovery", "One key for both authorities.", rotated(start, "alice first", { next: { online: kit, recovery: kit } })),
    refused(
      "encryption-key-again",
      "The encryption key of before.",
      rotated(start, "alice first", { encryptionKey: encryptionKeyOf("alice encryption") }),
    ),
    refused(
      "inception-commits-to-itself",
      "An inception whose next key is its own.",
      inceptionOf("eve", { next: { online: commitmentTo(signerOf("eve identity")) } }),
    ),
    refused("after-revocation-online", "A rotation after a revocation.", rotated(end, "alice first")),
    refused(
      "after-revocation-recovery",
      "A recovery event after a revocation: it would have to name the event before.",
      recovered(end, "alice saved"),
    ),
    refused("revoked-twice", "A revocation after a revocation.", revoked(end, "recovery")),
    refused(
      "continuity-by-stranger",
      "A planned rotation whose outgoing signature is another's.",
      rotated(start, "alice first", { signers: { 3: stranger } }),
      "SIGNATURE_INVALID",
    ),
    refused(
      "continuity-by-older-key",
      "A planned rotation with the continuity proof of the key before the last.",
      rotated({ ...one, identity: start.identity }, "alice second"),
      "SIGNATURE_INVALID",
    ),
    refused("forged-in-the-middle", "A valid event after a forged one.", forgedInTheMiddle, "SIGNATURE_INVALID"),
  ];
}
