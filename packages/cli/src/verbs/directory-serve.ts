/** `talos directory serve`: runs the directory until SIGINT or SIGTERM, then stops in an orderly way. */
import { startDirectory } from "@talos/directory";
import { talosError } from "@talos/core";
import type { CommandContext, CommonChoices } from "../command-context.ts";

export interface ServeChoices extends CommonChoices {
  readonly listen?: string;
  readonly store?: string;
  readonly publicAuthority?: readonly string[];
}

export async function serveDirectory(choices: ServeChoices, { output, signal }: CommandContext): Promise<void> {
  const listen = parseListen(choices.listen ?? "127.0.0.1:8420");
  const store = choices.store ?? "sqlite:talos-directory.db";
  const directory = await startDirectory({ listen, store, publicAuthorities: choices.publicAuthority ?? [] });
  output.record({ event: "listening", url: directory.url, store });
  output.line(`Listening on ${directory.url}`);
  await stopped(signal);
  output.remark("Stopping.");
  await directory.close();
}

/** `HOST:PORT`, an IPv6 host in brackets. */
function parseListen(text: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3] ?? Number.NaN);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined || !(port <= 65_535))
    throw talosError("INVALID_ARGUMENT", "--listen takes HOST:PORT.", { hint: "For example 127.0.0.1:8420, or [::1]:8420." });
  return { host, port };
}

function stopped(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
