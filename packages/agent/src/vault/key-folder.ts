/**
 * The key files of a data directory: staged, found again, placed, cleared, put aside. What is true of a key is the
 * inventory's to say; this only makes the files follow.
 */
import { dirname, join } from "node:path";
import { type Crypto, isTalosError, type KeyId, type SecretBytes, talosError, toHex } from "@talos/core";
import { listFolder, makeFolder, readFile, readStart, renameFile, statPath, syncFolder, unlinkFile, writeNewFile } from "./files.ts";
import { KEY_FILE_HEADER_BYTES, openKeyFile, readKeyFileHeader, sealKeyFile } from "./key-file.ts";
import { type KeyPlace, parseName, PREKEYS_FOLDER, QUARANTINE_FOLDER, stagedName } from "./layout.ts";
import type { Placement, SeenFile } from "./placement.ts";
import type { Sealer } from "./sealer.ts";
import type { StoredKeyKind } from "./store/inventory.ts";
import type { KeyFileStore, NewKeyKind, VaultFinding } from "./types.ts";

const DIGEST_BYTES = 8;

export class KeyFolder implements KeyFileStore {
  readonly #dataDir: string;
  readonly #crypto: Pick<Crypto, "sha256">;
  #sealer: Sealer | undefined;
  /** Staged before the vault has a key: while an agent is being made. */
  readonly #held = new Map<KeyId, { readonly kind: NewKeyKind; readonly secret: SecretBytes }>();
  #locations = new Map<KeyId, string>();
  readonly #uncommitted = new Set<KeyId>();
  readonly #unsynced = new Set<string>();

  constructor(dataDir: string, crypto: Pick<Crypto, "sha256">, sealer?: Sealer) {
    this.#dataDir = dataDir;
    this.#crypto = crypto;
    this.#sealer = sealer;
  }

