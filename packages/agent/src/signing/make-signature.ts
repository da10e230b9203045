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
import { isUnderWay } from "../lifecycle/identity-plan/plan-record.ts";
import { turnsTaken } from "../lifecycle/identity-plan/run-plan.ts";
import { standstillOf } from "../lifecycle/identity-plan/standstill.ts";

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
/** How long to wait for an operation on the identity that is under way. */
const PATIENCE_MILLISECONDS = 10_000;

/**
 * @param message text is signed as UTF-8; its digest is signed and on record, the message itself is kept nowhere
 * @throws TalosError INVALID_ARGUMENT; PLAN_BLOCKED where an operation on the identity is under way for longer: what is signed then could not be
 *   proved later; AGENT_REVOKED, INSTANCE_SUPERSEDED, GENERATION_FENCED, CLIENT_CLOSED; of the backend; COMMIT_FAILED (nothing was handed out)
 */
export async function makeSignature(context: AgentContext, namespace: string, message: string | Uint8Array): Promise<MadeSignature> {
  const { standing, crypto } = context;
  checkNamespace(namespace);
  const digest = crypto.sha256(messageBytes(message));
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    standing.requireActive();
    const signature = await sign(context, namespace, digest);
    if (putOnRecord(context, signature)) return viewOf(signature);
    await settled(context);
  }
  throw talosError("PLAN_BLOCKED");
}

/** @returns false while the key is being retired: the event that does so could not cover one more entry */
function putOnRecord(context: AgentContext, signature: UserSignature): boolean {
  const { commits, clock } = context;
  return commits.now((tx) => {
    const isSteady = standstillOf(context) === undefined && !tx.plans.open().some(isUnderWay);
    if (!isSteady || !sameHead(context.log.head, signature.head)) return false;
    tx.audit.append(signatureAuditEntry(signature, clock.now()));
    return true;
  });
}

async function settled(context: AgentContext): Promise<void> {
  const patience = new AbortController();
  try {
    await Promise.race([turnsTaken(context), context.clock.sleep(PATIENCE_MILLISECONDS, patience.signal)]);
  } finally {
    patience.abort();
  }
}

async function sign({ log, identityKey, crypto }: AgentContext, namespace: string, digest: Uint8Array): Promise<UserSignature> {
  if (log.revoked !== undefined) throw talosError("AGENT_REVOKED");
  const { body, toSign } = prepareUserSignature({ agentId: log.agentId, head: log.head, namespace, digest });
  const signature = await identityKey.sign(toSign[0]?.bytes ?? body);
  return assembleUserSignature(log, body, [{ role: ROLE.holder, algorithm: log.identityKey.algorithm, signature }], crypto);
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
