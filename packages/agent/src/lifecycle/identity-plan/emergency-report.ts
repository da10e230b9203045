/**
 * What an emergency rotation found and did, and what remains: the facts of its moment are stored with it, what goes on since (peers,
 * publication) is read when somebody asks. Public facts only, readable without the password.
 */
import { agentIdToDid, fromHex, sameHead, type AuditEntry, type Authority } from "@talos/core";
import { HOME_DIRECTORY, type ReadTransaction, type SlotInfo, type Transaction } from "../../vault/index.ts";
import { isPublished } from "../publish-plan.ts";

const EMERGENCY_REPORT = "emergency-report";
/** The newest ones; the audit trail has them all. */
const MAX_SHOWN_ENTRIES = 200;
const SIGNING_KINDS: readonly string[] = ["certificate-signed", "batch-signed", "signature-made", "event-signed"];

export type StepState = "done" | "under-way" | "open";

/** One of the five steps after a compromise. */
export interface EmergencyStep {
  readonly state: StepState;
  readonly text: string;
}

/** Times are in milliseconds since 1970, keys and hashes in hexadecimal. */
export interface EmergencyFacts {
  readonly at: number;
  /** As its owner gave it. */
  readonly reason: string;
  readonly kind: "compromise" | "lost";
  readonly authority: Authority;
  /** True without a recovery key: who has the whole data directory and its password could have done the same. */
  readonly contestable: boolean;
  readonly seq: number;
  readonly hash: string;
  readonly formerIdentityKey: string;
  readonly identityKey: string;
  readonly suspectedSince?: number;
  /** From which index of the audit tree on things are in doubt. */
  readonly suspectFrom?: number;
  /** Events of somebody else that were cut off; kept as evidence. */
  readonly cutOffEvents: readonly { readonly seq: number; readonly hash: string }[];
  /** What the former key signed since then, as far as the trail of this data directory knows. */
  readonly signed: Readonly<Record<string, number>>;
  readonly signedEntries: readonly SignedEntry[];
  readonly passwordReplaced: boolean;
  /** Ways into the data directory that have ended. */
  readonly slotsToAddAgain: readonly { readonly number: number; readonly kind: string; readonly label: string }[];
  readonly notifyPeers: boolean;
}

export interface SignedEntry {
  readonly order: number;
  readonly kind: string;
  readonly at: number;
  readonly details: AuditEntry["details"];
}

export interface EmergencyReport extends EmergencyFacts {
  readonly peers: readonly { readonly did: string; readonly name?: string; readonly state: "pending" | "deposited" | "acknowledged" }[];
  /** Copies that have become dangerous. */
  readonly dangerous: readonly string[];
  /** What a person has to do; the most urgent first. */
  readonly byHand: readonly string[];
  readonly steps: Readonly<Record<"detect" | "rotate" | "revoke" | "notify" | "audit", EmergencyStep>>;
}

/** What was signed from that index of the tree on. */
export function signedSince(tx: ReadTransaction, suspectFrom: number): Pick<EmergencyFacts, "signed" | "signedEntries"> {
  const entries = tx.audit.list().filter(({ kind, order }) => order > suspectFrom && SIGNING_KINDS.includes(kind));
  const signed: Record<string, number> = Object.fromEntries(SIGNING_KINDS.map((kind) => [kind, 0]));
  for (const { kind } of entries) signed[kind] = (signed[kind] ?? 0) + 1;
  const shown = entries.slice(-MAX_SHOWN_ENTRIES).map(({ order, kind, at, details }) => ({ order, kind, at, details }));
  return { signed, signedEntries: shown };
}

export function slotFacts(slots: readonly SlotInfo[]): EmergencyFacts["slotsToAddAgain"] {
  return slots.map(({ number, kind, label }) => ({ number, kind, label }));
}

/** In the transaction that puts the event in force. */
export function storeReport(tx: Transaction, facts: string): void {
  tx.settings.set(EMERGENCY_REPORT, facts);
}

/** The report of the last emergency rotation, as things stand now. */
export function readReport(tx: ReadTransaction): EmergencyReport | undefined {
  const stored = tx.settings.get(EMERGENCY_REPORT);
  return stored === undefined ? undefined : composeReport(tx, JSON.parse(stored) as EmergencyFacts);
}

