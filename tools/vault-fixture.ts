// Writes fixtures/vault/vN once, where N is the format this version writes: a data directory with everything that can lie in one, and
// what is in it. A fixture that exists is never written again: it stands for the vaults that are out there.
import { createHash, randomFillSync } from "node:crypto";
import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { Vault } from "@talos/agent";
import { createSignedPrekey } from "../packages/agent/src/lifecycle/prekey-secrets.ts";
import { nodeCrypto, SecretBytes, toHex } from "@talos/core";
import { AgentWorld, take, TEST_KDF, TEST_PASSWORD, until } from "@talos/testkit";

const FOLDER = fileURLToPath(new URL("../fixtures/vault/v1/", import.meta.url));
const DAY = 86_400_000;
const KEPT_PREKEYS = 3;

if (existsSync(FOLDER)) throw new Error(`${FOLDER} is frozen`);
const clock = { now: () => Date.now() };
await using world = await AgentWorld.start();
const alice = await world.create("alice");
const bob = await world.create("bob");

// Mail in both directions: an inbox with a small and a large message, an outbox with what is delivered and what cannot leave.
await alice.send(bob.did, "hello bob", { waitFor: "deposited" });
await take(bob, 1);
const large = randomFillSync(new Uint8Array(5_000));
await bob.send(alice.did, "small, not acknowledged", { waitFor: "deposited" });
await bob.send(alice.did, large, { waitFor: "deposited" });
await until(() => alice.status().inbox.offered === 2, "both have come");
await world.stopDirectory();
const waiting = randomFillSync(new Uint8Array(4_000));
await alice.send(bob.did, waiting);
await alice.send(bob.did, "small, waiting");
const { did, identityKey, directory } = alice;
await alice.close();
await bob.close();

// The other ways in, keys in every state, and few enough files to look at.
const dataDir = world.dataDir("alice");
const keyFile = Uint8Array.from({ length: 64 }, (_, i) => (i * 37 + 11) & 0xff);
const credential = Uint8Array.from({ length: 32 }, (_, i) => (i * 53 + 7) & 0xff);
{
  using password = SecretBytes.fromUtf8(TEST_PASSWORD);
  using vault = await Vault.open({
    dataDir,
    unlock: { kind: "password", secret: password },
    crypto: nodeCrypto,
    now: clock.now(),
    kdf: TEST_KDF,
  });
  for (const [kind, material, label] of [
    ["key-file", keyFile, "in the safe"],
    ["credential", credential, "talos-unlock-key"],
  ] as const) {
    using secret = SecretBytes.from(material.slice());
    vault.addSlot({ kind, secret }, label, clock.now());
  }
  const retired = createSignedPrekey(vault.files, clock.now() - 40 * DAY, nodeCrypto);
  vault.transaction((tx) => {
    tx.inventory.put({ ...retired, state: "retired", retiredAt: clock.now() });
    for (const { keyId } of tx.inventory.list({ kind: "one-time-prekey", state: "live" }).slice(KEPT_PREKEYS))
      tx.inventory.setState(keyId, "ended", clock.now());
  });
  vault.transaction((tx) => tx.inventory.forgetEnded(clock.now() + 1));
}

{
  using database = new DatabaseSync(join(dataDir, "state.db"));
  database.exec("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)");
}
mkdirSync(FOLDER, { recursive: true });
rmSync(join(dataDir, "lock"));
cpSync(dataDir, join(FOLDER, "data"), { recursive: true });
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const expected = {
  format: 1,
  did,
  name: "alice",
  identityKey,
  directory,
  time: clock.now(),
  password: TEST_PASSWORD,
  keyFile: toHex(keyFile),
  credential: { name: "talos-unlock-key", content: toHex(credential) },
  peers: [bob.did],
  inbox: [{ text: "small, not acknowledged" }, { sha256: sha256(large) }],
  outbox: [{ sha256: sha256(waiting) }, { text: "small, waiting" }],
  oneTimePrekeys: KEPT_PREKEYS,
};
writeFileSync(join(FOLDER, "expected.json"), `${JSON.stringify(expected, undefined, 2)}\n`);
