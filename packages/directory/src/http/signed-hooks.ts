/** Where signed requests meet Fastify: the hooks of a signed endpoint, and who signed a request. */
import { talosError, type AgentId } from "@talos/core";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { DirectoryContext } from "../context.ts";
import type { RequestMark } from "../storage/contract/index.ts";
import { authenticate, checkDigest, checkOwner, readNamedCertificate, type Signer } from "./signed-requests.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Of a signed endpoint's request, once its signature has verified. */
    signer: VerifiedSigner | undefined;
  }
}

export interface VerifiedSigner extends Signer {
  readonly context: DirectoryContext;
}

export interface SignedHooks {
  readonly onRequest: (request: FastifyRequest) => Promise<void>;
  readonly preValidation: (request: FastifyRequest) => Promise<void>;
}

/** The signature is judged before the body is read, the digest as soon as it is. */
export function signedHooks(app: FastifyInstance, context: DirectoryContext, authorities: () => ReadonlySet<string>): SignedHooks {
  app.decorateRequest("signer", undefined);
  return {
    onRequest: async (request) => {
      const head = { method: request.method, target: request.raw.url ?? "", headers: request.headers };
      request.signer = { context, ...(await authenticate(context, authorities(), head)) };
    },
    preValidation: async (request) => {
      // With a body, its parser has checked it.
      if (request.body === undefined) checkRequestDigest(request, new Uint8Array());
    },
  };
}

/** @throws TalosError DIGEST_MISMATCH */
export function checkRequestDigest({ signer }: FastifyRequest, body: Uint8Array): void {
  if (signer !== undefined) checkDigest(signer.context, signer, body);
}

/** Who signed; only in a signed endpoint. */
export function markOf({ signer }: FastifyRequest): RequestMark {
  if (signer === undefined) throw talosError("INTERNAL", "An endpoint asks for a signer and is not signed.");
  return signer.mark;
}

/** After a wait: a newer instance may have registered. @throws TalosError INSTANCE_SUPERSEDED with the registered certificate */
export async function checkStillNewest({ signer }: FastifyRequest): Promise<void> {
  if (signer !== undefined) await readNamedCertificate(signer.context, signer.signed);
}

/** Who signed, if it is the owner of what is asked for. @throws TalosError NOT_YOURS */
export function ownersMark(request: FastifyRequest, owner: AgentId): RequestMark {
  const mark = markOf(request);
  checkOwner(mark, owner);
  return mark;
}
