// Vectors of signed requests: signature base, digest and the three headers.
import {
  decodeUtf8,
  fromHex,
  nodeCrypto,
  parseSignedRequest,
  signatureBase,
  signRequest,
  toHex,
  utf8,
  verifyRequest,
  verifyRequestDigest,
  agentIdToDid,
  type PublicKey,
  type RequestTarget,
  type SignatureHeaders,
  type SignatureParameters,
} from "@talos/core";
import { bytesOf, castMember, seedOf, STORY_START } from "./cast.ts";
import { field, toJson, type Json, type Reading, type VectorCase, type VectorSet } from "./format.ts";

const alice = castMember("alice");
const NOW = STORY_START + 1500;

export const requestVectors: VectorSet = {
  structure: "signed-request",
  specification: "directory.md, Requests that are signed",
  cases: requestCases,
  read: readRequest,
};

/** In the order of a server that has everything at hand: the headers, the clock and the signature, the body. */
function readRequest(wire: Json, context: Json): Reading {
  const headers = field(wire, "headers") as Readonly<Record<string, string>>;
  const request: RequestTarget = {
    method: field(wire, "method") as string,
    authority: field(wire, "authority") as string,
    target: field(wire, "target") as string,
  };
  const signed = parseSignedRequest(headers);
  const key = { algorithm: 1, bytes: fromHex(field(context, "instanceKey") as string) } as PublicKey<1>;
  verifyRequest(signed, request, key, field(context, "now") as number, nodeCrypto);
  verifyRequestDigest(signed, fromHex(field(wire, "body") as string), nodeCrypto);
  return { fields: toJson(signed), derived: { signatureBase: decodeUtf8(signatureBase(request, signed, signed.digest)) } };
}

