// Mailbox pages (directory.md): deterministic CBOR, but no structure: version under 0, no suite, no extensions.
import { decodeCbor, type CborMap, type CborValue } from "./cbor.ts";
import { hex } from "./bytes.ts";
import { demand, refuse } from "./refusal.ts";
import { asBytes, asTuple, asUint } from "./structure.ts";

const MOST_ITEMS = 256;

export interface MailboxItem {
  readonly envelopeId: string;
  readonly kind: number;
  readonly depositor: string;
  readonly receivedAt: number;
  readonly item: string;
}

export interface MailboxPage {
  readonly items: readonly MailboxItem[];
  readonly more: boolean;
}

export function decodeMailboxPage(bytes: Uint8Array): MailboxPage {
  const value = decodeCbor(bytes);
  demand(value instanceof Map, "a page is a map");
  const map = value as CborMap;
  const version = asUint(map.get(0));
  if (version !== 1) refuse("unsupported-version", `page version ${version}`);
  const list = map.get(1);
  const more = map.get(2);
  demand(map.size === 3 && Array.isArray(list) && typeof more === "boolean", "version, items, more");
  demand((list as readonly CborValue[]).length <= MOST_ITEMS, "at most 256 items");
  return { items: (list as readonly CborValue[]).map(readItem), more };
}

function readItem(entry: CborValue): MailboxItem {
  const [envelopeId, kind, depositor, receivedAt, item] = asTuple(entry, 5);
  return {
    envelopeId: hex(asBytes(envelopeId, 16)),
    kind: asUint(kind, 1, 3),
    depositor: hex(asBytes(depositor, 32)),
    receivedAt: asUint(receivedAt),
    item: hex(asBytes(item)),
  };
}
