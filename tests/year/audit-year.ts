/**
 * The whole year of one agent as its audit trail tells it: every key was replaced within its window and ended within its own, none of it
 * twice, and the record is whole. Judges entries alone, by when the agent was there to act.
 */
import type { AuditEntry } from "@talos/core";
import { CERTIFICATE_DUE, firstChance, firstChanceToEnd, LATE } from "./bounds.ts";
import type { Member } from "./member.ts";
import { DAY, type MemberPlan } from "./year-plan.ts";

const HOUR = DAY / 24;
const HORIZON = 37 * DAY;
const SIGNED_PREKEY_WINDOW = { from: 28.5 * DAY, to: 30 * DAY } as const;
const SIGNED_PREKEY_PUBLISHED = 44 * DAY;
const LONGEST_PUBLISHED = 45 * DAY;
const IDENTITY_JITTER = 1.5 * DAY;
const YEAR = 365 * DAY;
const WARNING = 30 * DAY;
/** A directory that is down when an identity is to be rotated, and the pause after that. */
const DIRECTORY_AWAY = DAY;
const PAGE = 1_000;

export interface AuditNumbers {
  readonly entries: number;
  readonly certificates: number;
  readonly signedPrekeys: number;
  readonly signedPrekeysEnded: number;
  readonly encryptionKeysEnded: number;
  readonly oneTimePrekeyBatches: number;
  readonly identityRotations: number;
  /** Days after the beginning. */
  readonly rotatedOnDay: number;
}

export function wrongInAudit(
  member: Member,
  beganAt: number,
  { rotation, care }: MemberPlan,
): { readonly wrong: readonly string[]; readonly numbers: AuditNumbers } {
  const entries = allEntries(member);
  const rotations = entries.filter(({ kind, details }) => kind === "event-signed" && details["event"] === "rotation");
  const rotatedAt = rotations[0]?.at ?? Number.NaN;
  const wrong = [
    ...wrongIdentity(entries, member, { beganAt, rotatedAt, count: rotations.length, age: (rotation.identityDays ?? 365) * DAY, care }),
    ...wrongCertificates(entries, member),
    ...wrongSignedPrekeys(entries, member, rotatedAt),
    ...wrongEncryptionKeys(entries, member, rotatedAt),
    ...(member.client.audit.verify().sound ? [] : ["the audit trail is not whole"]),
  ];
  const count = (kind: string, of: string): number => keysOf(entries, kind, of).length;
  return {
    wrong: wrong.map((what) => `${member.name}: ${what}`),
    numbers: {
      entries: entries.length,
      certificates: entries.filter(({ kind }) => kind === "certificate-signed").length,
      signedPrekeys: count("key-created", "signed-prekey"),
      signedPrekeysEnded: count("key-ended", "signed-prekey"),
      encryptionKeysEnded: count("key-ended", "encryption"),
      oneTimePrekeyBatches: count("key-created", "one-time-prekey"),
      identityRotations: rotations.length,
      rotatedOnDay: (rotatedAt - beganAt) / DAY,
    },
  };
}

function allEntries({ client }: Member): readonly AuditEntry[] {
  const entries: AuditEntry[] = [];
  for (;;) {
    const page = client.audit.list({ after: entries.at(-1)?.order ?? 0, limit: PAGE });
    if (page.length === 0) return entries;
    entries.push(...page);
  }
}

function keysOf(entries: readonly AuditEntry[], kind: string, of: string): readonly AuditEntry[] {
  return entries.filter((entry) => entry.kind === kind && entry.details["of"] === of);
}

interface IdentityFacts {
  readonly beganAt: number;
  readonly rotatedAt: number;
  readonly count: number;
  readonly age: number;
  readonly care: MemberPlan["care"];
}

