/** `talos audit show|verify|export|review|prove`: reads only and works beside a running agent; only `export --renew` opens it. */
import { writeFile } from "node:fs/promises";
import { TalosClient, type ExportCheck, type ExportedAudit } from "@talos/agent";
import { decodeUtf8, talosError } from "@talos/core";
import { inspectAgent, openAgent } from "../agent-access.ts";
import type { CommandContext, CommonChoices } from "../command-context.ts";
import { readInputFile, readTextFile } from "../input-bytes.ts";
import { readLogFile } from "../log-file.ts";
import { checkLines, entryLines, exportLines, reviewLines } from "../output/audit-report.ts";
import { formatTime, parseMoment } from "../output/moments.ts";

export interface ShowAuditChoices extends CommonChoices {
  readonly after?: string;
  readonly limit?: string;
}

export interface VerifyAuditChoices extends CommonChoices {
  readonly file?: string | undefined;
  readonly agent?: string;
  readonly log?: string;
  readonly directory?: string;
  readonly known?: boolean;
}

export interface ExportAuditChoices extends CommonChoices {
  readonly out?: string;
  readonly renew?: boolean;
}

export interface ReviewAuditChoices extends CommonChoices {
  readonly since: string;
}

export interface ProveChoices extends CommonChoices {
  readonly signature: string;
}

/** Refused by what was signed. */
const EXIT_UNSOUND = 5;
const DEFAULT_LIMIT = 1_000;

export async function showAudit(choices: ShowAuditChoices, context: CommandContext): Promise<void> {
  const { output } = context;
  const [after, limit] = [wholeNumber(choices.after, "--after", 0), wholeNumber(choices.limit, "--limit", DEFAULT_LIMIT)];
  await using agent = await inspectAgent(choices, context);
  const entries = agent.auditEntries({ after, limit });
  output.document({ entries });
  for (const line of entryLines(entries)) output.line(line);
  const last = entries.at(-1);
  if (entries.length === limit && last !== undefined) output.remark(`There may be more: --after ${last.order}`);
}

export async function verifyAudit(choices: VerifyAuditChoices, context: CommandContext): Promise<number> {
  if (choices.file !== undefined) return await verifyFile(choices.file, choices, context);
  for (const name of ["agent", "log", "directory", "known"] as const) {
    if (choices[name] === undefined) continue;
    throw talosError("INVALID_ARGUMENT", `--${name} goes with a file.`, { hint: `Name the exported file, or leave --${name} out.` });
  }
  const { output } = context;
  await using agent = await inspectAgent(choices, context);
  const check = agent.verifyAudit();
  output.document(check);
  for (const line of checkLines(check)) output.line(line);
  return check.sound ? 0 : EXIT_UNSOUND;
}

/** Needs no agent and no secret, but with --known. */
async function verifyFile(file: string, choices: VerifyAuditChoices, context: CommandContext): Promise<number> {
  const { output } = context;
  const text = decodeUtf8(await readInputFile(file));
  const check = await checkedBy(text, choices, context);
  output.document(check);
  for (const line of exportLines(check)) output.line(line);
  if (check.comparedWith === "export") output.remark("--directory URL or --log FILE tells whether the key that signed it still counts.");
  if (choices.agent === undefined) output.remark("Whose it has to be is yours to know: --agent DID refuses any other.");
  return 0;
}

async function checkedBy(text: string, choices: VerifyAuditChoices, context: CommandContext): Promise<ExportCheck> {
  const { agent, log, directory, known = false } = choices;
  if ([log !== undefined, directory !== undefined, known].filter(Boolean).length > 1) {
    throw talosError("INVALID_ARGUMENT", "The agent's log comes from one place: --directory, --log or --known.");
  }
  const options = { text, ...(agent === undefined ? {} : { agent }) };
  if (known) {
    await using inspection = await inspectAgent(choices, context);
    return inspection.verifyAuditExport(options);
  }
  return await TalosClient.verifyAuditExport({
    ...options,
    ...(log === undefined ? {} : { log: await readLogFile(log) }),
    ...(directory === undefined ? {} : { directory }),
  });
}

export async function exportAudit(choices: ExportAuditChoices, context: CommandContext): Promise<void> {
  const { output, streams } = context;
  const exported = choices.renew === true ? await exportFresh(choices, context) : await exportAsSigned(choices, context);
  const { text, ...facts } = exported;
  if (choices.out !== undefined) {
    await writeNew(choices.out, text);
    output.document({ ...facts, file: choices.out });
    output.line(`${facts.entries} entries, certified ${formatTime(facts.certifiedAt)}, in ${choices.out}`);
  } else {
    output.document({ ...facts, export: text });
    if (!output.wantsJson) streams.stdout.write(text);
  }
  if (facts.notYetSigned > 1) {
    output.remark(`${facts.notYetSigned} newer entries are not in it: the agent's next certificate covers them, or --renew makes one now.`);
  }
}

export async function reviewAudit(choices: ReviewAuditChoices, context: CommandContext): Promise<void> {
  const { output } = context;
  const since = parseMoment(choices.since, Date.now());
  await using agent = await inspectAgent(choices, context);
  const review = agent.reviewAudit({ since });
  output.document(review);
  for (const line of reviewLines(review, (text) => output.heading(text))) output.line(line);
}

export async function proveSignature(choices: ProveChoices, context: CommandContext): Promise<void> {
  const { output } = context;
  const signature = await readTextFile(choices.signature);
  await using agent = await inspectAgent(choices, context);
  const { text, retiredBy } = agent.signatureProof(signature);
  output.document({ proof: text, retiredBy });
  output.line(text);
}

async function exportAsSigned(choices: CommonChoices, context: CommandContext): Promise<ExportedAudit> {
  await using agent = await inspectAgent(choices, context);
  return agent.exportAudit();
}

async function exportFresh(choices: CommonChoices, context: CommandContext): Promise<ExportedAudit> {
  await using client = await openAgent(choices, context);
  return await client.audit.export();
}

/** A file that is there may be the only other copy. */
async function writeNew(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text, { flag: "wx", mode: 0o600 });
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "EEXIST") throw talosError("FILE_EXISTS", undefined, { cause });
    throw talosError("STORAGE_FAILED", "The export could not be written.", { cause });
  }
}

function wholeNumber(text: string | undefined, option: string, fallback: number): number {
  if (text === undefined) return fallback;
  if (!/^\d{1,9}$/.test(text)) throw talosError("INVALID_ARGUMENT", `${option} takes a whole number.`);
  return Number(text);
}
