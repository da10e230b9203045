/**
 * The key files of a data directory: staged, found again, placed, cleared, put aside. What is true of a key is the
 * inventory's to say; this only makes the files follow.
 */
import { dirname, join } from "node:path";
import { type Crypto, isTalosError, type KeyId, type SecretBytes, talosError, toHex } from "@talos/core";
import {
  listFolder,
  makeFolder,
  readFile,
  readStart,
  renameFile,
  statPath,
  syncFolder,
  unlinkFile,
  unlinkQuietly,
  writeNewFile,
} from "../files.ts";
import { KEY_FILE_HEADER_BYTES, openKeyFile, readKeyFileHeader, sealKeyFile } from "./key-file.ts";
import { isVital, type KeyPlace, parseName, PREKEYS_FOLDER, QUARANTINE_FOLDER, stagedName } from "./layout.ts";
import type { Placement, SeenFile } from "./placement.ts";
import type { Sealer } from "../sealer.ts";
import type { StoredKeyKind } from "../store/inventory.ts";
import type { KeyFileStore, NewKeyKind, VaultFinding } from "../types.ts";

const DIGEST_BYTES = 8;

/** Keys that were sealed anew under another vault key, before the commit that makes them count. */
export interface RestagedKeys {
  readonly locations: ReadonlyMap<KeyId, string>;
  /** Keys that could not be read any more, and that the agent works without. */
  readonly lost: number;
  /** Removes the new files while they are ours; what cannot be removed now is removed at the next opening. */
  drop(): void;
}

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

  /**
   * The first number of a vault key, from that one on, under which none of what is held has a file yet. Keys that come out of a backup keep
   * their ids: an attempt that did not commit may have left them there under a key that is gone, and its commit could still come back with a
   * crash and would need its files.
   */
  unusedVaultKeyNumber(first: number): number {
    const names = (number: number): string[] => [...this.#held].map(([keyId, { kind }]) => stagedName(placeOfNew(kind, keyId), number));
    let number = first;
    while (names(number).some((name) => statPath(join(this.#dataDir, name)) !== undefined)) number++;
    return number;
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
    const parsed = [...listFolder(this.#dataDir), ...inPrekeys].flatMap((name) => {
      const meaning = parseName(name);
      return meaning === undefined ? [] : [{ name, meaning }];
    });
    const successors = new Set(parsed.flatMap(({ meaning }) => (meaning.type === "staged" ? [meaning.finalName] : [])));
    return parsed.map(({ name, meaning }) => {
      // A thousand one-time prekeys are known by their names, but for those that another file is to take the place of.
      const unread = meaning.type === "staged" || (meaning.kind === "one-time-prekey" && !successors.has(name));
      return { name, header: unread ? "not-read" : this.#readHeader(name) };
    });
  }

  /**
   * Seals every key anew, into staged files that are durable when this returns. Nothing else changes before
   * `adoptRestaged`. A key that is lost, and that the agent can do without, is left out.
   *
   * @param places of all keys that have a key file
   * @param whileOurs runs what is to be removed while nobody else can have staged files under these names, or not at all
   * @throws TalosError STORAGE_FAILED; KEY_FILE_MISSING, KEY_FILE_CORRUPT, KEY_FILE_SWAPPED; then no new file is left
   */
  restage(sealer: Sealer, places: readonly KeyPlace[], whileOurs: (remove: () => void) => void): RestagedKeys {
    const locations = new Map<KeyId, string>();
    const drop = (): void => {
      whileOurs(() => {
        for (const name of locations.values()) unlinkQuietly(join(this.#dataDir, name));
      });
    };
    const folders = new Set<string>();
    let lost = 0;
    try {
      for (const { place, name } of this.#toRestage(sealer.vaultKeyNumber, places)) {
        using secret = this.#loadUnlessLost(place);
        if (secret === undefined) {
          lost++;
          continue;
        }
        const path = join(this.#dataDir, name);
        writeNewFile(path, sealKeyFile(place.kind, place.keyId, secret, sealer));
        locations.set(place.keyId, name);
        folders.add(dirname(path));
      }
      for (const folder of folders) syncFolder(folder);
      return { locations, lost, drop };
    } catch (error) {
      drop();
      throw error;
    }
  }

  /** The new files are the keys from now on; the next `apply` clears the former ones. */
  adoptRestaged({ locations }: RestagedKeys, sealer: Sealer): void {
    this.#sealer = sealer;
    this.#locations = new Map([...this.#locations, ...locations]);
  }

  /** Place, then clear: the last two of the four steps. Repeating it does no harm. */
  apply(placement: Placement): void {
    const touched = new Set<string>();
    const touch = (name: string): string => {
      const path = join(this.#dataDir, name);
      touched.add(dirname(path));
      return path;
    };
    // What this process staged and has not committed yet looks like what a crash left; it is not.
    for (const keyId of placement.locations.keys()) this.#uncommitted.delete(keyId);
    const pending = new Map([...this.#uncommitted].map((keyId) => [keyId, this.#locations.get(keyId) ?? ""]));
    const toClear = new Set(placement.clear);
    for (const name of pending.values()) toClear.delete(name);
    this.#locations = new Map([...placement.locations, ...pending]);
    const vacated = new Set<string>();
    for (const { keyId, from, to } of inOrder(placement.moves)) {
      const occupied = statPath(join(this.#dataDir, to)) !== undefined;
      // Never over a live file; over one that has ended, or is sealed under a former vault key, it is place and clear in one step.
      if (occupied && !toClear.has(to)) continue;
      if (vacated.has(to)) {
        // Of two renames a loss of power may keep the later one alone: it would then go over the only copy of the key that was here.
        for (const folder of touched) syncFolder(folder);
        vacated.clear();
      }
      renameFile(touch(from), touch(to));
      vacated.add(from);
      toClear.delete(to);
      this.#locations.set(keyId, to);
    }
    for (const name of toClear) unlinkFile(touch(name));
    for (const folder of touched) syncFolder(folder);
  }

  /** Takes note of where the files lie, without moving any. */
  adopt(placement: Placement): void {
    this.#locations = new Map(placement.locations);
  }

  /**
   * After a commit, and before anything else can fail: a staged file that an inventory names is never dropped, also where
   * it cannot be placed just now.
   */
  noteCommitted(isCommitted: (keyId: KeyId) => boolean): void {
    for (const keyId of this.#uncommitted) if (isCommitted(keyId)) this.#uncommitted.delete(keyId);
  }

  /** Forgets what was held and what no committed inventory names; the next opening removes such files. */
  forgetUncommitted(): void {
    this.#forgetHeld();
    this.#uncommitted.clear();
  }

  /**
   * Removes staged files that no committed inventory names, and forgets what was held. Never fails: it is called where something
   * else has, and what cannot be removed just now is removed at the next opening.
   */
  dropUncommitted(): void {
    this.#forgetHeld();
    for (const keyId of this.#uncommitted) {
      const name = this.#locations.get(keyId);
      if (name !== undefined) unlinkQuietly(join(this.#dataDir, name));
      this.#locations.delete(keyId);
    }
    this.#uncommitted.clear();
  }

  /** Where a stranger is to go: under its name and digest, so that two different ones never meet. */
  asideOf(name: string): { readonly aside: string; readonly sha256: string } {
    const sha256 = toHex(this.#crypto.sha256(readFile(join(this.#dataDir, name)) ?? new Uint8Array()));
    return { aside: `${QUARANTINE_FOLDER}/${name.replaceAll("/", "_")}.${sha256.slice(0, 2 * DIGEST_BYTES)}`, sha256 };
  }

  putAside(moves: readonly { readonly name: string; readonly aside: string }[]): void {
    const quarantine = join(this.#dataDir, QUARANTINE_FOLDER);
    makeFolder(quarantine);
    const touched = new Set<string>();
    for (const { name, aside } of moves) {
      const from = join(this.#dataDir, name);
      renameFile(from, join(this.#dataDir, aside));
      touched.add(dirname(from));
    }
    // In this order: after a loss of power it may be in both places, never in none.
    for (const folder of [quarantine, ...touched]) syncFolder(folder);
  }

  #readHeader(name: string): SeenFile["header"] {
    try {
      return readKeyFileHeader(readStart(join(this.#dataDir, name), KEY_FILE_HEADER_BYTES));
    } catch (error) {
      if (isTalosError(error, "STORAGE_FAILED") || isTalosError(error, "UNSUPPORTED_VERSION")) throw error;
      return "unreadable";
    }
  }

  /** Under which staged names: for keys of the inventory by their place, for those that are not committed yet as they were. */
  #toRestage(vaultKeyNumber: number, places: readonly KeyPlace[]): { readonly place: KeyPlace; readonly name: string }[] {
    const uncommitted = [...this.#uncommitted].flatMap((keyId) => {
      const meaning = parseName(this.#locations.get(keyId) ?? "");
      if (meaning?.type !== "staged") return [];
      const place: KeyPlace = { kind: meaning.kind, keyId, state: "staged" };
      return [{ place, name: `${meaning.finalName}.${keyId}.${vaultKeyNumber}.new` }];
    });
    const committed = places.filter(({ keyId }) => !uncommitted.some(({ place }) => place.keyId === keyId));
    return [...committed.map((place) => ({ place, name: stagedName(place, vaultKeyNumber) })), ...uncommitted];
  }

  #loadUnlessLost(place: KeyPlace): SecretBytes | undefined {
    try {
      return this.load(place.kind, place.keyId);
    } catch (error) {
      const isLost = isTalosError(error) && error.code.startsWith("KEY_FILE_");
      // A next identity key that is put back later must still open: nothing could replace it.
      if (isLost && !isVital(place) && place.role !== "next") return undefined;
      throw error;
    }
  }

  #forgetHeld(): void {
    for (const { secret } of this.#held.values()) secret.dispose();
    this.#held.clear();
  }
}

/** Everything that was ever put aside and is still there. */
export function listQuarantine(dataDir: string): VaultFinding[] {
  return listFolder(join(dataDir, QUARANTINE_FOLDER)).map((name) => {
    const file = `${QUARANTINE_FOLDER}/${name}`;
    return { code: "QUARANTINED", file, message: `${file} was put aside and is not used; look where it came from, then move it away.` };
  });
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
