// Signed requests (directory.md, Requests that are signed): RFC 9421 in one strict profile, read with one regular expression.
import { hex } from "./bytes.ts";
import { agentIdOf } from "./did.ts";
import { sha256 } from "./hashes.ts";
import { checkSignature, type PublicKey } from "./keys.ts";
import { demand, refuse } from "./refusal.ts";

const PARAMETERS =
  /^\("@method" "@authority" "@path" "@query" "content-digest"\);created=(0|[1-9][0-9]{0,14});nonce="([A-Za-z0-9_-]{22})";keyid="(did:talos:z[1-9A-HJ-NP-Za-km-z]+)#(0|[1-9][0-9]{0,9})\.([1-9][0-9]{0,15})";alg="ed25519";tag="talos-v1"$/u;

const WINDOW_MS = 300_000;

export interface SignedRequest {
  readonly method: string;
  readonly authority: string;
  /** Path and query as they stand in the request line. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Uint8Array;
}

export interface RequestSigner {
  readonly did: string;
  readonly agentId: string;
  readonly seq: number;
  readonly generation: number;
  readonly createdSeconds: number;
  readonly nonce: string;
  readonly digest: string;
  readonly signature: string;
}

/** Form, digest, clock and signature; the nonce store and the registered certificate are the server's affair. Header names in lower case. */
export function checkRequest(request: SignedRequest, instanceKey: PublicKey, nowMs?: number): RequestSigner {
  const input = request.headers["signature-input"];
  const signature = request.headers["signature"];
  const digest = request.headers["content-digest"];
  if (input === undefined || signature === undefined || digest === undefined) refuse("signature-missing", "a header is missing");
  demand(input.startsWith("talos="), "the label is talos");
  const parameters = input.slice("talos=".length);
  const match = PARAMETERS.exec(parameters);
  demand(match !== null, "Signature-Input is not in the profile");
  const [, created = "", nonce = "", did = "", seq = "", generation = ""] = match;
  const signatureBytes = base64(/^talos=:([A-Za-z0-9+/]{86}==):$/u.exec(signature)?.[1]);
  const digestBytes = base64(/^sha-256=:([A-Za-z0-9+/]{43}=):$/u.exec(digest)?.[1]);
  demand(Buffer.from(nonce, "base64url").toString("base64url") === nonce, "the nonce is not canonical base64url");
  if (Buffer.compare(digestBytes, sha256(request.body)) !== 0) refuse("digest-mismatch", "body and Content-Digest differ");
  const late = nowMs === undefined ? 0 : Math.abs(nowMs - Number(created) * 1000);
  if (late > WINDOW_MS) refuse("request-expired", "created too far from the clock");
  checkSignature(instanceKey, Buffer.from(signatureBase(request, digest, parameters)), signatureBytes);
  return {
    did,
    agentId: agentIdOf(did),
    seq: Number(seq),
    generation: Number(generation),
    createdSeconds: Number(created),
    nonce: hex(Buffer.from(nonce, "base64url")),
    digest: hex(digestBytes),
    signature: hex(signatureBytes),
  };
}

export function signatureBase({ method, authority, target }: SignedRequest, digest: string, parameters: string): string {
  const mark = target.indexOf("?");
  const path = mark < 0 ? target : target.slice(0, mark);
  const query = mark < 0 ? "?" : target.slice(mark);
  return [
    `"@method": ${method}`,
    `"@authority": ${authority.toLowerCase()}`,
    `"@path": ${path}`,
    `"@query": ${query}`,
    `"content-digest": ${digest}`,
    `"@signature-params": ${parameters}`,
  ].join("\n");
}

function base64(text: string | undefined): Uint8Array {
  demand(text !== undefined, "not in the profile");
  const bytes = Buffer.from(text, "base64");
  demand(bytes.toString("base64") === text, "not canonical base64");
  return new Uint8Array(bytes);
}
