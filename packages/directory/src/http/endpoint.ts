/** What a file of endpoints is given, and the parameter that most of them share. */
import { didToAgentId, talosError, type AgentId } from "@talos/core";
import type { FastifyRequest } from "fastify";
import type { DirectoryContext } from "../context.ts";
import type { BufferBudget } from "./buffer-budget.ts";
import type { SignedHooks } from "./signed-hooks.ts";

export interface Endpoints {
  readonly context: DirectoryContext;
  readonly budget: BufferBudget;
  /** Spread into the options of a signed endpoint. */
  readonly signed: SignedHooks;
}

/** The agent in the path. @throws TalosError MALFORMED */
export function agentOf(request: FastifyRequest): AgentId {
  const { params } = request;
  const did: unknown = typeof params === "object" && params !== null && "did" in params ? params.did : undefined;
  if (typeof did !== "string") throw talosError("INTERNAL", "An endpoint asks for an agent and has none in its path.");
  return didToAgentId(did);
}

/** Everything from the `?` on, as it came. */
export function queryOf(request: FastifyRequest): string {
  const target = request.raw.url ?? "";
  const at = target.indexOf("?");
  return at < 0 ? "" : target.slice(at);
}
