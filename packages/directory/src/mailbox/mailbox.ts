/**
 * Deposit, fetch and acknowledge. What is in an item is the business of its owner: the directory looks at size and, for
 * what has a public form, at that. Source: docs/protocol/directory.md, envelope.md ("Mailbox kinds").
 */
import {
  decodeEvent,
  decodeNotice,
  envelopeId,
  MAX_ENVELOPE_BYTES,
  MAX_EVENT_BYTES,
  MAX_NOTICE_BYTES,
  talosError,
  type AgentId,
  type EnvelopeId,
  type EnvelopeKind,
  type MailboxPage,
} from "@talos/core";
import type { DirectoryContext } from "../context.ts";
import { refuse } from "../refusal.ts";
import type { DepositOutcome, RequestMark } from "../storage/contract/index.ts";

/** docs/protocol/encoding.md, "Limits". */
export const MAX_ITEM_BYTES: Readonly<Record<EnvelopeKind, number>> = {
  message: MAX_ENVELOPE_BYTES,
  event: MAX_EVENT_BYTES,
  notice: MAX_NOTICE_BYTES,
};

export interface Deposited {
  readonly envelopeId: EnvelopeId;
  /** Of the first time. */
  readonly receivedAt: number;
}

/** @throws TalosError AGENT_UNKNOWN, AGENT_REVOKED, MAILBOX_FULL, PAYLOAD_TOO_LARGE; MALFORMED and others of core for what is no event or notice */
export async function deposit(
  context: DirectoryContext,
  mark: RequestMark,
  mailbox: AgentId,
  kind: EnvelopeKind,
  bytes: Uint8Array,
): Promise<Deposited> {
  checkItem(context, kind, bytes);
  const id = envelopeId(bytes, context.crypto);
  const { store, limits, waiters } = context;
  const outcome = await store.deposit(mark, { mailbox, envelopeId: id, kind, bytes }, limits.mailbox, context.now());
  if (outcome.kind !== "stored" && outcome.kind !== "known") throw refuse(CODES[outcome.kind]);
  if (outcome.kind === "stored") waiters.wake(mailbox);
  return { envelopeId: id, receivedAt: outcome.receivedAt };
}

const CODES = {
  "agent-unknown": "AGENT_UNKNOWN",
  "agent-revoked": "AGENT_REVOKED",
  full: "MAILBOX_FULL",
} as const satisfies Readonly<Record<Exclude<DepositOutcome["kind"], "stored" | "known">, string>>;

function checkItem({ crypto }: DirectoryContext, kind: EnvelopeKind, bytes: Uint8Array): void {
  if (bytes.length === 0) throw talosError("MALFORMED", "There is nothing to deposit.");
  if (bytes.length > MAX_ITEM_BYTES[kind]) throw refuse("PAYLOAD_TOO_LARGE");
  if (kind === "event") decodeEvent(bytes, crypto);
  if (kind === "notice") decodeNotice(bytes);
}

export interface FetchRequest {
  /** 0 to 30; 0 answers at once. */
  readonly waitSeconds: number;
  /** 1 to 256 items. */
  readonly limit: number;
  /** Aborts when nobody is there any more to answer; asked for only where there is something to wait for. */
  readonly gone: () => AbortSignal;
  /** Rejects where the signer may not ask any more after it has waited. */
  readonly askAgain: () => Promise<void>;
}

/**
 * The oldest items of the mailbox of the agent that signed. An empty one is waited for; the waiting ends when something
 * comes, with the time, with the client's connection, when a newer instance registers, or when the directory stops.
 *
 * @throws TalosError those of `askAgain`
 */
export async function fetchMailbox(
  context: DirectoryContext,
  mark: RequestMark,
  { waitSeconds, limit, gone, askAgain }: FetchRequest,
): Promise<MailboxPage> {
  const { store, limits, waiters } = context;
  const bounds = { limit, maxBytes: limits.pageBytes };
  if (waitSeconds === 0) return store.fetchItems(mark, bounds, context.now());
  const waiter = waiters.enter(mark.agentId);
  try {
    const page = await store.fetchItems(mark, bounds, context.now());
    if (page.items.length > 0) return page;
    const connection = gone();
    await waiter.wait(waitSeconds * 1000, connection);
    if (connection.aborted) return page;
    await askAgain();
    return await store.fetchItemsAgain(mark.agentId, bounds, context.now());
  } finally {
    waiter.end();
  }
}
