/** Runs the command `talos` in processes of its own, as an operator would. Knows no story. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { isErrorCode, talosError } from "@talos/core";

const COMMAND = fileURLToPath(new URL("../../bin/talos.js", import.meta.url));
const STOP_AFTER_MS = 5_000;

/** Runs one command with `--json` to its end and returns its document. Errors: the error that the command named. */
export async function runTalos(args: readonly string[], signal: AbortSignal): Promise<Readonly<Record<string, unknown>>> {
  const child = spawn(process.execPath, [COMMAND, ...args, "--json", "--quiet"], {
    stdio: ["ignore", "pipe", "ignore"],
    env: childEnvironment(),
    signal,
  });
  const parts: string[] = [];
  child.stdout.setEncoding("utf8").on("data", (part: string) => parts.push(part));
  const [exitCode] = (await once(child, "close")) as [number | null];
  const document = parseDocument(parts.join(""));
  if (exitCode !== 0) throw childError(document, args[0]);
  return document;
}

export interface RunningDirectory {
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts a directory and waits until it listens. */
export async function startDirectoryProcess(store: string): Promise<RunningDirectory> {
  const args = [COMMAND, "directory", "serve", "--listen", "127.0.0.1:0", "--store", `sqlite:${store}`, "--json", "--quiet"];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "ignore"], env: childEnvironment() });
  const ended = once(child, "close");
  for await (const line of createInterface({ input: child.stdout })) {
    const { url } = parseDocument(line);
    if (typeof url !== "string") break;
    return { url, stop: () => stop(child, ended) };
  }
  await ended;
  throw talosError("INTERNAL", "The directory did not start.");
}

async function stop(child: ChildProcess, ended: Promise<unknown>): Promise<void> {
  child.kill("SIGTERM");
  const force = setTimeout(() => child.kill("SIGKILL"), STOP_AFTER_MS);
  await ended;
  clearTimeout(force);
}

/** The user's own agents and passwords have no place in the demo's processes. */
function childEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("TALOS_") && name !== "CREDENTIALS_DIRECTORY"));
}

function parseDocument(text: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}

function childError(document: Readonly<Record<string, unknown>>, verb = "talos"): ReturnType<typeof talosError> {
  const { error } = document as { error?: { code?: unknown; message?: unknown; hint?: unknown } };
  if (error !== undefined && isErrorCode(error.code)) return talosError(error.code, String(error.message), { hint: String(error.hint) });
  return talosError("INTERNAL", `The command talos ${verb} failed.`);
}
