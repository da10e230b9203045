/**
 * How the matrix looks at a data directory: it opens, every live key opens, nothing else lies about, and at every moment the
 * files under final names, with metadata.json, are enough for a rescue. Says what is wrong, whatever happens.
 */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { Vault } from "@talos/agent";
import { decodeCbor, fromBase64Url, isTalosError, toHex } from "@talos/core";
import { imageKey, readImage, writeImage, type DiskSubject, type Look } from "@talos/testkit/disk-faults";
import {
  createVault,
  describeVault,
  fixtureCrypto,
  NEXT_PASSWORD,
  openVault,
  PASSWORD,
  passwordSecret,
  rescue,
  type ReadTransaction,
} from "./vault-fixture.ts";
import { isDestroyed, vaultOperations } from "./vault-operations.ts";

export const vaultSubject: DiskSubject = { operations: vaultOperations, look };

const NOTHING_YET = "no vault";
const DESTROYED = "a vault to be rescued";

async function look(dataDir: string, operation: string): Promise<Look> {
  const faults: string[] = [];
  try {
    if (operation !== "create" || existsSync(join(dataDir, "metadata.json"))) faults.push(...wrongOrder(dataDir));
    const destroyed = isDestroyed(dataDir);
    const existed = !destroyed && Vault.exists(dataDir);
    if (canBeRescued(dataDir, operation)) await checkRescue(dataDir);
    if (destroyed) (await withEither((text) => rescue(dataDir, fixtureCrypto("look"), text))).opened.close();
    else if (!existed) (await createVault(dataDir, fixtureCrypto("look"))).close();
    const { opened: vault, refused } = await withEither((text) => openVault(dataDir, fixtureCrypto("look"), text));
    let state: string;
    let counter: number;
    try {
      state = existed ? describeVault(vault) : destroyed ? DESTROYED : NOTHING_YET;
      counter = vault.generation;
      for (const { code, message } of vault.findings) {
        if (code !== "METADATA_REWRITTEN" && code !== "QUARANTINED") faults.push(`${code}: ${message}`);
      }
      faults.push(...vault.read((tx) => wrongFiles(dataDir, tx, OPEN_DATABASE)));
    } finally {
      vault.close();
    }
    if (await opens(dataDir, refused)) faults.push("both passwords open it");
    using inspection = await Vault.inspect({ dataDir, crypto: fixtureCrypto("look") });
    faults.push(...inspection.read((tx) => wrongFiles(dataDir, tx, [])));
    return { state, counter, faults };
  } catch (error) {
    const text =
      error instanceof Error
        ? `${error.stack ?? error.message} ${error.cause instanceof Error ? `<- ${error.cause.message}` : ""}`
        : String(error);
    return { state: "does not open", counter: Infinity, faults: [...faults, text] };
  }
}

/** A vault that is just being made has nothing to lose before it has told where its keys are. */
function canBeRescued(dataDir: string, operation: string): boolean {
  return operation !== "create" || existsSync(join(dataDir, "metadata.json"));
}

const KEY_FILE = { kind: 9, vaultKeyNumber: 18, bytes: 22 } as const;
const IDENTITY_KIND = 1;
const ENCRYPTION_KIND = 2;
const SLOT_VAULT_KEY_NUMBER = 7;

/**
 * Why files are placed before others are cleared: at every moment an identity key and an encryption key lie under *final* names, sealed
 * under a vault key that a slot in metadata.json wraps. A staged name says that nothing is certain yet.
 */
function wrongOrder(dataDir: string): string[] {
  const metadata = JSON.parse(readFileSync(join(dataDir, "metadata.json"), "utf8")) as { readonly slots: readonly string[] };
  const numbers = new Set(metadata.slots.map((slot) => vaultKeyNumberOf(fromBase64Url(slot))));
  const holds = (name: string, kind: number): boolean => {
    const file = readFileSync(join(dataDir, name));
    return file.length > KEY_FILE.bytes && file[KEY_FILE.kind] === kind && numbers.has(file.readUInt32BE(KEY_FILE.vaultKeyNumber));
  };
  const names = readdirSync(dataDir);
  const identities = names.filter((name) => name === "identity.key.enc" && holds(name, IDENTITY_KIND));
  const encryptions = names.filter((name) => /^encryption(\.[0-9a-f]{16})?\.key\.enc$/.test(name) && holds(name, ENCRYPTION_KIND));
  return [
    ...(identities.length === 0 ? ["no identity key lies under its final name"] : []),
    ...(encryptions.length === 0 ? ["no encryption key lies under a final name"] : []),
  ];
}

