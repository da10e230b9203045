/**
 * A namespaced signature by the identity key. It leaves only once it is on record: the entry is committed before anybody has the bytes, so
 * that what the owner signed and what a thief signs can be told apart for ever.
 */
import {
  agentIdToDid,
  assembleUserSignature,
  checkNamespace,
  prepareUserSignature,
  ROLE,
  sameHead,
  signatureAuditEntry,
  signatureToText,
  talosError,
  toHex,
  utf8,
  type UserSignature,
} from "@talos/core";
import type { AgentContext } from "../context.ts";
import type { PlanKind } from "../vault/index.ts";

export interface MadeSignature {
  /** The signer's. */
  readonly did: string;
  readonly namespace: string;
  /** SHA-256 of the message, in hexadecimal. */
  readonly digest: string;
  /** Of the event of the log whose key made it. */
  readonly seq: number;
  /** The bytes that travel. */
  readonly wire: Uint8Array;
  /** The same as text, base64url. */
  readonly text: string;
}

/** The head of the log rarely moves while a key signs, and never twice in a row. */
const ATTEMPTS = 3;

/**
 * @param message text is signed as UTF-8; its digest is signed and on record, the message itself is kept nowhere
 * @throws TalosError INVALID_ARGUMENT; PLAN_BLOCKED while the agent's identity is being changed: what is signed then could not be proved
 *   later; AGENT_REVOKED, INSTANCE_SUPERSEDED, GENERATION_FENCED, CLIENT_CLOSED; of the backend; COMMIT_FAILED (nothing was handed out)
 */
export async function makeSignature(context: AgentContext, namespace: string, message: string | Uint8Array): Promise<MadeSignature> {
  const { standing, crypto, commits, clock } = context;
  checkNamespace(namespace);
  const digest = crypto.sha256(messageBytes(message));
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    standing.requireActive();
    const signature = await sign(context, namespace, digest);
    const isOnRecord = commits.now((tx) => {
      // A key that was retired meanwhile must not make one more entry: the event that retired it could not cover it.
      if (!sameHead(context.log.head, signature.head)) return false;
      requireSteadyIdentity(tx.plans.open());
      tx.audit.append(signatureAuditEntry(signature, clock.now()));
      return true;
    });
    if (isOnRecord) return viewOf(signature);
  }
  throw talosError("PLAN_BLOCKED");
}

async function sign({ log, identityKey, crypto }: AgentContext, namespace: string, digest: Uint8Array): Promise<UserSignature> {
  if (log.revoked !== undefined) throw talosError("AGENT_REVOKED");
  const { body, toSign } = prepareUserSignature({ agentId: log.agentId, head: log.head, namespace, digest });
  const signature = await identityKey.sign(toSign[0]?.bytes ?? body);
  return assembleUserSignature(log, body, [{ role: ROLE.holder, algorithm: log.identityKey.algorithm, signature }], crypto);
}

/** An event that is signed and not yet in force names the audit as it was then. */
function requireSteadyIdentity(plans: readonly { readonly kind: PlanKind }[]): void {
  const plan = plans.find(({ kind }) => kind !== "publish");
  if (plan !== undefined) throw talosError("PLAN_BLOCKED", undefined, { details: { plan: plan.kind } });
}

export function messageBytes(message: unknown): Uint8Array {
  if (typeof message === "string") return utf8(message);
  if (message instanceof Uint8Array) return message;
  throw talosError("INVALID_ARGUMENT", "A message is text or bytes.", { details: { argument: "message" } });
}

function viewOf(signature: UserSignature): MadeSignature {
  const { agentId, namespace, digest, head, wire } = signature;
  return { did: agentIdToDid(agentId), namespace, digest: toHex(digest), seq: head.seq, wire, text: signatureToText(signature) };
}
