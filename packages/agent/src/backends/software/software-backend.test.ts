import assert from "node:assert/strict";
import { test } from "node:test";
import { isTalosError, type KeyId, nodeCrypto, SecretBytes } from "@talos/core";
import { keyBackendConformance } from "@talos/testkit";
import type { InventoryEntry, Transaction } from "../../vault/index.ts";
import { agent, FLOOR_KDF, makeVault, NOW, password, temporaryFolder } from "../../vault/vault-fixture.test.ts";
import { Vault } from "../../vault/vault.ts";
import type { KeyReference } from "../contract/key-backend.ts";
import { SoftwareBackend } from "./software-backend.ts";

const crypto = nodeCrypto;

/** Every created key becomes one that the inventory names, none of them in force. */
function staged({ kind, keyId }: KeyReference): InventoryEntry {
  const common = {
    keyId,
    state: "staged",
    publicKey: new Uint8Array(32),
    createdAt: NOW,
    backend: "software",
    protection: "software",
  } as const;
  return kind === "encryption" ? { ...common, kind, algorithm: 2 } : { ...common, kind: "identity", role: "next", algorithm: 1 };
}

keyBackendConformance({
  name: "software",
  open: async () => {
    const folder = temporaryFolder();
    const { dataDir } = folder;
    let vault = await Vault.create({
      dataDir,
      name: "conformance",
      unlock: password(),
      crypto,
      now: NOW,
      kdf: FLOOR_KDF,
      build: async () => ({ agentId: agent(), write: () => undefined }),
    });
    return {
      backend: new SoftwareBackend(vault.files, crypto),
      reopen: async (created) => {
        vault.transaction((tx: Transaction) => {
          for (const reference of created) tx.inventory.put(staged(reference));
        });
        vault.close();
        vault = await Vault.open({ dataDir, unlock: password(), crypto, now: NOW });
        return new SoftwareBackend(vault.files, crypto);
      },
      [Symbol.asyncDispose]: async () => {
        vault.close();
        folder[Symbol.dispose]();
      },
    };
  },
});

test("a key that was made for an agent that never came to be leaves nothing behind", async () => {
  using folder = temporaryFolder();
  await assert.rejects(
    Vault.create({
      dataDir: folder.dataDir,
      name: "never",
      unlock: password(),
      crypto,
      now: NOW,
      kdf: FLOOR_KDF,
      build: async (files) => {
        await new SoftwareBackend(files, crypto).create("identity");
        throw new RangeError("changed my mind");
      },
    }),
    RangeError,
  );
  assert.equal(Vault.exists(folder.dataDir), false);
});

test("a private part under another key's id is not handed out", async () => {
  using folder = temporaryFolder();
  const { vault } = await makeVault(folder.dataDir);
  using closing = vault;
  const keyId = "0123456789abcdef" as KeyId;
  using seed = crypto.randomSecret(32);
  closing.files.stage("identity", keyId, seed);
  const backend = new SoftwareBackend(closing.files, crypto);
  await assert.rejects(backend.open({ backend: "software", kind: "identity", keyId }), (error) => isTalosError(error, "KEY_FILE_SWAPPED"));
});

test("a private part of another length is a damaged key file", async () => {
  using folder = temporaryFolder();
  const { vault } = await makeVault(folder.dataDir);
  using closing = vault;
  const keyId = "0123456789abcdef" as KeyId;
  using short = SecretBytes.from(new Uint8Array(31));
  closing.files.stage("encryption", keyId, short);
  const backend = new SoftwareBackend(closing.files, crypto);
  await assert.rejects(backend.open({ backend: "software", kind: "encryption", keyId }), (error) =>
    isTalosError(error, "KEY_FILE_CORRUPT"),
  );
});
