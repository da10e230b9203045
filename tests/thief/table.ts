// A table of what a thief can do: each line an attempt, who answers it and how, and why; run line by line, and printed as the page has it.
import assert from "node:assert/strict";
import { isTalosError } from "@talos/core";

/** Who refuses it, or would have to: `keys` where nothing but mathematics is in the way. */
export type Guard = "directory" | "peer" | "own code" | "verifier" | "keys";

/** `works`, an error code, or what happens in its place. */
export type Outcome = string;

export interface Attempt<S> {
  readonly what: string;
  readonly by: Guard;
  /** Resolves where it works; a text is what happened instead; throws what it was refused with. */
  readonly run: (scene: S) => Promise<unknown>;
}

export interface Line<S> extends Attempt<S> {
  readonly outcome: Outcome;
  readonly why: string;
}

export interface Stage<S> {
  readonly when: string;
  /** What the owner, or time, does before the lines. */
  readonly enter?: (scene: S) => Promise<void>;
  readonly lines: readonly Line<S>[];
}

export interface Table<S extends AsyncDisposable = AsyncDisposable> {
  readonly title: string;
  /** What the thief has. */
  readonly holds: string;
  readonly start: () => Promise<S>;
  readonly stages: readonly Stage<S>[];
}

export function line<S>(attempt: Attempt<S>, outcome: Outcome, why: string): Line<S> {
  return { ...attempt, outcome, why };
}

/** Runs every line, then compares all of them, so that one that differs hides no other. */
export async function check<S extends AsyncDisposable>({ start, stages }: Table<S>): Promise<void> {
  const found: string[] = [];
  await using scene = await start();
  for (const { when, enter, lines } of stages) {
    await enter?.(scene);
    for (const { what, by, run } of lines) found.push(asText(when, what, by, await outcomeOf(run(scene))));
  }
  const expected = stages.flatMap(({ when, lines }) => lines.map(({ what, by, outcome }) => asText(when, what, by, outcome)));
  assert.deepEqual(found, expected);
}

function asText(when: string, what: string, by: Guard, outcome: Outcome): string {
  return `${when}: ${what} (${by}): ${outcome}`;
}

async function outcomeOf(attempt: Promise<unknown>): Promise<Outcome> {
  try {
    const said = await attempt;
    return typeof said === "string" ? said : "works";
  } catch (error) {
    if (isTalosError(error)) return error.code;
    throw error;
  }
}

/** As docs/threat-model.md has it. */
export function asMarkdown({
  title,
  holds,
  stages,
}: Pick<Table, "title" | "holds"> & { readonly stages: readonly PrintedStage[] }): string {
  const rows = stages.flatMap(({ when, lines }) =>
    lines.map(({ what, by, outcome, why }) => `| ${when} | ${what} | ${by} | ${printed(outcome)} | ${why} |`),
  );
  return [`### ${title}`, "", holds, "", "| when | attempt | answered by | outcome | why |", "|---|---|---|---|---|", ...rows, ""].join(
    "\n",
  );
}

interface PrintedStage {
  readonly when: string;
  readonly lines: readonly Pick<Line<never>, "what" | "by" | "outcome" | "why">[];
}

function printed(outcome: Outcome): string {
  if (outcome === "works") return "**works**";
  return /^[A-Z_]+$/.test(outcome) ? `\`${outcome}\`` : outcome;
}
