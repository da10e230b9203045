/** The operations of a vault that the fault matrix stops and fails, each as small as it can be. Knows no fault. */
import { copyFileSync, existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Vault } from "@talos/agent";
import { isTalosError, SecretBytes, type Crypto, type KeyId } from "@talos/core";
import type { DiskOperation, RunningOperation } from "@talos/testkit/disk-faults";
import {
  createVault,
  describeVault,
  fixtureCrypto,
  liveKey,
  NEXT_PASSWORD,
  NOW,
  openVault,
  PASSWORD,
  putMail,
  putSession,
  RAISED_KDF,
  replaceIdentity,
  rescue,
  stagePrekey,
  stagePrekeys,
} from "./vault-fixture.ts";

/** A change to an open vault. */
type Change = (vault: Vault, crypto: Crypto) => void | Promise<void>;

const PEER = "bob";

export const vaultOperations: readonly DiskOperation[] = [
  {
    name: "create",
    prepare: async () => {},
    begin: async (dataDir) => running(dataDir, undefined, async (crypto) => await createVault(dataDir, crypto)),
  },
  { name: "open", prepare, begin: async (dataDir) => running(dataDir, undefined, async (crypto) => await openVault(dataDir, crypto)) },
  {
    name: "open-after-crash",
    prepare: prepareCrashed,
    begin: async (dataDir) => running(dataDir, undefined, async (crypto) => await openVault(dataDir, crypto)),
  },
  changing("add-prekeys", (vault, crypto) => {
    const fresh = stagePrekeys(vault.files, 2, crypto);
    vault.transaction((tx) => {
      for (const entry of fresh) tx.inventory.put(entry);
    });
  }),
  changing("remove-prekeys", (vault) => {
    vault.transaction((tx) => {
      for (const { keyId } of tx.inventory.list({ kind: "one-time-prekey" }).slice(0, 2)) tx.inventory.setState(keyId, "ended", NOW);
    });
  }),
  changing("replace-signed-prekey", (vault, crypto) => {
    const entry = stagePrekey(vault.files, "signed-prekey", crypto);
    vault.transaction((tx) => {
      tx.inventory.setState(liveKey(tx.inventory.live("signed-prekey")), "retired", NOW);
      tx.inventory.put(entry);
    });
  }),
  changing("replace-identity", replaceIdentity),
  changing("session-commit", (vault) => {
    vault.transaction((tx) => {
      putSession(tx, PEER, 2);
    });
  }),
  changing("inbox-commit", (vault) => {
    vault.transaction((tx) => {
      const [used] = tx.inventory.list({ kind: "one-time-prekey", state: "live" });
      tx.inventory.setState(liveKey(used), "ended", NOW);
      putSession(tx, "carol", 0);
      putMail(tx, "carol", 1);
    });
  }),
  changing("add-slot", (vault) => {
    vault.addSlot(keyFile("second"), "safe", NOW);
  }),
  changing("remove-slot", (vault) => {
    vault.removeSlot(2, NOW);
  }),
  changing("change-password", (vault) => {
    vault.changePassword({ current: SecretBytes.fromUtf8(PASSWORD), next: SecretBytes.fromUtf8(NEXT_PASSWORD), now: NOW });
  }),
  changing("change-password-rekey", (vault) => {
    vault.changePassword({ current: SecretBytes.fromUtf8(PASSWORD), next: SecretBytes.fromUtf8(NEXT_PASSWORD), now: NOW, rekey: true });
  }),
  {
    name: "raise-kdf",
    bestEffort: true,
    prepare,
    begin: async (dataDir) => running(dataDir, undefined, async (crypto) => await openVault(dataDir, crypto, PASSWORD, RAISED_KDF)),
  },
  {
    name: "rescue",
    prepare: async (dataDir) => {
      await prepare(dataDir);
      // What is left is half of it.
      writeFileSync(join(dataDir, "half"), "SQLite format 3\0 and no more", { mode: 0o600 });
      renameSync(join(dataDir, "half"), join(dataDir, "state.db"));
    },
    begin: async (dataDir) => running(dataDir, undefined, async (crypto) => await rescue(dataDir, crypto)),
  },
  {
    name: "close",
    prepare,
    begin: async (dataDir) => {
      const vault = await openVault(dataDir, fixtureCrypto("close"));
      vault.transaction((tx) => {
        putSession(tx, PEER, 2);
      });
      return running(dataDir, vault, async () => {
        vault.close();
        return undefined;
      });
    },
  },
];

