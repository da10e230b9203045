/**
 * One agent's keys as they are each day, against what the day before said: no key past its bound, none ended before its time, and in the data
 * directory the files of just these keys. Reads the status and names of files alone.
 */
import { readdirSync } from "node:fs";
import type { KeyStatus } from "@talos/agent";
import { firstChance, firstChanceToEnd, LATE } from "./bounds.ts";
import type { Member } from "./member.ts";
import { DAY } from "./year-plan.ts";

/** The mailbox's 30 days and a week. */
const HORIZON = 37 * DAY;
const SIGNED_PREKEY_DUE = 30 * DAY;
const SIGNED_PREKEY_PUBLISHED = 44 * DAY;
const ONE_TIME_PREKEY_DUE = 76 * DAY;
const ONE_TIME_PREKEY_PUBLISHED = 90 * DAY;
/** An encryption key is published in batches, which end with a signed prekey. */
const LONGEST_PUBLISHED = 45 * DAY;

const FIXED_FILES: readonly string[] = ["lock", "metadata.json", "prekeys", "state.db"];
const COMING_AND_GOING: readonly string[] = ["state.db-shm", "state.db-wal"];

export class KeyWatch {
  readonly #member: Member;
  #before: ReadonlyMap<string, KeyStatus> = new Map();
  /** One-time prekeys that ended before their time: they were used. */
  usedPrekeys = 0;

  constructor(member: Member) {
    this.#member = member;
  }

  /** What is wrong just now, and may be right in a moment. The agent is open. */
  wrong(now: number): readonly string[] {
    const { keys, certificate } = this.#member.client.status();
    const wrong = keys.flatMap((key) => this.#wrongWith(key, now).map((what) => `${key.kind} ${key.keyId} (${key.state}) ${what}`));
    const count = (kind: KeyStatus["kind"], role?: string): number =>
      keys.filter((key) => key.kind === kind && key.state === "live" && key.role === role).length;
    if (count("identity", "current") !== 1 || count("identity", "next") !== 1) wrong.push("one current and one next identity key");
    if (count("encryption") !== 1 || count("signed-prekey") !== 1) wrong.push("one encryption key and one signed prekey are live");
    if (certificate === undefined || certificate.to <= now) wrong.push("the certificate has run out");
    return [...wrong, ...this.#files(keys)].map((what) => `${this.#member.name}: ${what}`);
  }

  /** @returns what should not have happened since the day before */
  nextDay(now: number): readonly string[] {
    const { keys } = this.#member.client.status();
    const here = new Map(keys.map((key) => [key.keyId, key]));
    const gone = [...this.#before.values()].filter(({ keyId }) => !here.has(keyId));
    const early = gone.filter(({ expiresAt, kind }) => kind !== "identity" && now < (expiresAt ?? 0) + HORIZON);
    this.usedPrekeys += early.filter(({ kind }) => kind === "one-time-prekey").length;
    this.#before = here;
    return early
      .filter(({ kind }) => kind !== "one-time-prekey")
      .map(({ kind, keyId }) => `${this.#member.name}: ${kind} ${keyId} was ended before its time`);
  }

  #wrongWith({ kind, state, createdAt, expiresAt = 0, dueAt = Number.POSITIVE_INFINITY }: KeyStatus, now: number): string[] {
    const { openings } = this.#member;
    const isLate = (at: number): boolean => now > firstChance(openings, at) + LATE;
    const isLateToEnd = (at: number): boolean => now > firstChanceToEnd(openings, at) + LATE;
    if (state === "staged") return ["is not in force"];
    if (state === "retired") {
      if (kind === "identity") return ["is kept"];
      if (kind === "encryption" && expiresAt > now + LONGEST_PUBLISHED) return ["is kept too long"];
      return isLateToEnd(expiresAt + HORIZON) ? ["lives past its bound"] : [];
    }
    if (kind === "signed-prekey") {
      if (expiresAt !== createdAt + SIGNED_PREKEY_PUBLISHED || dueAt > createdAt + SIGNED_PREKEY_DUE)
        return ["has other times than the policy"];
      return isLate(dueAt) ? ["is overdue"] : [];
    }
    if (kind === "one-time-prekey") {
      if (expiresAt !== createdAt + ONE_TIME_PREKEY_PUBLISHED) return ["has another life than the policy"];
      return isLate(createdAt + ONE_TIME_PREKEY_DUE) ? ["is overdue"] : [];
    }
    return [];
  }

  #files(keys: readonly KeyStatus[]): string[] {
    const names = readdirSync(this.#member.client.dataDir, { recursive: true, encoding: "utf8" });
    const expected = new Set([...FIXED_FILES, ...keys.map(({ where }) => where)]);
    const missing = [...expected].filter((name) => !names.includes(name)).map((name) => `${name} is missing`);
    const excess = names.filter((name) => !expected.has(name) && !COMING_AND_GOING.includes(name)).map((name) => `${name} is left over`);
    return [...missing, ...excess];
  }
}
