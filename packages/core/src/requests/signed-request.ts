// Signed requests: HTTP message signatures (RFC 9421) in one strict profile. Must not know endpoints, nor how a request travels.
// Source: docs/protocol/directory.md, "Requests that are signed".
import { equalBytes } from "../bytes/bytes.ts";
import { fromBase64Url, toBase64Url } from "../bytes/base64url.ts";
import { utf8 } from "../bytes/utf8.ts";
import { talosError } from "../errors/talos-error.ts";
import { agentIdToDid, didToAgentId, type AgentId } from "../keys/agent-id.ts";
import { MAX_LOG_EVENTS } from "../keys/heads.ts";
import { ALGORITHM, type PublicKey } from "../keys/public-key.ts";
import type { Crypto, SigningKey } from "../primitives/crypto.ts";
import { fromBase64, toBase64 } from "./base64.ts";

export const REQUEST_NONCE_BYTES = 16;
/** How far `created` may be from the server's clock, and how long a nonce is remembered on either side. */
export const REQUEST_WINDOW_SECONDS = 300;

const COMPONENTS = '("@method" "@authority" "@path" "@query" "content-digest")';
const NUMBER = "(0|[1-9][0-9]{0,15})";
const SIGNATURE_INPUT = new RegExp(
  `^talos=${escape(COMPONENTS)};created=${NUMBER};nonce="([A-Za-z0-9_-]{22})";` +
    `keyid="(did:talos:z[1-9A-HJ-NP-Za-km-z]{40,60})#${NUMBER}\\.${NUMBER}";alg="ed25519";tag="talos-v1"$`,
);
const SIGNATURE = /^talos=:([A-Za-z0-9+/]{86}==):$/;
const CONTENT_DIGEST = /^sha-256=:([A-Za-z0-9+/]{43}=):$/;

/** What of a request is signed, beside its body. */
export interface RequestTarget {
  /** Upper case. */
  readonly method: string;
  /** `host[:port]`, lower case, without the scheme's default port: the Host header. */
  readonly authority: string;
  /** Path and query as in the request line: `/v1/...` or `/v1/...?after=3`. */
  readonly target: string;
}

/** Whose instance key signs: the agent, and (seq, generation) of its certificate. */
export interface RequestSigner {
  readonly agentId: AgentId;
  readonly seq: number;
  readonly generation: number;
}

export interface SignatureParameters extends RequestSigner {
  /** By the signer's clock, in seconds: RFC 9421 has no milliseconds. */
  readonly createdSeconds: number;
  /** 16 random bytes. */
  readonly nonce: Uint8Array;
}

/** A signed request's three headers, taken apart; nothing is verified. */
export interface SignedRequest extends SignatureParameters {
  /** SHA-256 of the body, as claimed. */
  readonly digest: Uint8Array;
  readonly signature: Uint8Array;
}

/** Names in lower case, as HTTP libraries give them. */
export interface SignatureHeaders {
  readonly "content-digest": string;
  readonly "signature-input": string;
  readonly signature: string;
}

/** The value of Content-Digest (RFC 9530) for a body; of an absent one for no bytes. */
export function contentDigest(body: Uint8Array, crypto: Pick<Crypto, "sha256">): string {
  return digestHeader(crypto.sha256(body));
}

function digestHeader(digest: Uint8Array): string {
  return `sha-256=:${toBase64(digest)}:`;
}

/** The signature base (RFC 9421, 2.5): what is signed. */
export function signatureBase(request: RequestTarget, parameters: SignatureParameters, digest: Uint8Array): Uint8Array {
  const { method, authority, target } = request;
  const queryAt = target.indexOf("?");
  const path = queryAt < 0 ? target : target.slice(0, queryAt);
  const query = queryAt < 0 ? "?" : target.slice(queryAt);
  const lines = [
    `"@method": ${method}`,
    `"@authority": ${authority.toLowerCase()}`,
    `"@path": ${path}`,
    `"@query": ${query}`,
    `"content-digest": ${digestHeader(digest)}`,
    `"@signature-params": ${signatureParameters(parameters)}`,
  ];
  return utf8(lines.join("\n"));
}