  stage(kind: NewKeyKind, keyId: KeyId, secret: SecretBytes): void {
    if (this.#sealer === undefined) {
      this.#held.set(keyId, { kind, secret: secret.clone() });
      return;
    }
    const place = placeOfNew(kind, keyId);
    const name = stagedName(place, this.#sealer.vaultKeyNumber);
    const path = join(this.#dataDir, name);
    writeNewFile(path, sealKeyFile(place.kind, keyId, secret, this.#sealer));
    this.#locations.set(keyId, name);
    this.#uncommitted.add(keyId);
    this.#unsynced.add(dirname(path));
  }

  load(kind: StoredKeyKind, keyId: KeyId): SecretBytes {
    const held = this.#held.get(keyId);
    if (held !== undefined) return held.secret.clone();
    const name = this.#locations.get(keyId);
    const file = name === undefined ? undefined : readFile(join(this.#dataDir, name));
    if (name === undefined || file === undefined) {
      throw talosError("KEY_FILE_MISSING", undefined, { details: { kind, keyId, ...(name === undefined ? {} : { file: name }) } });
    }
    if (this.#sealer === undefined) throw talosError("PASSWORD_REQUIRED");
    try {
      return openKeyFile(file, kind, keyId, this.#sealer);
    } catch (error) {
      if (!isTalosError(error)) throw error;
      throw talosError(error.code, undefined, { cause: error, details: { ...error.details, file: name, kind, keyId } });
    }
  }

  /** Seals and stages what was held until now. */
  sealHeld(sealer: Sealer): void {
    this.#sealer = sealer;
    for (const [keyId, { kind, secret }] of this.#held) this.stage(kind, keyId, secret);
    this.#forgetHeld();
  }

  /** Makes staged names durable; before every commit that may name them. */
  syncStaged(): void {
    for (const folder of this.#unsynced) syncFolder(folder);
    this.#unsynced.clear();
  }

  /** Every key file there is. */
  list(): SeenFile[] {
    const inPrekeys = listFolder(join(this.#dataDir, PREKEYS_FOLDER)).map((name) => `${PREKEYS_FOLDER}/${name}`);
    return [...listFolder(this.#dataDir), ...inPrekeys].filter((name) => parseName(name) !== undefined).map((name) => this.#see(name));
  }

  /** Place, then clear: the last two of the four steps. Repeating it does no harm. @returns what was put aside */
  apply(placement: Placement): VaultFinding[] {
    const touched = new Set<string>();
    const touch = (name: string): string => {
      const path = join(this.#dataDir, name);
      touched.add(dirname(path));
      return path;
    };
    const aside = placement.quarantine.map((name) => this.#putAside(name, touch(name)));
    // What this process staged and has not committed yet looks like what a crash left; it is not.
    for (const keyId of placement.locations.keys()) this.#uncommitted.delete(keyId);
    const pending = new Map([...this.#uncommitted].map((keyId) => [keyId, this.#locations.get(keyId) ?? ""]));
    const toClear = new Set(placement.clear);
    for (const name of pending.values()) toClear.delete(name);
    this.#locations = new Map([...placement.locations, ...pending]);
    for (const { keyId, from, to } of inOrder(placement.moves)) {
      const occupied = statPath(join(this.#dataDir, to)) !== undefined;
      // Never over a live file; over one that has ended it is place and clear in one step.
      if (occupied && !toClear.has(to)) continue;
      renameFile(touch(from), touch(to));
      toClear.delete(to);
      this.#locations.set(keyId, to);
    }
    for (const name of toClear) unlinkFile(touch(name));
    for (const folder of touched) syncFolder(folder);
    return aside;
  }

  /** Takes note of where the files lie, without moving any. */
  adopt(placement: Placement): void {
    this.#locations = new Map(placement.locations);
  }

  /** Removes staged files that no committed inventory names, and forgets what was held. */
  dropUncommitted(): void {
    this.#forgetHeld();
    for (const keyId of this.#uncommitted) {
      const name = this.#locations.get(keyId);
      if (name !== undefined) unlinkFile(join(this.#dataDir, name));
      this.#locations.delete(keyId);
    }
    this.#uncommitted.clear();
  }

  #see(name: string): SeenFile {
    if (parseName(name)?.type === "staged" || name.startsWith(`${PREKEYS_FOLDER}/otpk_`)) return { name, header: "not-read" };
    try {
      return { name, header: readKeyFileHeader(readStart(join(this.#dataDir, name), KEY_FILE_HEADER_BYTES)) };
    } catch (error) {
      if (isTalosError(error, "STORAGE_FAILED") || isTalosError(error, "UNSUPPORTED_VERSION")) throw error;
      return { name, header: "unreadable" };
    }
  }

  /** Kept under its name and digest, so that two different ones never meet. */
  #putAside(name: string, path: string): VaultFinding {
    const digest = toHex(this.#crypto.sha256(readFile(path) ?? new Uint8Array()).slice(0, DIGEST_BYTES));
    const aside = `${QUARANTINE_FOLDER}/${name.replaceAll("/", "_")}.${digest}`;
    makeFolder(join(this.#dataDir, QUARANTINE_FOLDER));
    renameFile(path, join(this.#dataDir, aside));
    syncFolder(join(this.#dataDir, QUARANTINE_FOLDER));
    return { code: "QUARANTINED", file: aside, message: `${name} is no key of this agent and was put aside as ${aside}.` };
  }

  #forgetHeld(): void {
    for (const { secret } of this.#held.values()) secret.dispose();
    this.#held.clear();
  }
}

/** A move whose target another move vacates comes after that one. */
function inOrder(moves: Placement["moves"]): Placement["moves"] {
  const ordered: Placement["moves"][number][] = [];
  const waiting = [...moves];
  while (waiting.length > 0) {
    const next = waiting.findIndex(({ to }) => !waiting.some(({ from }) => from === to));
    ordered.push(...waiting.splice(Math.max(next, 0), 1));
  }
  return ordered;
}

/** The name that a new key is staged for; the inventory may place it elsewhere. */
function placeOfNew(kind: NewKeyKind, keyId: KeyId): KeyPlace {
  if (kind === "next-identity") return { kind: "identity", role: "next", state: "staged", keyId };
  return { kind, state: "staged", keyId, ...(kind === "identity" ? { role: "current" as const } : {}) };
}
