/** The operations of a vault that the fault matrix stops and fails, each as small as it can be. Knows no fault. */
import { copyFileSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SoftwareBackend, Vault } from "@talos/agent";
import type { Crypto, KeyId } from "@talos/core";
import type { DiskOperation, RunningOperation } from "@talos/testkit/disk-faults";
import {
  createVault,
  describeVault,
  fixtureCrypto,
  keyEntry,
  NOW,
  openVault,
  putMail,
  putSession,
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

/** A vault with a session and mail, closed. */
async function prepare(dataDir: string): Promise<void> {
  using vault = await createVault(dataDir, fixtureCrypto("prepare"));
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
  renameSync(join(dataDir, "encryption.key.enc"), join(dataDir, `encryption.key.enc.${await encryptionKey(dataDir)}.1.new`));
  writeFileSync(join(prekeys, "otpk_00000000000000aa.enc.00000000000000aa.1.new"), "torn", { mode: 0o600 });
  writeFileSync(join(prekeys, "otpk_00000000000000bb.enc"), "foreign", { mode: 0o600 });
  writeFileSync(join(dataDir, "metadata.json.new"), "torn", { mode: 0o600 });
  writeFileSync(join(dataDir, "metadata.json"), "edited", { mode: 0o600 });
}

async function encryptionKey(dataDir: string): Promise<KeyId> {
  using inspection = await Vault.inspect({ dataDir, crypto: fixtureCrypto("look") });
  return liveKey(inspection.read((tx) => tx.inventory.live("encryption")));
}

/** As a rotation does it: the next key comes into force, a new next key and encryption key are made, the old encryption key is retired. */
async function replaceIdentity(vault: Vault, crypto: Crypto): Promise<void> {
  const backend = new SoftwareBackend(vault.files, crypto);
  using next = await backend.create("next-identity");
  using encryption = await backend.create("encryption");
  vault.transaction((tx) => {
    tx.inventory.setState(liveKey(tx.inventory.live("identity", "current")), "ended", NOW);
    tx.inventory.promote(liveKey(tx.inventory.live("identity", "next")), undefined);
    tx.inventory.put(keyEntry(next.reference.keyId, next.publicKey.bytes, "identity", "next"));
    tx.inventory.setState(liveKey(tx.inventory.live("encryption")), "retired", NOW);
    tx.inventory.put(keyEntry(encryption.reference.keyId, encryption.publicKey.bytes, "encryption"));
  });
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
      if (vault === undefined) vault = Vault.exists(dataDir) ? await openVault(dataDir, again) : await createVault(dataDir, again);
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

function liveKey(entry: { readonly keyId: KeyId } | undefined): KeyId {
  if (entry === undefined) throw new Error("the prepared vault has no such key");
  return entry.keyId;
}
