/**
 * How the matrix looks at a data directory: it opens, every live key opens, nothing else lies about, and at every moment the
 * files under final names, with metadata.json, are enough for a rescue. Says what is wrong, whatever happens.
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { Vault } from "@talos/agent";
import { toHex } from "@talos/core";
import type { DiskSubject, Look } from "@talos/testkit/disk-faults";
import { createVault, describeVault, fixtureCrypto, openVault, type ReadTransaction } from "./vault-fixture.ts";
import { vaultOperations } from "./vault-operations.ts";

export const vaultSubject: DiskSubject = { operations: vaultOperations, look };

const NOTHING_YET = "no vault";

async function look(dataDir: string, operation: string): Promise<Look> {
  const faults: string[] = [];
  try {
    const existed = Vault.exists(dataDir);
    if (!existed) (await createVault(dataDir, fixtureCrypto("look"))).close();
    let state: string;
    let counter: number;
    {
      using vault = await openVault(dataDir, fixtureCrypto("look"));
      state = existed ? describeVault(vault) : NOTHING_YET;
      counter = vault.generation;
      for (const { code, message } of vault.findings) {
        if (code !== "METADATA_REWRITTEN" && !(operation === "open-after-crash" && code === "QUARANTINED"))
          faults.push(`${code}: ${message}`);
      }
      faults.push(...vault.read((tx) => wrongFiles(dataDir, tx, OPEN_DATABASE)));
    }
    using inspection = await Vault.inspect({ dataDir, crypto: fixtureCrypto("look") });
    faults.push(...inspection.read((tx) => wrongFiles(dataDir, tx, [])));
    return { state, counter, faults };
  } catch (error) {
    return {
      state: "does not open",
      counter: Infinity,
      faults: [...faults, error instanceof Error ? (error.stack ?? error.message) : String(error)],
    };
  }
}

const OPEN_DATABASE = ["state.db-shm", "state.db-wal"];

/** Compares the files that lie there with those that the inventory calls for: one for each key that has not ended, under its name. */
function wrongFiles(dataDir: string, tx: ReadTransaction, more: readonly string[]): string[] {
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
