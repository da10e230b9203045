/**
 * The names in a data directory, and what each says. A key file's final name tells its place (by kind and role), not
 * always its key: that is in its header, and whether it is right there is the inventory's to say.
 */
import type { KeyId, KeyState } from "@talos/core";
import type { KeyRole, StoredKeyKind } from "../store/inventory.ts";

export const DATABASE_FILE = "state.db";
export const LOCK_FILE = "lock";
export const METADATA_FILE = "metadata.json";
export const PREKEYS_FOLDER = "prekeys";
export const QUARANTINE_FOLDER = "quarantine";

/** What the inventory says of a key's place. */
export interface KeyPlace {
  readonly kind: StoredKeyKind;
  readonly role?: KeyRole | undefined;
  readonly state: KeyState;
  readonly keyId: KeyId;
}

/**
 * Whether the agent cannot do without the private part. Of a prekey first messages are lost, of the next identity key the rotation that
 * it was made for, of what is not in force what comes late; everything else works on.
 */
export function isVital({ kind, role, state }: Omit<KeyPlace, "keyId">): boolean {
  return state === "live" && (kind === "encryption" || (kind === "identity" && role === "current"));
}

/** The final name, relative to the data directory, of a live or retired key; of a staged one the name it is to get. */
export function finalName(place: KeyPlace): string {
  const retired = place.state === "retired" ? `.${place.keyId}` : "";
  switch (place.kind) {
    case "identity":
      return place.role === "next" ? "identity.next.key.enc" : `identity${retired}.key.enc`;
    case "encryption":
      return `encryption${retired}.key.enc`;
    case "signed-prekey":
      return `${PREKEYS_FOLDER}/signed_prekey${retired}.enc`;
    case "one-time-prekey":
      return `${PREKEYS_FOLDER}/otpk_${place.keyId}.enc`;
  }
}

/** `<name>.<key id>.<vault key number>.new` */
export function stagedName(place: KeyPlace, vaultKeyNumber: number): string {
  return `${finalName(place)}.${place.keyId}.${vaultKeyNumber}.new`;
}

export type ParsedName =
  | { readonly type: "final"; readonly kind: StoredKeyKind; readonly keyId?: KeyId | undefined }
  | {
      readonly type: "staged";
      readonly kind: StoredKeyKind;
      readonly keyId: KeyId;
      readonly vaultKeyNumber: number;
      /** The name that it was staged for. */
      readonly finalName: string;
    };

const FINAL_NAMES: readonly (readonly [StoredKeyKind, RegExp])[] = [
  ["identity", /^identity(?:\.next|\.(?<id>[0-9a-f]{16}))?\.key\.enc$/],
  ["encryption", /^encryption(?:\.(?<id>[0-9a-f]{16}))?\.key\.enc$/],
  ["signed-prekey", /^prekeys\/signed_prekey(?:\.(?<id>[0-9a-f]{16}))?\.enc$/],
  ["one-time-prekey", /^prekeys\/otpk_(?<id>[0-9a-f]{16})\.enc$/],
];
const STAGED_NAME = /^(?<name>.+)\.(?<id>[0-9a-f]{16})\.(?<number>[1-9][0-9]{0,8})\.new$/;

/** What a name in the folder means; undefined for anything that is no key file. */
export function parseName(file: string): ParsedName | undefined {
  const staged = STAGED_NAME.exec(file)?.groups;
  if (staged !== undefined) {
    const name = staged["name"] ?? "";
    const final = parseFinal(name);
    const vaultKeyNumber = Number(staged["number"]);
    return final && { type: "staged", kind: final.kind, keyId: staged["id"] as KeyId, vaultKeyNumber, finalName: name };
  }
  return parseFinal(file);
}

function parseFinal(name: string): Extract<ParsedName, { type: "final" }> | undefined {
  for (const [kind, pattern] of FINAL_NAMES) {
    const match = pattern.exec(name);
    if (match !== null) return { type: "final", kind, keyId: match.groups?.["id"] as KeyId | undefined };
  }
  return undefined;
}
