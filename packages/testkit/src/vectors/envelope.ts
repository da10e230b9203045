// Vectors of envelopes: their headers inside are fillers of the right length.
import {
  concatBytes,
  decodeEnvelope,
  encodeEnvelopeHeader,
  envelopeId,
  fromHex,
  messageAssociatedData,
  nodeCrypto,
  toHex,
  utf8,
  type EnvelopeHeader,
} from "@talos/core";
import { bytesOf } from "./cast.ts";
import { toJson, type Json, type Reading, type VectorCase, type VectorSet } from "./format.ts";
import { filler, transcriptHash } from "./message-story.ts";

function ratchetHeader(kemFlags: number): Uint8Array {
  const parts = [bytesOf("ratchet key", 32), Uint8Array.of(kemFlags)];
  if ((kemFlags & 1) !== 0) parts.push(filler("encapsulation key", 1184));
  if ((kemFlags & 2) !== 0) parts.push(filler("kem ciphertext", 1088));
  return concatBytes(...parts, fromHex("0000000500000007000000000000000000000001"));
}

export const envelopeVectors: VectorSet = {
  structure: "envelope",
  specification: "envelope.md, Envelope",
  cases: envelopeCases,
  read: readEnvelope,
};

function readEnvelope(wire: Json): Reading {
  const bytes = fromHex(wire as string);
  const { clear, ...fields } = decodeEnvelope(bytes);
  const associatedData = messageAssociatedData(transcriptHash, clear);
  return {
    fields: toJson(fields),
    derived: toJson({
      envelopeId: envelopeId(bytes, nodeCrypto),
      clearBytes: clear.length,
      transcriptHash,
      associatedDataHash: nodeCrypto.sha256(associatedData),
    }),
  };
}

function envelopeCases(): VectorCase[] {
  const common = { extensions: [], nonce: bytesOf("nonce", 12) };
  const message = { type: "message", sessionId: bytesOf("session id", 16), ...common } as const;
  const handshakeHeader = filler("handshake header", 1275);
  const ciphertext = filler("ciphertext", 272);
  const build = (header: EnvelopeHeader): Uint8Array => concatBytes(encodeEnvelopeHeader(header), ciphertext);
  const valid = (name: string, description: string, wire: Uint8Array): VectorCase => ({
    name,
    description,
    wire: toHex(wire),
    ...readEnvelope(toHex(wire)),
  });
  const refused = (name: string, description: string, wire: Uint8Array, error = "MALFORMED"): VectorCase => ({
    name,
    description,
    wire: toHex(wire),
    error,
  });
  const plain = build({ ...message, ratchetHeader: ratchetHeader(0) });
  const set = (index: number, value: number): Uint8Array => {
    const copy = plain.slice();
    copy[index] = value;
    return copy;
  };
  const extensionsAt = 4 + 16 + 53;
  const withExtensions = (hex: string): Uint8Array =>
    concatBytes(plain.subarray(0, extensionsAt), fromHex(hex), plain.subarray(extensionsAt + 2));
  const kept = [
    { id: 1, critical: false, value: utf8("later") },
    { id: 65535, critical: false, value: new Uint8Array(0) },
  ];
  return [
    valid("message", "Of a session.", plain),
    valid("message-kem-key", "With a KEM encapsulation key in the ratchet header.", build({ ...message, ratchetHeader: ratchetHeader(1) })),
    valid("message-kem-ciphertext", "With a KEM ciphertext in the ratchet header.", build({ ...message, ratchetHeader: ratchetHeader(2) })),
    valid("message-kem-both", "With both KEM parts.", build({ ...message, ratchetHeader: ratchetHeader(3) })),
    valid(
      "first",
      "A first message, with a handshake header.",
      build({ type: "first", handshakeHeader, ...common, ratchetHeader: ratchetHeader(0) }),
    ),
    valid(
      "extensions",
      "With extensions that are unknown and not critical: kept, and authenticated.",
      build({ ...message, ratchetHeader: ratchetHeader(0), extensions: kept }),
    ),
    valid("smallest", "A ciphertext that is nothing but a tag.", plain.subarray(0, extensionsAt + 2 + 12 + 16)),
    refused("version-2", "A later version.", set(0, 2), "UNSUPPORTED_VERSION"),
    refused("suite-2", "A later suite.", set(1, 2), "UNSUPPORTED_SUITE"),
    refused("type-0", "No such type.", set(2, 0)),
    refused("type-3", "No such type.", set(2, 3)),
    refused("flags-1", "An unknown flag.", set(3, 1)),
    refused("kem-flags-4", "An unknown KEM flag.", set(4 + 16 + 32, 4)),
    refused("kem-key-missing", "A KEM flag without the key.", set(4 + 16 + 32, 1)),
    refused("critical-extension", "A critical extension that is unknown.", withExtensions("00050002010000"), "UNSUPPORTED_EXTENSION"),
    refused("extension-critical-2", "A criticality that is neither 0 nor 1.", withExtensions("00050002020000")),
    refused("extensions-unordered", "Extensions out of order.", withExtensions("000a00020000000001000000")),
    refused("extension-twice", "One extension twice.", withExtensions("000a00010000000001000000")),
    refused("extension-truncated", "An extension that goes beyond its list.", withExtensions("00050001000001")),
    refused("no-tag", "A ciphertext of 15 bytes.", plain.subarray(0, extensionsAt + 2 + 12 + 15)),
    refused("truncated-header", "It ends in the ratchet header.", plain.subarray(0, 40)),
    refused("empty", "No bytes.", new Uint8Array(0)),
  ];
}
