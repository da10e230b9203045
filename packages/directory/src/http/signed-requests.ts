/**
 * Signed requests: who asks, under which certificate. The signature stands in the headers and covers the digest of the body,
 * so a request is refused before its body is read. The mark that comes out is used up in the transaction of what the request
 * asks for. Source: docs/protocol/directory.md, "Requests that are signed".
 */
import {
  ALGORITHM,
  equalBytes,
  isTalosError,
  MAX_LOG_EVENTS,
  parseSignedRequest,
  remoteKey,
  REQUEST_WINDOW_SECONDS,
  talosError,
  verifyRequest,
  verifyRequestDigest,
  type AgentId,
  type SignedRequest,
} from "@talos/core";
import type { DirectoryContext } from "../context.ts";
import { refuse } from "../refusal.ts";
import type { CertificateRecord, RequestMark } from "../storage/contract/index.ts";
import { checkAuthority } from "./authorities.ts";

/** As instance.md has it, for the ends of a certificate's validity. */
const CLOCK_SLACK_MS = 600_000;

/** What a request comes with, of whatever HTTP library. */
export interface RequestHead {
  readonly method: string;
  /** Path and query as they came. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** A request whose signature verified. */
export interface Signer {
  readonly mark: RequestMark;
  readonly signed: SignedRequest;
}

/**
 * @param authorities what this server answers to
 * @throws TalosError SIGNATURE_MISSING, MALFORMED (also: for another host), REQUEST_EXPIRED, CERTIFICATE_UNKNOWN, AGENT_REVOKED,
 *   INSTANCE_SUPERSEDED, SIGNATURE_INVALID, CERTIFICATE_EXPIRED; the last three with the registered certificate
 */
export async function authenticate(context: DirectoryContext, authorities: ReadonlySet<string>, head: RequestHead): Promise<Signer> {
  const signed = parseSignedRequest(head.headers);
  const host = head.headers["host"];
  const authority = checkAuthority(authorities, typeof host === "string" ? host : undefined);
  const now = context.now();
  // The time is judged again with the signature, but here it is free.
  if (Math.abs(signed.createdSeconds * 1000 - now) > REQUEST_WINDOW_SECONDS * 1000) throw talosError("REQUEST_EXPIRED");
  const registered = await readNamedCertificate(context, signed);
  const instanceKey = remoteKey("instance", ALGORITHM.ed25519, registered.instanceKey);
  try {
    verifyRequest(signed, { method: head.method, authority, target: head.target }, instanceKey, now, context.crypto);
  } catch (error) {
    if (isTalosError(error, "SIGNATURE_INVALID")) throw refuse("SIGNATURE_INVALID", { certificate: registered.wire });
    throw error;
  }
  if (now > registered.to + CLOCK_SLACK_MS) throw refuse("CERTIFICATE_EXPIRED", { certificate: registered.wire });
  return { signed, mark: markOf(signed) };
}

/**
 * The registered certificate, if it is the one that the request names.
 *
 * @throws TalosError CERTIFICATE_UNKNOWN; AGENT_REVOKED with the head; INSTANCE_SUPERSEDED with the registered one
 */
export async function readNamedCertificate(context: DirectoryContext, signed: SignedRequest): Promise<CertificateRecord> {
  const registered = await context.store.readCertificate(signed.agentId);
  if (registered === undefined) {
    await requireAlive(context, signed.agentId);
    throw refuse("CERTIFICATE_UNKNOWN");
  }
  const order = signed.seq - registered.seq || signed.generation - registered.generation;
  if (order < 0) throw refuse("INSTANCE_SUPERSEDED", { certificate: registered.wire });
  if (order > 0) throw refuse("CERTIFICATE_UNKNOWN");
  return registered;
}

/** A revoked agent has no certificate here, and gets none. */
async function requireAlive({ store }: DirectoryContext, agentId: AgentId): Promise<void> {
  const agent = await store.readAgent(agentId, MAX_LOG_EVENTS);
  if (agent?.revoked === true) throw refuse("AGENT_REVOKED", { head: agent.head });
}

/**
 * A nonce is remembered until the request is too old, and that long again: a clock that is set back a little must not make
 * a forgotten request young.
 */
function markOf({ agentId, nonce, createdSeconds }: SignedRequest): RequestMark {
  return { agentId, nonce, expiresAt: (createdSeconds + 2 * REQUEST_WINDOW_SECONDS) * 1000 };
}

/** @throws TalosError DIGEST_MISMATCH */
export function checkDigest(context: DirectoryContext, { signed }: Signer, body: Uint8Array): void {
  verifyRequestDigest(signed, body, context.crypto);
}

/** @throws TalosError NOT_YOURS for what belongs to another agent than the signer */
export function checkOwner(mark: RequestMark, owner: AgentId): void {
  if (!equalBytes(mark.agentId, owner)) throw refuse("NOT_YOURS");
}