function vaultKeyNumberOf(slot: Uint8Array): unknown {
  const fields = decodeCbor(slot);
  return fields instanceof Map ? fields.get(SLOT_VAULT_KEY_NUMBER) : undefined;
}

const rescued: Set<string> = new Set();

/** At every moment, what lies there without the database is enough to bring back the keys that the log names. */
async function checkRescue(dataDir: string): Promise<void> {
  const image = new Map([...readImage(dataDir)].filter(([path]) => !/^(state\.db(-wal|-shm|-journal)?|lock(-journal)?)$/.test(path)));
  // Many states differ in their database alone.
  const key = imageKey(image);
  if (rescued.has(key)) return;
  const copy = `${dataDir}-rescued`;
  writeImage(copy, image);
  const { opened: vault } = await withEither((text) => rescue(copy, fixtureCrypto("look"), text));
  try {
    describeVault(vault);
  } finally {
    vault.close();
  }
  rescued.add(key);
}

async function withEither(open: (text: string) => Promise<Vault>): Promise<{ opened: Vault; refused: string }> {
  try {
    return { opened: await open(PASSWORD), refused: NEXT_PASSWORD };
  } catch (error) {
    // In the middle of a change of the vault key, the one password may open too little for a rescue.
    if (!isTalosError(error, "WRONG_PASSWORD") && !isTalosError(error, "RESCUE_NOT_POSSIBLE")) throw error;
    return { opened: await open(NEXT_PASSWORD), refused: PASSWORD };
  }
}

async function opens(dataDir: string, text: string): Promise<boolean> {
  try {
    (await Vault.inspect({ dataDir, unlock: passwordSecret(text), crypto: fixtureCrypto("look") })).close();
    return true;
  } catch (error) {
    if (isTalosError(error, "WRONG_PASSWORD")) return false;
    throw error;
  }
}

const OPEN_DATABASE = ["state.db-shm", "state.db-wal"];

/** Compares the files that lie there with those that the inventory calls for: one for each key that has not ended, under its name. */
export function wrongFiles(dataDir: string, tx: ReadTransaction, more: readonly string[]): string[] {
  const expected = new Map<string, string>();
  for (const { keyId, kind, role, state } of tx.inventory.listPublic()) {
    const retired = state === "retired" ? `.${keyId}` : "";
    if (kind === "identity") expected.set(role === "next" ? "identity.next.key.enc" : "identity.key.enc", keyId);
    else if (kind === "encryption") expected.set(`encryption${retired}.key.enc`, keyId);
    else if (kind === "signed-prekey") expected.set(`prekeys/signed_prekey${retired}.enc`, keyId);
    else expected.set(`prekeys/otpk_${keyId}.enc`, keyId);
  }
  const faults: string[] = [];
  const others = new Set(["state.db", "lock", "metadata.json", ...more]);
  for (const name of filesIn(dataDir)) {
    const keyId = expected.get(name);
    if (keyId !== undefined) {
      const file = readFileSync(join(dataDir, name));
      if (toHex(file.subarray(10, 18)) !== keyId) faults.push(`${name} holds another key than ${keyId}`);
    } else if (!others.has(name) && !name.startsWith("quarantine/")) faults.push(`${name} is left over`);
    expected.delete(name);
    others.delete(name);
  }
  for (const name of [...expected.keys(), ...others]) faults.push(`${name} is missing`);
  return faults;
}

function filesIn(dataDir: string): string[] {
  return readdirSync(dataDir, { recursive: true, encoding: "utf8" }).filter((name) => statSync(join(dataDir, name)).isFile());
}
