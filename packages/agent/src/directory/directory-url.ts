/**
 * URLs of directories: one canonical spelling each (a directory is one origin), and the way from the `@host[:port]` of
 * an address to a URL. Knows nothing of HTTP.
 */
import { talosError } from "@talos/core";

const MAX_URL_BYTES = 255;

/**
 * The canonical URL, `http(s)://host[:port]` without a path.
 *
 * @throws TalosError INVALID_ARGUMENT for anything else
 */
export function parseDirectoryUrl(text: string): string {
  const url = URL.parse(text);
  const bare = url !== null && url.pathname === "/" && url.search === "" && url.hash === "" && url.username === "" && url.password === "";
  if (url === null || !bare || (url.protocol !== "http:" && url.protocol !== "https:") || url.origin.length > MAX_URL_BYTES) {
    throw talosError("INVALID_ARGUMENT", "A directory is given as http(s)://host[:port], without a path.", {
      details: { option: "directory" },
    });
  }
  return url.origin;
}

/**
 * The URL of the directory that an address names only by `host[:port]`: a known one with that host, else http on
 * loopback and https everywhere else.
 *
 * @param known URLs that this agent already uses
 * @throws TalosError INVALID_ARGUMENT
 */
export function urlOfAuthority(authority: string, known: readonly string[]): string {
  const same = known.find((url) => url.slice(url.indexOf("//") + 2) === authority);
  if (same !== undefined) return same;
  const host = authority.replace(/:\d+$/, "");
  const loopback = host === "localhost" || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host);
  return parseDirectoryUrl(`${loopback ? "http" : "https"}://${authority}`);
}