function signatureParameters({ agentId, seq, generation, createdSeconds, nonce }: SignatureParameters): string {
  const keyId = `${agentIdToDid(agentId)}#${seq}.${generation}`;
  return `${COMPONENTS};created=${createdSeconds};nonce="${toBase64Url(nonce)}";keyid="${keyId}";alg="ed25519";tag="talos-v1"`;
}

/** Signs a request with the instance key; the headers to send with it. Throws INVALID_ARGUMENT for a nonce that has not 16 bytes. */
export function signRequest(
  request: RequestTarget,
  body: Uint8Array,
  parameters: SignatureParameters,
  instanceKey: Pick<SigningKey, "sign">,
  crypto: Pick<Crypto, "sha256">,
): SignatureHeaders {
  if (parameters.nonce.length !== REQUEST_NONCE_BYTES) throw talosError("INVALID_ARGUMENT", "The nonce of a request has 16 bytes.");
  const digest = crypto.sha256(body);
  const signature = instanceKey.sign(signatureBase(request, parameters, digest));
  return {
    "content-digest": digestHeader(digest),
    "signature-input": `talos=${signatureParameters(parameters)}`,
    signature: `talos=:${toBase64(signature)}:`,
  };
}

/**
 * Takes the headers of a request apart: to find out who claims to have signed it.
 *
 * @param headers by lower-case name; a repeated header is not taken
 * @throws TalosError SIGNATURE_MISSING when one is absent; MALFORMED for any other form than the profile's
 */
export function parseSignedRequest(headers: Readonly<Record<string, string | readonly string[] | undefined>>): SignedRequest {
  const input = SIGNATURE_INPUT.exec(headerOf(headers, "signature-input"));
  const signature = SIGNATURE.exec(headerOf(headers, "signature"))?.[1];
  const digest = CONTENT_DIGEST.exec(headerOf(headers, "content-digest"))?.[1];
  const [, created = "", nonce = "", did = "", seq = "", generation = ""] = input ?? [];
  if (input === null || signature === undefined || digest === undefined) throw malformedHeaders();
  const parsed = {
    agentId: didToAgentId(did),
    seq: Number(seq),
    generation: Number(generation),
    createdSeconds: Number(created),
    nonce: fromBase64Url(nonce),
    digest: fromBase64(digest),
    signature: fromBase64(signature),
  };
  const numbers = [parsed.seq, parsed.generation, parsed.createdSeconds];
  if (!numbers.every(Number.isSafeInteger) || parsed.seq >= MAX_LOG_EVENTS || parsed.generation < 1) throw malformedHeaders();
  return parsed;
}

function headerOf(headers: Readonly<Record<string, string | readonly string[] | undefined>>, name: string): string {
  const value = headers[name];
  if (value === undefined) throw talosError("SIGNATURE_MISSING");
  if (typeof value !== "string") throw malformedHeaders();
  return value;
}

function malformedHeaders(): Error {
  return talosError("MALFORMED", "A header of the request's signature is not well formed.");
}

/** Checks the body against the digest. Throws DIGEST_MISMATCH. */
export function verifyRequestDigest(signed: SignedRequest, body: Uint8Array, crypto: Pick<Crypto, "sha256">): void {
  if (!equalBytes(crypto.sha256(body), signed.digest)) throw talosError("DIGEST_MISMATCH");
}

/**
 * Checks time and signature; the body apart (`verifyRequestDigest`), so that a request can be refused before its body is read.
 * That the nonce is new and the generation the registered one is the server's to check.
 *
 * @param instanceKey of the agent's registered certificate
 * @param now the server's clock in milliseconds
 * @throws TalosError REQUEST_EXPIRED, SIGNATURE_INVALID
 */
export function verifyRequest(
  signed: SignedRequest,
  request: RequestTarget,
  instanceKey: PublicKey<1>,
  now: number,
  crypto: Pick<Crypto, "verifySignature">,
): void {
  // Written so that NaN is refused too.
  if (!(Math.abs(signed.createdSeconds * 1000 - now) <= REQUEST_WINDOW_SECONDS * 1000)) throw talosError("REQUEST_EXPIRED");
  const base = signatureBase(request, signed, signed.digest);
  if (!crypto.verifySignature(ALGORITHM.ed25519, instanceKey.bytes, base, signed.signature)) throw talosError("SIGNATURE_INVALID");
}

function escape(text: string): string {
  return text.replaceAll(/[()]/g, String.raw`\$&`);
}