/** A vault with a session and mail and two ways in, closed. */
async function prepare(dataDir: string): Promise<void> {
  using vault = await createVault(dataDir, fixtureCrypto("prepare"));
  vault.addSlot(keyFile("first"), "usb stick", NOW);
  vault.transaction((tx) => {
    putSession(tx, PEER, 1);
    putMail(tx, PEER, 1);
    putMail(tx, PEER, 2);
  });
}

/** The same, with everything lying about that a crash may leave: files not placed, not cleared, never committed, and foreign. */
async function prepareCrashed(dataDir: string): Promise<void> {
  await prepare(dataDir);
  const prekeys = join(dataDir, "prekeys");
  const copies = join(dataDir, "..", "copies");
  mkdirSync(copies);
  let ended: readonly KeyId[] = [];
  let staged: KeyId | undefined;
  copyFileSync(join(dataDir, "metadata.json"), join(copies, "metadata.json"));
  {
    using vault = await openVault(dataDir, fixtureCrypto("crash"));
    const ids = vault.read((tx) => tx.inventory.list({ kind: "one-time-prekey" }).map(({ keyId }) => keyId));
    ended = ids.slice(0, 1);
    [staged] = ids.slice(1);
    for (const keyId of ended) copyFileSync(join(prekeys, `otpk_${keyId}.enc`), join(copies, keyId));
    vault.transaction((tx) => {
      for (const keyId of ended) tx.inventory.setState(keyId, "ended", NOW);
    });
  }
  for (const keyId of ended) copyFileSync(join(copies, keyId), join(prekeys, `otpk_${keyId}.enc`));
  renameSync(join(prekeys, `otpk_${staged}.enc`), join(prekeys, `otpk_${staged}.enc.${staged}.1.new`));
  renameSync(join(prekeys, "signed_prekey.enc"), join(prekeys, `signed_prekey.enc.${await signedPrekey(dataDir)}.1.new`));
  writeFileSync(join(prekeys, "otpk_00000000000000aa.enc.00000000000000aa.1.new"), "torn", { mode: 0o600 });
  writeFileSync(join(prekeys, "otpk_00000000000000bb.enc"), "foreign", { mode: 0o600 });
  writeFileSync(join(dataDir, "metadata.json.new"), "torn", { mode: 0o600 });
  copyFileSync(join(copies, "metadata.json"), join(dataDir, "metadata.json"));
}

async function signedPrekey(dataDir: string): Promise<KeyId> {
  using inspection = await Vault.inspect({ dataDir, crypto: fixtureCrypto("look") });
  return liveKey(inspection.read((tx) => tx.inventory.live("signed-prekey")));
}

function changing(name: string, change: Change): DiskOperation {
  return {
    name,
    prepare,
    begin: async (dataDir) => {
      const crypto = fixtureCrypto(name);
      const vault = await openVault(dataDir, crypto);
      return running(dataDir, vault, async () => {
        await change(vault, crypto);
        return vault;
      });
    },
  };
}

/** Whatever an operation that ended badly has left, a vault comes of it. */
async function reopen(dataDir: string, crypto: Crypto): Promise<Vault> {
  if (isDestroyed(dataDir)) return await rescue(dataDir, crypto);
  return Vault.exists(dataDir) ? await openVault(dataDir, crypto) : await createVault(dataDir, crypto);
}

/** There are key files, and no database that opens. */
export function isDestroyed(dataDir: string): boolean {
  try {
    return existsSync(join(dataDir, "metadata.json")) && !Vault.exists(dataDir);
  } catch (error) {
    if (isTalosError(error, "VAULT_CORRUPT")) return true;
    throw error;
  }
}

function keyFile(word: string): { readonly kind: "key-file"; readonly secret: SecretBytes } {
  return { kind: "key-file", secret: fixtureCrypto(word).randomSecret(64) };
}

function running(dataDir: string, open: Vault | undefined, run: (crypto: Crypto) => Promise<Vault | undefined>): RunningOperation {
  const crypto = fixtureCrypto("run");
  let vault = open;
  const generation = open?.generation ?? 0;
  return {
    run: async () => {
      vault = await run(crypto);
    },
    state: () => (vault === undefined ? undefined : describeVault(vault)),
    counter: () => generation,
    goOn: async () => {
      const again = fixtureCrypto("go on");
      vault ??= await reopen(dataDir, again);
      const fresh = stagePrekey(vault.files, "one-time-prekey", again);
      vault.transaction((tx) => {
        tx.inventory.put(fresh);
        putSession(tx, "dave", 1);
      });
    },
    close: async () => {
      vault?.close();
    },
  };
}
