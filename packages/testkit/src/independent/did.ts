// Agent ids as text (identity.md, Agent id): did:talos:z + base58btc of the multihash 0x12 0x20 || id.
import { hex, join, unhex } from "./bytes.ts";
import { demand } from "./refusal.ts";

const ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const PREFIX = "did:talos:z";

export function didOf(agentId: string): string {
  let value = BigInt(`0x${hex(join(Uint8Array.of(0x12, 0x20), unhex(agentId)))}`);
  let text = "";
  for (; value > 0n; value /= 58n) text = (ALPHABET[Number(value % 58n)] ?? "") + text;
  return PREFIX + text;
}

/** The agent id in hex. Only the one text that `didOf` gives is taken. */
export function agentIdOf(did: string): string {
  demand(did.startsWith(PREFIX) && did.length <= PREFIX.length + 64, "not a did:talos:z");
  let value = 0n;
  for (const letter of did.slice(PREFIX.length)) {
    const digit = ALPHABET.indexOf(letter);
    demand(digit >= 0, "not base58btc");
    value = value * 58n + BigInt(digit);
  }
  const text = value.toString(16).padStart(68, "0");
  demand(text.length === 68 && text.startsWith("1220"), "not a SHA-256 multihash");
  const agentId = text.slice(4);
  demand(didOf(agentId) === did, "not the canonical text");
  return agentId;
}

export interface Address {
  readonly did: string;
  readonly agentId: string;
  readonly directory: string | null;
}

/** A DID, optionally followed by `@host[:port]`. */
export function parseAddress(address: string): Address {
  const at = address.indexOf("@");
  const did = at < 0 ? address : address.slice(0, at);
  const directory = at < 0 ? null : address.slice(at + 1);
  demand(directory === null || isAuthority(directory), "not host[:port]");
  return { did, agentId: agentIdOf(did), directory };
}

/** `host[:port]`, the host a name, an IPv4 address or an IPv6 address in brackets, the port 1 to 65,535. */
export function isAuthority(text: string): boolean {
  const match = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([1-9][0-9]{0,4}))?$/u.exec(text);
  return match !== null && Number(match[1] ?? 1) <= 65_535;
}
