// Vectors of the ratchet header, with and without KEM parts.
import { BinaryWriter, concatBytes, decodeRatchetHeader, fromHex, toHex } from "@talos/core";
import { agreementKeyOf, kemKeyOf, seedOf } from "./cast.ts";
import { toJson, type Json, type Reading, type VectorCase, type VectorSet } from "./format.ts";

const NONE = new Uint8Array(0);

export const ratchetHeaderVectors: VectorSet = {
  structure: "double-ratchet-header",
  specification: "ratchet.md, Ratchet header",
  cases: headerCases,
  read: readHeader,
};

function readHeader(wire: Json): Reading {
  const { kem, ...fields } = decodeRatchetHeader(fromHex(wire as string));
  return { fields: toJson({ ...fields, encapsulationKey: kem?.encapsulationKey ?? null, kemCiphertext: kem?.ciphertext ?? null }) };
}

interface Parts {
  readonly flags: number;
  readonly encapsulationKey: Uint8Array;
  readonly ciphertext: Uint8Array;
  readonly generation: number;
}

function headerOf({ flags, encapsulationKey, ciphertext, generation }: Parts): Uint8Array {
  const writer = new BinaryWriter()
    .bytes(agreementKeyOf("alice ratchet key 1").publicKey)
    .u8(flags)
    .bytes(encapsulationKey)
    .bytes(ciphertext);
  return writer.u32(5).u32(7).u32(2).u64(generation).finish();
}

function headerCases(): VectorCase[] {
  const encapsulationKey = kemKeyOf("alice ratchet key 1").publicKey;
  // Any 1,088 bytes: what they encapsulate is the ratchet's.
  const ciphertext = concatBytes(...Array.from({ length: 34 }, (_, index) => seedOf(`kem ciphertext ${index}`)));
  const plain: Parts = { flags: 0, encapsulationKey: NONE, ciphertext: NONE, generation: 3 };
  const valid = (name: string, description: string, parts: Partial<Parts>): VectorCase => {
    const wire = toHex(headerOf({ ...plain, ...parts }));
    return { name, description, wire, ...readHeader(wire) };
  };
  const refused = (name: string, description: string, wire: Uint8Array): VectorCase => ({
    name,
    description,
    wire: toHex(wire),
    error: "MALFORMED",
  });
  const bytes = headerOf(plain);
  return [
    valid("plain", "53 bytes.", {}),
    valid("generation-largest", "The largest generation.", { generation: Number.MAX_SAFE_INTEGER }),
    valid("encapsulation-key", "With a KEM encapsulation key.", { flags: 1, encapsulationKey }),
    valid("ciphertext", "With a KEM ciphertext.", { flags: 2, ciphertext }),
    valid("both-kem-parts", "With both: 2,325 bytes.", { flags: 3, encapsulationKey, ciphertext }),
    refused("flags-4", "An unknown KEM flag.", bytes.with(32, 4)),
    refused("flag-without-key", "A flag without its key.", bytes.with(32, 1)),
    refused("key-without-flag", "A key without its flag.", headerOf({ ...plain, encapsulationKey })),
    refused("generation-0", "Generation 0.", headerOf({ ...plain, generation: 0 })),
    refused("generation-2-53", "A generation above 2^53 - 1.", bytes.with(46, 0x20)),
    refused("truncated", "The last byte is missing.", bytes.subarray(0, 52)),
    refused("trailing-byte", "A byte after the end.", concatBytes(bytes, Uint8Array.of(0))),
    refused("empty", "No bytes.", NONE),
  ];
}
