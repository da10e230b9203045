// Vectors of agent ids in text, of key ids and of commitments.
import {
  agentId,
  agentIdToDid,
  fromHex,
  keyCommitment,
  keyId,
  nodeCrypto,
  parseAddress,
  toBase58Btc,
  toHex,
  type Algorithm,
  type PublicKey,
  type SigningAlgorithm,
} from "@talos/core";
import { castMember, encryptionKeyOf, kemKeyOf, seedOf, signerOf } from "./cast.ts";
import { es256SignerOf } from "./es256.ts";
import { field, toJson, type Json, type Reading, type VectorCase, type VectorSet } from "./format.ts";

export const addressVectors: VectorSet = {
  structure: "address",
  specification: "identity.md, Agent id",
  cases(): readonly VectorCase[] {
    const { log } = castMember("alice");
    const did = agentIdToDid(log.agentId);
    const valid = (name: string, description: string, wire: string): VectorCase => ({ name, description, wire, ...read(wire) });
    const refused = (name: string, description: string, wire: string): VectorCase => ({ name, description, wire, error: "MALFORMED" });
    const zeros = agentIdToDid(agentId(new Uint8Array(32)));
    const shortMultihash = `did:talos:z${toBase58Btc(fromHex(`121f${"ab".repeat(31)}`))}`;
    const otherHash = `did:talos:z${toBase58Btc(fromHex(`1320${"ab".repeat(32)}`))}`;
    return [
      valid("did", "The agent id as a DID.", did),
      valid("did-of-zeros", "An id of zeros: only the multihash prefix carries information.", zeros),
      valid("with-host", "With a directory.", `${did}@directory.example`),
      valid("with-port", "With a directory and its port.", `${did}@127.0.0.1:8420`),
      valid("with-ipv6", "With an IPv6 address.", `${did}@[::1]:8420`),
      refused("other-method", "Another DID method.", did.replace("talos", "key")),
      refused("other-base", "Another multibase prefix.", did.replace(":z", ":m")),
      refused("upper-case", "The prefix in capitals.", did.replace("did:", "DID:")),
      refused("not-base58", "A character that base58btc does not have.", `${did.slice(0, -1)}0`),
      refused("short-hash", "A hash of 31 bytes.", shortMultihash),
      refused("other-hash", "A multihash of another function.", otherHash),
      refused("leading-one", "A leading zero byte before the multihash.", did.replace(":z", ":z1")),
      refused("with-path", "A directory with a path.", `${did}@directory.example/x`),
      refused("with-scheme", "A directory with a scheme.", `${did}@http://directory.example`),
      refused("port-0", "Port 0.", `${did}@directory.example:0`),
      refused("port-65536", "A port beyond 65535.", `${did}@directory.example:65536`),
      refused("host-empty", "An empty directory.", `${did}@`),
      refused("empty", "No text.", ""),
    ];
  },
  read: (wire) => read(wire as string),
};

function read(wire: string): Reading {
  const { agentId: id, directory } = parseAddress(wire);
  return { fields: toJson({ agentId: id, directory }) };
}

export const keyVectors: VectorSet = {
  structure: "public-key",
  specification: "encoding.md, Keys and signatures; identity.md, Commitment",
  cases(): readonly VectorCase[] {
    const keys: readonly (readonly [string, PublicKey])[] = [
      ["ed25519", signerOf("alice identity").key],
      ["es256", es256SignerOf("carol identity").key],
      ["x25519", encryptionKeyOf("alice encryption")],
      ["ml-kem-768", { algorithm: 3, bytes: kemKeyOf("bob signed prekey kem").publicKey }],
    ];
    return keys.map(([name, key]) => ({
      name,
      description: `The key id${key.algorithm === 1 || key.algorithm === 4 ? " and the commitment" : ""} of this key; its private seed follows from its name.`,
      wire: toJson(key),
      ...readKey(toJson(key)),
    }));
  },
  read: readKey,
};

function readKey(wire: Json): Reading {
  const key: PublicKey = { algorithm: field(wire, "algorithm") as Algorithm, bytes: fromHex(field(wire, "bytes") as string) };
  const signs = key.algorithm === 1 || key.algorithm === 4;
  const commitment = signs ? { commitment: toHex(keyCommitment(key as PublicKey<SigningAlgorithm>, nodeCrypto)) } : {};
  return { fields: wire, derived: { keyId: keyId(key, nodeCrypto), ...commitment } };
}

/** How the private parts of the cast follow from names. */
export const seedVectors: VectorSet = {
  structure: "cast",
  specification: "vectors/README.md",
  cases(): readonly VectorCase[] {
    const names = [
      "alice identity",
      "alice next",
      "alice recovery",
      "alice instance",
      "alice encryption",
      "bob identity",
      "carol identity",
    ];
    return names.map((name) => ({
      name: name.replace(" ", "-"),
      description: `The 32-byte seed of "${name}".`,
      wire: name,
      ...readSeed(name),
    }));
  },
  read: readSeed,
};

function readSeed(name: Json): Reading {
  return { fields: { seed: toHex(seedOf(name as string)) } };
}