function composeReport(tx: ReadTransaction, facts: EmergencyFacts): EmergencyReport {
  const peers = peersOf(tx, facts);
  return { ...facts, peers, dangerous: dangerousOf(facts), byHand: byHandOf(facts), steps: stepsOf(tx, facts, peers) };
}

function peersOf(tx: ReadTransaction, { seq, hash }: EmergencyFacts): EmergencyReport["peers"] {
  const told = tx.notifications.list().filter(({ head }) => sameHead(head, { seq, hash: fromHex(hash) }));
  return told.map(({ peer, depositedAt, acknowledgedAt }) => {
    const name = tx.peers.get(peer)?.petname;
    const state = acknowledgedAt !== undefined ? "acknowledged" : depositedAt !== undefined ? "deposited" : "pending";
    return { did: agentIdToDid(peer), ...(name === undefined ? {} : { name }), state } as const;
  });
}

function dangerousOf({ kind }: EmergencyFacts): readonly string[] {
  const copies = "Every copy of the data directory made before: with the password of then it gives what was in it, mail and former keys.";
  const backups = "Every exported backup made before: its keys are former ones; make a new backup, and destroy the old ones.";
  const quarantine = "Files in the folder quarantine: they were not sealed anew.";
  return kind === "compromise" ? [copies, backups, quarantine] : [copies, backups];
}

function byHandOf({ passwordReplaced, contestable, slotsToAddAgain, suspectedSince, cutOffEvents }: EmergencyFacts): readonly string[] {
  const items: string[] = [];
  if (!passwordReplaced) items.push("Whoever stole the data directory may know its password: replace it (talos passwd --rekey).");
  if (contestable) {
    items.push(
      "No recovery key stood behind this: a thief of the whole data directory could contest it. Make a kit now (talos recovery-kit create).",
    );
  }
  if (slotsToAddAgain.length > 0) items.push("Other ways into the data directory have ended: add them again (talos slots add).");
  items.push("Find out how it happened, and close that way: the new keys lie on the same machine.");
  if (suspectedSince === undefined)
    items.push("Find out since when: then review what was signed from then on (talos audit review --since TIME).");
  else items.push("Review what was signed since then (talos audit review), and disown what was not yours.");
  if (cutOffEvents.length > 0) items.push("Keep the evidence of the events that were cut off (talos audit export).");
  items.push("Make a new backup, and destroy the copies that are dangerous now.");
  return items;
}

function stepsOf(tx: ReadTransaction, facts: EmergencyFacts, peers: EmergencyReport["peers"]): EmergencyReport["steps"] {
  const { suspectedSince, kind, notifyPeers, signed } = facts;
  const home = tx.settings.get(HOME_DIRECTORY);
  const published = home === undefined || isPublished(tx, home);
  const open = peers.filter(({ state }) => state !== "acknowledged").length;
  const count = Object.values(signed).reduce((sum, one) => sum + one, 0);
  return {
    detect:
      suspectedSince === undefined
        ? {
            state: "open",
            text: "Since when the key was in other hands is not known: what was on record before goes on counting elsewhere.",
          }
        : { state: "done", text: `In doubt is what was signed since ${new Date(suspectedSince).toISOString()}.` },
    rotate: published
      ? { state: "done", text: "The new keys are in force here and at the directory." }
      : { state: "under-way", text: "The new keys are in force here; certificate and prekeys are on their way to the directory." },
    revoke:
      kind === "compromise"
        ? { state: "done", text: "Nothing made with the former keys counts any more; sessions have ended." }
        : { state: "done", text: "Nothing new is accepted under the former keys; sessions go on." },
    notify: !notifyPeers
      ? { state: "open", text: "Peers are not told; they learn of it when they next fetch the log." }
      : open === 0
        ? { state: "done", text: `All ${peers.length} peers have acknowledged.` }
        : { state: "under-way", text: `${open} of ${peers.length} peers have not acknowledged yet; it goes on by itself.` },
    audit: { state: "open", text: `${count} signatures are to be reviewed.` },
  };
}
