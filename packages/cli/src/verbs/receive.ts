/** `talos receive`: reads what waits (or goes on with `--follow`), hands each message over, then acknowledges it. */
import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import type { ReceivedMessage } from "@talos/agent";
import { nodeCrypto, talosError, toBase64Url, toHex } from "@talos/core";
import { openAgent } from "../agent-access.ts";
import type { CommandContext, CommonChoices } from "../command-context.ts";
import { formatTime } from "../output/moments.ts";
import type { Output } from "../output/output.ts";
import { printable } from "../output/table.ts";

export interface ReceiveChoices extends CommonChoices {
  readonly follow?: boolean;
  readonly outputDir?: string;
  readonly wait?: number;
}

/** A message as printed with `--json`; the body is in `file`, or without `--output-dir` in `body` (base64url). */
interface MessageView {
  readonly from: string;
  readonly id: string;
  readonly contentType: string;
  readonly time: number;
  readonly resent: boolean;
  readonly bytes: number;
  readonly sha256: string;
  readonly file?: string;
  readonly body?: string;
}

export async function receive(choices: ReceiveChoices, context: CommandContext): Promise<void> {
  const { output, signal } = context;
  const follow = choices.follow === true;
  if (choices.outputDir !== undefined) await mkdir(choices.outputDir, { recursive: true, mode: 0o700 });
  await using client = await openAgent(choices, context);
  const messages: MessageView[] = [];
  for await (const message of client.receive({ signal, ...(follow ? {} : { idleSeconds: choices.wait ?? 0 }) })) {
    const view = await handOver(message, choices.outputDir);
    print(view, message.body, output);
    if (follow) output.record(view);
    else messages.push(view);
    // Only now: a crash before this line offers the message again, a crash after it never does.
    await message.ack();
  }
  if (follow) return;
  output.document({ messages });
  if (messages.length === 0) output.remark("No messages.");
}

async function handOver(message: ReceivedMessage, outputDir: string | undefined): Promise<MessageView> {
  const { from, id, contentType, time, resent, body } = message;
  const common = { from, id, contentType, time, resent, bytes: body.length, sha256: toHex(nodeCrypto.sha256(body)) };
  if (outputDir === undefined) return { ...common, body: toBase64Url(body) };
  return { ...common, file: await writeBody(join(outputDir, id), body) };
}

/** Writes and syncs the body before it is acknowledged; the same message again finds its own file and replaces it. */
async function writeBody(path: string, body: Uint8Array): Promise<string> {
  try {
    await using file = await open(path, "w", 0o600);
    await file.writeFile(body);
    await file.sync();
    return path;
  } catch (cause) {
    throw talosError("STORAGE_FAILED", "The message cannot be written to the output directory; it stays in the inbox.", { cause });
  }
}

function print(view: MessageView, body: Uint8Array, output: Output): void {
  output.line(`${view.id}  ${formatTime(view.time)}  from ${view.from}${view.resent ? "  (sent again)" : ""}`);
  if (view.file !== undefined) output.line(`  ${view.bytes} bytes, SHA-256 ${view.sha256}, in ${view.file}`);
  else if (view.contentType.startsWith("text/")) output.line(indent(new TextDecoder().decode(body)));
  else output.line(`  ${view.bytes} bytes of ${printable(view.contentType)}, SHA-256 ${view.sha256} (use --output-dir to keep it)`);
}

/** Lines of a text from outside, each made safe for a terminal. */
function indent(text: string): string {
  return text
    .split("\n")
    .map((line) => `  ${printable(line)}`)
    .join("\n");
}
