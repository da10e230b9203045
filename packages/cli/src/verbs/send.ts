/** `talos send PEER [TEXT | --file F | < input]`: exit 0 once the message is durable; it then leaves as soon as it can. */
import { readFile, stat } from "node:fs/promises";
import { talosError, utf8 } from "@talos/core";
import { openAgent } from "../agent-access.ts";
import type { CommandContext, CommonChoices } from "../command-context.ts";

export interface SendChoices extends CommonChoices {
  readonly peer: string;
  readonly text?: string | undefined;
  readonly file?: string;
  readonly contentType?: string;
  readonly sign?: "instance" | "identity" | "none";
  readonly waitFor?: "deposited" | "delivered";
  readonly timeout?: number;
}

const MAX_BODY_BYTES = 10_000_000;

export async function send(choices: SendChoices, context: CommandContext): Promise<void> {
  const { output } = context;
  const body = await readBody(choices);
  await using client = await openAgent(choices, context);
  const timeoutSeconds = choices.timeout ?? 10;
  const sent = await client.send(choices.peer, body, {
    contentType: choices.contentType ?? (choices.file === undefined ? "text/plain;charset=utf-8" : "application/octet-stream"),
    ...(choices.sign === undefined ? {} : { sign: choices.sign }),
    ...(choices.waitFor === undefined ? {} : { waitFor: choices.waitFor, timeoutSeconds }),
  });
  if (choices.waitFor === undefined) await client.flush({ timeoutSeconds });
  const now = client.outbox(sent.messageId) ?? sent;
  output.document({ messageId: sent.messageId, to: choices.peer, bytes: body.length, state: now.state, reason: now.reason ?? null });
  output.line(`${sent.messageId}  ${now.state}${now.reason === undefined ? "" : ` (${now.reason})`}`);
}

async function readBody({ text, file }: SendChoices): Promise<Uint8Array> {
  if (text !== undefined && file !== undefined)
    throw talosError("INVALID_ARGUMENT", "A text and --file were both given.", { hint: "Give one of them." });
  if (text !== undefined) return utf8(text);
  if (file !== undefined) return await readMessageFile(file);
  return await readStandardInput();
}

async function readMessageFile(path: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(path);
    if (size > MAX_BODY_BYTES) throw talosError("MESSAGE_TOO_LARGE", undefined, { details: { bytes: size } });
    return await readFile(path);
  } catch (cause) {
    if (cause instanceof Error && "syscall" in cause) throw talosError("FILE_NOT_FOUND", "The file to send cannot be read.", { cause });
    throw cause;
  }
}

async function readStandardInput(): Promise<Uint8Array> {
  if (process.stdin.isTTY) {
    throw talosError("INVALID_ARGUMENT", "There is nothing to send.", { hint: "Give a text, --file FILE, or pipe the message in." });
  }
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of process.stdin) {
    const chunk = Buffer.from(part as Buffer);
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw talosError("MESSAGE_TOO_LARGE");
    parts.push(chunk);
  }
  return Buffer.concat(parts);
}
