// Vectors of notices.
import { encodeSigned, envelopeId, fromHex, LABELS, nodeCrypto, prepareNotice, signedBytes, toHex, utf8, verifyNotice } from "@talos/core";
import { brokenStructures, extension, withFields, withFlippedBit } from "./breakage.ts";
import { certificateOf, HOUR, STORY_START } from "./cast.ts";
import { logContext, logOf } from "./certificate.ts";
import { toJson, type Json, type Reading, type VectorCase, type VectorSet } from "./format.ts";
import { alice, bob, certificate } from "./message-story.ts";

export const noticeVectors: VectorSet = { structure: "notice", specification: "envelope.md, Notice", cases: noticeCases, read: readNotice };

function readNotice(wire: Json, context: Json): Reading {
  const { certificate: verified, ...fields } = verifyNotice(logOf(context), fromHex(wire as string), nodeCrypto);
  return {
    fields: toJson({ ...fields, certificate: verified.wire }),
    derived: { envelopeId: toHex(envelopeId(fromHex(wire as string), nodeCrypto)) },
  };
}

function noticeCases(): VectorCase[] {
  const context = logContext(bob);
  const bobs = certificateOf(bob);
  const about = envelopeId(utf8("an envelope"), nodeCrypto);
  const input = {
    certificate: bobs.wire,
    recipient: alice.log.agentId,
    envelopeId: about,
    reason: "session-unknown",
    time: STORY_START + HOUR,
  } as const;
  const signed = (body: Uint8Array, signer = bob.instance): Uint8Array =>
    encodeSigned(body, [{ role: 1, algorithm: 1, signature: signer.sign(signedBytes(LABELS.signNotice, 1, body)) }]);
  const { body } = prepareNotice(input);
  const valid = (name: string, description: string, wire: Uint8Array): VectorCase => ({
    name,
    description,
    context,
    wire: toHex(wire),
    ...readNotice(toHex(wire), context),
  });
  const refused = (name: string, description: string, wire: Uint8Array, error: string): VectorCase => ({
    name,
    description,
    context,
    wire: toHex(wire),
    error,
  });
  const changed = (name: string, description: string, changes: Parameters<typeof withFields>[1], error = "MALFORMED"): VectorCase =>
    refused(name, description, signed(withFields(body, changes)), error);
  return [
    valid("session-unknown", "From bob to alice.", signed(body)),
    valid("prekey-gone", "Because the prekey is gone.", signed(prepareNotice({ ...input, reason: "prekey-gone" }).body)),
    valid("unspecified", "Without a reason.", signed(prepareNotice({ ...input, reason: "unspecified" }).body)),
    valid(
      "extensions",
      "With an extension that is unknown and not critical: kept.",
      signed(withFields(body, { 99: [extension(1, false)] })),
    ),
    ...brokenStructures(body).map((broken) => refused(broken.name, broken.description, signed(broken.body), broken.error)),
    changed("type-2", "No such notice.", { 2: 2 }),
    changed("reason-3", "No such reason.", { 6: 3 }),
    changed("envelope-id-short", "An envelope id of 15 bytes.", { 5: new Uint8Array(15) }),
    changed("certificate-not-one", "Something else than a certificate.", { 3: utf8("certificate") }),
    changed("certificate-forged", "A certificate with a changed signature.", { 3: withFlippedBit(bobs.wire, -1) }, "SIGNATURE_INVALID"),
    changed("certificate-of-another", "A certificate of another agent.", { 3: certificate.wire }, "CERTIFICATE_INVALID"),
    refused("signed-by-identity-key", "Signed by the identity key.", signed(body, bob.identity), "SIGNATURE_INVALID"),
    refused("signed-by-another", "Signed by another agent's instance key.", signed(body, alice.instance), "SIGNATURE_INVALID"),
    refused("signature-changed", "One bit of the signature is changed.", withFlippedBit(signed(body), -1), "SIGNATURE_INVALID"),
    refused(
      "too-large",
      "More than 8,192 bytes.",
      signed(
        withFields(body, {
          99: [
            [1, false, new Uint8Array(4096)],
            [2, false, new Uint8Array(4096)],
          ],
        }),
      ),
      "MALFORMED",
    ),
  ];
}
