// Home directory URLs as certificates and batches list them. Must not know HTTP. Source: docs/protocol/instance.md, key 6.
import type { ArrayReader } from "../codec/readers.ts";
import { talosError } from "../errors/talos-error.ts";
import { isHostAndPort } from "./agent-id.ts";

export const MAX_HOME_DIRECTORIES = 4;
export const MAX_DIRECTORY_URL_BYTES = 255;

/** Checks `http(s)://host[:port]`, no path, at most 255 bytes; returns it. Throws MALFORMED. */
export function checkDirectoryUrl(url: string): string {
  const host = /^https?:\/\/(.*)$/s.exec(url)?.[1];
  if (host === undefined || url.length > MAX_DIRECTORY_URL_BYTES || !isHostAndPort(host)) {
    throw talosError("MALFORMED", "A directory's URL is http:// or https://, a host and optionally a port.");
  }
  return url;
}

/** Checks a list of at most 4 URLs. Throws MALFORMED. */
export function checkDirectories(urls: readonly string[]): readonly string[] {
  if (urls.length > MAX_HOME_DIRECTORIES) throw talosError("MALFORMED", "More than 4 home directories.");
  return urls.map(checkDirectoryUrl);
}

/** Reads the list. Throws MALFORMED. */
export function readDirectories(list: ArrayReader): readonly string[] {
  const urls: string[] = [];
  while (list.remaining > 0) urls.push(list.text({ minBytes: 1, maxBytes: MAX_DIRECTORY_URL_BYTES }));
  return checkDirectories(urls);
}
