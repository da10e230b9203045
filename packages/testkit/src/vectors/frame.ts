// Vectors of frames, the plaintext of messages.
import { concatBytes, decodeFrame, encodeFrame, fromHex, messageId, toHex, utf8, type Frame } from "@talos/core";
import { bytesOf } from "./cast.ts";
import { toJson, type Json, type Reading, type VectorCase, type VectorSet } from "./format.ts";
import {
  instanceSigner,
  identitySigner,
  baseFrame,
  BODY,
  certificate,
  filler,
  identitySignature,
  instanceSignature,
} from "./message-story.ts";

const ids = [1, 2].map((index) => messageId(bytesOf(`acknowledged ${index}`, 16)));

export const frameVectors: VectorSet = { structure: "frame", specification: "envelope.md, Frame", cases: frameCases, read: readFrame };

function readFrame(wire: Json): Reading {
  const bytes = fromHex(wire as string);
  return { fields: toJson(decodeFrame(bytes)), derived: { paddedBytes: bytes.length } };
}

function frameCases(): VectorCase[] {
  const { contentType: _contentType, body: _body, ...shared } = baseFrame;
  const control = { ...shared, contentType: "", body: new Uint8Array(0) };
  const signed: Frame = { ...baseFrame, signature: { ...instanceSigner, signature: instanceSignature(baseFrame) } };
  const plain = encodeFrame(baseFrame);
  const valid = (name: string, description: string, frame: Frame): VectorCase => {
    const wire = toHex(encodeFrame(frame));
    return { name, description, wire, ...readFrame(wire) };
  };
  const unpadded = plain.subarray(0, 4 + 16 + 8 + 12 + 1 + 10 + 1 + 2 + 4 + BODY.length);
  const raw = (name: string, description: string, bytes: Uint8Array): VectorCase => ({
    name,
    description,
    wire: toHex(bytes),
    ...readFrame(toHex(bytes)),
  });
  const refused = (name: string, description: string, wire: Uint8Array, error = "MALFORMED"): VectorCase => ({
    name,
    description,
    wire: toHex(wire),
    error,
  });
  const set = (index: number, ...values: readonly number[]): Uint8Array => {
    const copy = plain.slice();
    copy.set(values, index);
    return copy;
  };
  const contentTypeAt = 40;
  const acknowledgedAt = contentTypeAt + 1 + 10;
  const extensionsAt = acknowledgedAt + 1;
  const withExtensions = (hex: string): Uint8Array =>
    concatBytes(plain.subarray(0, extensionsAt), fromHex(hex), plain.subarray(extensionsAt + 2));
  return [
    valid("content", "Without signature, acknowledgements or certificate: padded to 256 bytes.", baseFrame),
    valid("content-signed-instance", "Signed by the instance key, with its certificate.", { ...signed, certificate: certificate.wire }),
    valid("content-signed-identity", "Signed by the identity key.", {
      ...baseFrame,
      signature: { ...identitySigner, signature: identitySignature(baseFrame) },
    }),
    valid("content-resent", "Sent again, acknowledging two messages.", { ...baseFrame, resent: true, acknowledged: ids }),
    valid("content-empty", "No body and no content type.", { ...control, type: "content" }),
    valid("content-257", "One byte beyond the smallest frame: padded to 272.", {
      ...baseFrame,
      body: filler("body", 257 - unpadded.length + BODY.length),
    }),
    valid("content-2000", "A longer body.", { ...baseFrame, body: filler("body", 2000) }),
    valid("content-type-127", "The longest content type, with characters of several bytes.", {
      ...baseFrame,
      contentType: "é".repeat(63) + "x",
    }),
    valid("extensions", "With an extension that is unknown and not critical: kept.", {
      ...baseFrame,
      extensions: [{ id: 3, critical: false, value: utf8("later") }],
    }),
    valid("acknowledgement", "A control frame with the most ids.", {
      ...control,
      type: "acknowledgement",
      acknowledged: Array.from({ length: 64 }, (_, index) => messageId(bytesOf(`acknowledged ${index}`, 16))),
    }),
    valid("empty-turn", "A control frame that only turns the ratchet.", { ...control, type: "empty-turn" }),
    valid("empty-turn-signed", "A control frame of a first chain is signed too.", {
      ...control,
      type: "empty-turn",
      signature: { ...instanceSigner, signature: instanceSignature({ ...control, type: "empty-turn" }) },
      certificate: certificate.wire,
    }),
    raw("unpadded", "Without padding: a receiver does not check the length rule.", unpadded),
    refused("version-2", "A later version.", set(0, 2), "UNSUPPORTED_VERSION"),
    refused("type-0", "No such type.", set(1, 0)),
    refused("type-4", "No such type.", set(1, 4)),
    refused("flags-4", "An unknown flag.", set(2, 4)),
    refused("signature-kind-3", "No such kind of signature.", set(3, 3)),
    refused("message-id-zero", "A message id of zeros.", set(4, ...new Uint8Array(16))),
    refused("time-2-53", "A time above 2^53 - 1.", set(20, 0, 0x20)),
    refused("control-with-content", "A control frame with a content type and a body.", set(1, 2)),
    refused("content-type-128", "A content type that is too long.", set(contentTypeAt, 128)),
    refused("content-type-not-utf8", "A content type that is not UTF-8.", set(contentTypeAt + 1, 0xff)),
    refused("acknowledged-65", "More than 64 ids.", set(acknowledgedAt, 65)),
    refused(
      "certificate-missing",
      "A flag without its certificate: what follows is read as one and does not fit.",
      set(2, 2).subarray(0, 60),
    ),
    refused("critical-extension", "A critical extension that is unknown.", withExtensions("00050002010000"), "UNSUPPORTED_EXTENSION"),
    refused("extensions-unordered", "Extensions out of order.", withExtensions("000a00020000000001000000")),
    refused("body-too-large", "A body of more than 10,000,000 bytes, as its length says.", set(extensionsAt + 2, 0, 0x98, 0x96, 0x81)),
    refused("body-truncated", "A body that ends early.", unpadded.subarray(0, unpadded.length - 1)),
    refused("padding-not-zero", "Padding that is not zero.", set(255, 1)),
    refused("empty", "No bytes.", new Uint8Array(0)),
  ];
}
