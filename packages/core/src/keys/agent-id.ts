// Agent ids and their text forms: the DID and the address. Must not know how an id is derived from an event.
// Source: docs/protocol/identity.md, "Agent id".
import { fromBase58Btc, toBase58Btc } from "../bytes/base58.ts";
import { concatBytes } from "../bytes/bytes.ts";
import { talosError } from "../errors/talos-error.ts";

declare const agentIdBrand: unique symbol;
/** The event hash of an agent's inception event, 32 bytes. */
export type AgentId = Uint8Array & { readonly [agentIdBrand]: true };

const DID_PREFIX = "did:talos:z";
const SHA256_MULTIHASH = Uint8Array.of(0x12, 0x20);
const MAX_DID_CHARACTERS = 80;
/** `host[:port]` with a name, an IPv4 address or an IPv6 address in brackets. */
const HOST_AND_PORT = /^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])(?::[1-9][0-9]{0,4})?$/;
const MAX_HOST_CHARACTERS = 247;

/** Types 32 bytes as an agent id. Throws MALFORMED at another length. */
export function agentId(bytes: Uint8Array): AgentId {
  if (bytes.length !== 32) throw talosError("MALFORMED", "An agent id has 32 bytes.");
  return bytes as AgentId;
}

/** `did:talos:z` and the base58btc of the multihash `0x12 0x20 || id`. */
export function agentIdToDid(id: AgentId): string {
  return DID_PREFIX + toBase58Btc(concatBytes(SHA256_MULTIHASH, id));
}

/** The agent id in a DID. Throws MALFORMED. */
export function didToAgentId(text: string): AgentId {
  if (!text.startsWith(DID_PREFIX) || text.length > MAX_DID_CHARACTERS) throw malformedDid();
  const multihash = fromBase58Btc(text.slice(DID_PREFIX.length));
  if (multihash.length !== 34 || multihash[0] !== 0x12 || multihash[1] !== 0x20) throw malformedDid();
  return agentId(multihash.slice(2));
}

export interface Address {
  readonly agentId: AgentId;
  /** `host[:port]` of a directory. */
  readonly directory?: string;
}

/** Reads a DID, optionally followed by `@host[:port]`. Throws MALFORMED. */
export function parseAddress(text: string): Address {
  const at = text.indexOf("@");
  if (at < 0) return { agentId: didToAgentId(text) };
  const directory = text.slice(at + 1);
  if (!isHostAndPort(directory)) throw talosError("MALFORMED", "What follows @ in an address is not host[:port].");
  return { agentId: didToAgentId(text.slice(0, at)), directory };
}

/** True for `host` or `host:port`, the port from 1 to 65535. */
export function isHostAndPort(text: string): boolean {
  if (text.length > MAX_HOST_CHARACTERS || !HOST_AND_PORT.test(text)) return false;
  const port = /:([0-9]+)$/.exec(text.replace(/^\[.*\]/, ""))?.[1];
  return port === undefined || Number(port) <= 65535;
}

function malformedDid(): Error {
  return talosError("MALFORMED", "Not a DID of the form did:talos:z...");
}
