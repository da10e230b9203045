/**
 * What this server answers to. A signed request names the authority that it was made for; a request for another server,
 * passed on to this one, must not count here (RFC 9421, 7.2.2 on misuse of components).
 */
import { networkInterfaces } from "node:os";
import { talosError } from "@talos/core";

const WILDCARDS: ReadonlySet<string> = new Set(["0.0.0.0", "::", ""]);
const LOOPBACK: ReadonlySet<string> = new Set(["127.0.0.1", "::1", "localhost"]);

/**
 * `host:port` of the address that is listened on (for a wildcard: of every address of the machine; for loopback: also of
 * its other names), and the configured public ones.
 */
export function ownAuthorities(host: string, port: number, publicAuthorities: readonly string[]): ReadonlySet<string> {
  const hosts = new Set([host]);
  if (WILDCARDS.has(host)) {
    for (const addresses of Object.values(networkInterfaces())) for (const { address } of addresses ?? []) hosts.add(address);
  }
  if (WILDCARDS.has(host) || LOOPBACK.has(host)) for (const name of LOOPBACK) hosts.add(name);
  const listening = [...hosts].map((name) => `${name.includes(":") ? `[${name}]` : name}:${port}`);
  // A public one may stand for https, whose default port no client names.
  const named = publicAuthorities.map((authority) => authority.replace(/:443$/, ""));
  return new Set([...listening, ...named].map(normalizeAuthority));
}

/** Lower case, without the default port of http (RFC 9421, 2.2.3). */
function normalizeAuthority(authority: string): string {
  return authority.toLowerCase().replace(/:80$/, "");
}

/** @throws TalosError MALFORMED for a Host that is none of ours */
export function checkAuthority(own: ReadonlySet<string>, host: string | undefined): string {
  const authority = normalizeAuthority(host ?? "");
  if (own.has(authority)) return authority;
  throw talosError("MALFORMED", "The request is addressed to another host than this directory.", {
    hint: "Use the directory's own address, or tell the directory its public one.",
  });
}