function requestCases(): VectorCase[] {
  const did = agentIdToDid(alice.log.agentId);
  const context = { instanceKey: toHex(alice.instance.key.bytes), now: NOW };
  const parameters: SignatureParameters = {
    agentId: alice.log.agentId,
    seq: 0,
    generation: 3,
    createdSeconds: STORY_START / 1000,
    nonce: bytesOf("request nonce", 16),
  };
  const claim: RequestTarget = { method: "POST", authority: "127.0.0.1:8420", target: `/v1/agents/${did}/claims` };
  const fetchMail: RequestTarget = { method: "GET", authority: "directory.example", target: `/v1/mailboxes/${did}?wait=30&limit=64` };
  const sign = (request: RequestTarget, body: Uint8Array, changes: Partial<SignatureParameters> = {}): SignatureHeaders =>
    signRequest(request, body, { ...parameters, ...changes }, alice.instance, nodeCrypto);
  const wireOf = (request: RequestTarget, body: Uint8Array, headers: object): Json => toJson({ ...request, body, headers });
  const valid = (name: string, description: string, request: RequestTarget, body: Uint8Array): VectorCase => {
    const wire = wireOf(request, body, sign(request, body));
    return { name, description, context, wire, ...readRequest(wire, context) };
  };
  const body = utf8("{}");
  const headers = sign(claim, body);
  const refused = (
    name: string,
    description: string,
    error: string,
    changes: Readonly<Record<string, string | undefined>>,
    request = claim,
    given = body,
  ): VectorCase => ({
    name,
    description,
    context,
    wire: wireOf(request, given, { ...headers, ...changes }),
    error,
  });
  const input = (from: string | RegExp, to: string): Readonly<Record<string, string>> => ({
    "signature-input": headers["signature-input"].replace(from, to),
  });
  const at = (name: string, description: string, createdSeconds: number, error: string): VectorCase => ({
    name,
    description,
    context,
    wire: wireOf(claim, body, sign(claim, body, { createdSeconds })),
    error,
  });
  return [
    valid("post", "With a body.", claim, body),
    valid("get", "With a query and without a body: the digest is that of no bytes.", fetchMail, new Uint8Array(0)),
    valid("post-binary", "With a body of bytes.", { ...claim, target: `/v1/mailboxes/${did}/message` }, seedOf("an envelope")),
    at("created-too-old", "Created more than 300 seconds ago.", STORY_START / 1000 - 299, "REQUEST_EXPIRED"),
    at("created-too-young", "Created more than 300 seconds from now.", STORY_START / 1000 + 302, "REQUEST_EXPIRED"),
    refused("input-missing", "Without Signature-Input.", "SIGNATURE_MISSING", { "signature-input": undefined }),
    refused("signature-missing", "Without Signature.", "SIGNATURE_MISSING", { signature: undefined }),
    refused("digest-missing", "Without Content-Digest.", "SIGNATURE_MISSING", { "content-digest": undefined }),
    refused("body-changed", "Another body.", "DIGEST_MISMATCH", {}, claim, utf8("{ }")),
    refused(
      "digest-changed",
      "Another body, and its digest: the digest is signed.",
      "SIGNATURE_INVALID",
      { "content-digest": sign(claim, utf8("{ }"))["content-digest"] },
      claim,
      utf8("{ }"),
    ),
    refused("method-changed", "Another method.", "SIGNATURE_INVALID", {}, { ...claim, method: "PUT" }),
    refused("authority-changed", "Sent to another directory.", "SIGNATURE_INVALID", {}, { ...claim, authority: "127.0.0.1:8421" }),
    refused("path-changed", "Another path.", "SIGNATURE_INVALID", {}, { ...claim, target: `${claim.target}/` }),
    refused("query-added", "A query that was not signed.", "SIGNATURE_INVALID", {}, { ...claim, target: `${claim.target}?limit=1` }),
    refused("generation-changed", "Another generation.", "SIGNATURE_INVALID", input("#0.3", "#0.4")),
    refused("nonce-changed", "Another nonce.", "SIGNATURE_INVALID", input(/nonce="[^"]*"/, 'nonce="AAAAAAAAAAAAAAAAAAAAAA"')),
    refused(
      "created-changed",
      "Another time, a second later.",
      "SIGNATURE_INVALID",
      input(/created=\d+/, `created=${STORY_START / 1000 + 1}`),
    ),
    refused("label-other", "Another label.", "MALFORMED", { "signature-input": headers["signature-input"].replace("talos=", "sig1=") }),
    refused("component-missing", "The digest is not covered.", "MALFORMED", input(' "content-digest"', "")),
    refused("components-reordered", "Components in another order.", "MALFORMED", input('"@method" "@authority"', '"@authority" "@method"')),
    refused(
      "parameters-reordered",
      "Parameters in another order.",
      "MALFORMED",
      input(/;created=(\d+);nonce=("[^"]*")/, ";nonce=$2;created=$1"),
    ),
    refused("parameter-surplus", "A parameter that the profile does not have.", "MALFORMED", input(/$/, ";expires=1")),
    refused("parameter-missing", "Without a tag.", "MALFORMED", input(';tag="talos-v1"', "")),
    refused("tag-other", "Another tag.", "MALFORMED", input("talos-v1", "talos-v2")),
    refused("algorithm-other", "Another algorithm.", "MALFORMED", input("ed25519", "hmac-sha256")),
    refused("generation-0", "Generation 0.", "MALFORMED", input("#0.3", "#0.0")),
    refused("generation-leading-zero", "A number with a leading zero.", "MALFORMED", input("#0.3", "#0.03")),
    refused("keyid-other-did", "A key id with another method.", "MALFORMED", input("did:talos:z", "did:key:z")),
    refused(
      "nonce-not-canonical",
      "A nonce with bits that say nothing.",
      "MALFORMED",
      input(/nonce="[^"]*"/, 'nonce="AAAAAAAAAAAAAAAAAAAAAB"'),
    ),
    refused("two-signatures", "A second signature.", "MALFORMED", {
      "signature-input": `${headers["signature-input"]}, other=("@method")`,
      signature: `${headers.signature}, other=:AA==:`,
    }),
    refused("signature-short", "A signature of 63 bytes.", "MALFORMED", { signature: `talos=:${"A".repeat(84)}:` }),
    refused("signature-not-canonical", "A signature with bits that say nothing.", "MALFORMED", {
      signature: `talos=:${"A".repeat(85)}B==:`,
    }),
    refused("signature-unpadded", "A signature without padding.", "MALFORMED", { signature: headers.signature.replace("==", "") }),
    refused("signature-base64url", "A signature in the other alphabet.", "MALFORMED", { signature: `talos=:${"-".repeat(85)}A==:` }),
    refused("digest-other-algorithm", "A digest of another algorithm.", "MALFORMED", {
      "content-digest": headers["content-digest"].replace("sha-256", "sha-512"),
    }),
    refused("digest-two", "Two digests.", "MALFORMED", { "content-digest": `${headers["content-digest"]}, ${headers["content-digest"]}` }),
  ];
}
