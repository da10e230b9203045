/** An identity log out of a file, as the option --log takes it. Verifies nothing. */
import { fromBase64Url, talosError } from "@talos/core";
import { readTextFile } from "./input-bytes.ts";

/** A JSON list of events in base64url, or an object that has it as `log`: metadata.json, and the first line of an audit's export. */
export async function readLogFile(path: string): Promise<readonly Uint8Array[]> {
  const text = await readTextFile(path);
  try {
    const json = parseWholeOrFirst(text);
    const events: unknown = Array.isArray(json) ? json : (json as { log?: unknown }).log;
    return (events as readonly string[]).map((event) => fromBase64Url(event));
  } catch (cause) {
    throw talosError("MALFORMED", "The file of --log holds no identity log.", { cause });
  }
}

function parseWholeOrFirst(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return JSON.parse(text.split("\n", 1)[0] ?? "");
  }
}