function wrongIdentity(
  entries: readonly AuditEntry[],
  { openings, toldAt }: Member,
  { beganAt, rotatedAt, count, age, care }: IdentityFacts,
): string[] {
  if (count !== 1) return [`${count} rotations of the identity`];
  const wrong: string[] = [];
  const dueAt = beganAt + age;
  const earliest = care === "operator" ? dueAt - IDENTITY_JITTER * (age / YEAR) - WARNING : dueAt - IDENTITY_JITTER;
  // A time table comes by while the directory is there; whoever is away just then waits for the next time.
  const told = toldAt.find((at) => at >= dueAt) ?? Number.POSITIVE_INFINITY;
  const latest = (care === "cron" ? told : firstChance(openings, dueAt) + DIRECTORY_AWAY) + LATE;
  if (rotatedAt < earliest || rotatedAt > latest) wrong.push(`the identity was rotated on day ${(rotatedAt - beganAt) / DAY}`);
  const ended = keysOf(entries, "key-ended", "identity");
  // It stands in the same commit as the event.
  if (ended.length !== 1 || ended[0]?.at !== rotatedAt) wrong.push("the old identity key did not end with its rotation");
  if (keysOf(entries, "key-rotated", "identity").length !== 1) wrong.push("no identity key came into force in its place");
  return wrong;
}

function wrongCertificates(entries: readonly AuditEntry[], { openings }: Member): string[] {
  const wrong: string[] = [];
  const signed = entries.filter(({ kind }) => kind === "certificate-signed");
  for (const [index, { at, generation }] of signed.entries()) {
    const next = signed[index + 1];
    const closedAt = openings[generation - 1]?.to ?? Number.POSITIVE_INFINITY;
    const isLast = next === undefined || next.generation !== generation;
    const isByEvent = next !== undefined && entries.some(({ kind, at: eventAt }) => kind === "event-signed" && eventAt === next.at);
    const until = isLast ? closedAt : next.at;
    if (until < Number.POSITIVE_INFINITY && until > at + CERTIFICATE_DUE + LATE)
      wrong.push(`a certificate was in use for ${(until - at) / HOUR} hours`);
    if (!isLast && !isByEvent && next.at < at + CERTIFICATE_DUE)
      wrong.push(`a certificate was renewed after ${(next.at - at) / HOUR} hours`);
  }
  return wrong;
}

function wrongSignedPrekeys(entries: readonly AuditEntry[], { openings }: Member, rotatedAt: number): string[] {
  const wrong: string[] = [];
  const made = keysOf(entries, "key-created", "signed-prekey");
  const retired = keysOf(entries, "key-retired", "signed-prekey");
  const ended = keysOf(entries, "key-ended", "signed-prekey");
  for (const [index, { at, details }] of made.entries()) {
    const key = `signed prekey ${details["key"]}`;
    const next = made[index + 1];
    if (next !== undefined) {
      if (next.at < at + SIGNED_PREKEY_WINDOW.from && Math.abs(next.at - rotatedAt) > HOUR)
        wrong.push(`${key} was replaced after ${(next.at - at) / DAY} days`);
      if (next.at > firstChance(openings, at + SIGNED_PREKEY_WINDOW.to) + LATE)
        wrong.push(`${key} was replaced after ${(next.at - at) / DAY} days`);
      if (retired.find((entry) => entry.details["key"] === details["key"])?.at !== next.at)
        wrong.push(`${key} did not retire with its successor`);
    }
    const ends = ended.filter((entry) => entry.details["key"] === details["key"]);
    const bound = at + SIGNED_PREKEY_PUBLISHED + HORIZON;
    for (const { at: endedAt } of ends) {
      if (endedAt < bound || endedAt > firstChanceToEnd(openings, bound) + LATE)
        wrong.push(`${key} ended after ${(endedAt - at) / DAY} days`);
    }
    if (ends.length > 1) wrong.push(`${key} ended twice`);
  }
  return wrong;
}

function wrongEncryptionKeys(entries: readonly AuditEntry[], { openings }: Member, rotatedAt: number): string[] {
  const wrong: string[] = [];
  const [retired, ...more] = keysOf(entries, "key-retired", "encryption");
  if (retired === undefined || more.length > 0 || retired.at !== rotatedAt) return ["the encryption key did not retire with the identity"];
  for (const { at } of keysOf(entries, "key-ended", "encryption")) {
    const latest = firstChanceToEnd(openings, rotatedAt + LONGEST_PUBLISHED + HORIZON) + LATE;
    if (at < rotatedAt + HORIZON || at > latest) wrong.push(`the former encryption key ended after ${(at - rotatedAt) / DAY} days`);
  }
  return wrong;
}
