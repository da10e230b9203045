// Backups: making one, and proving that one would bring the agent back. Against the Argon2id runs that each cannot do without, and a file
// written and synced.
import { closeSync, fsyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { randomFillSync } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createIn, systemEnvironment, type Environment, type TalosClient } from "@talos/agent";
import { agentIdToDid, nodeCrypto, SecretBytes } from "@talos/core";
import { ProtocolAgent, TEST_KDF } from "@talos/testkit";
import { BACKUP_KDF } from "../../packages/agent/src/backup/seal-backup.ts";
import type { KdfParameters } from "../../packages/agent/src/vault/slots/kdf-bounds.ts";
import { Vault } from "../../packages/agent/src/vault/index.ts";
import type { Operation } from "../harness.ts";

const PASSWORD = "lantern gravel obtuse twelve meadow";
const BACKUP_PASSWORD = "obsidian kettle fourteen willow ferry";
const NOW = 1_800_000_000_000;
const PEERS = 200;
/** What the password of the data directory costs is the vault's own matter. */
const ENVIRONMENT: Environment = { ...systemEnvironment, kdf: TEST_KDF };
const SALT = randomFillSync(new Uint8Array(16));

function argon2id(parameters: KdfParameters): void {
  using secret = SecretBytes.fromUtf8(BACKUP_PASSWORD);
  nodeCrypto.argon2id(secret, SALT, { ...parameters, length: 32 }).dispose();
}

class Place {
  readonly path: string = mkdtempSync(join(tmpdir(), "talos-bench-"));

  get dataDir(): string {
    return join(this.path, "agent");
  }

  get backup(): string {
    return join(this.path, "backup");
  }

  /** An agent without a home that knows as many others. */
  async agent(): Promise<TalosClient> {
    await (await createIn(ENVIRONMENT, "bench", { dataDir: this.dataDir, password: PASSWORD })).close();
    using secret = SecretBytes.fromUtf8(PASSWORD);
    const unlock = { kind: "password", secret } as const;
    const vault = await Vault.open({ dataDir: this.dataDir, unlock, crypto: nodeCrypto, now: NOW, kdf: TEST_KDF });
    vault.transaction((tx) => {
      for (let peer = 0; peer < PEERS; peer += 1) {
        const { log } = new ProtocolAgent({ crypto: nodeCrypto, now: NOW });
        const { agentId, head, events } = log;
        tx.peers.put({ agentId, did: agentIdToDid(agentId), trust: "verified", firstSeenAt: NOW + peer, head });
        tx.peers.putEvents(agentId, 0, events, NOW);
      }
    });
    vault.close();
    return await createIn(ENVIRONMENT, "bench", { dataDir: this.dataDir, password: PASSWORD });
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

async function exporting(): Promise<Operation> {
  const place = new Place();
  const client = await place.agent();
  const options = { path: place.backup, password: BACKUP_PASSWORD, force: true, allowWeakPassword: true };
  const { bytes } = await client.exportKeys(options);
  return {
    operation: `backup with ${PEERS} peers`,
    ours: async () => {
      await client.exportKeys(options);
    },
    baselines: {
      "its Argon2id runs and its file": () => {
        // Sealed, and opened once on trial; and the password is tried at the data directory.
        argon2id(BACKUP_KDF);
        argon2id(BACKUP_KDF);
        argon2id(TEST_KDF);
        const file = openSync(join(place.path, "bare"), "w", 0o600);
        writeSync(file, randomFillSync(new Uint8Array(bytes)));
        fsyncSync(file);
        closeSync(file);
      },
    },
    close: async () => {
      await client.close();
      place.remove();
    },
  };
}

async function verifying(): Promise<Operation> {
  const place = new Place();
  const client = await place.agent();
  await client.exportKeys({ path: place.backup, password: BACKUP_PASSWORD, allowWeakPassword: true });
  return {
    operation: `drill of a backup with ${PEERS} peers`,
    ours: async () => {
      await client.verifyBackup({ path: place.backup, password: BACKUP_PASSWORD });
    },
    baselines: { "one Argon2id run": () => argon2id(BACKUP_KDF) },
    judgedBy: "difference",
    close: async () => {
      await client.close();
      place.remove();
    },
  };
}

export async function operations(): Promise<Operation[]> {
  return [await exporting(), await verifying()];
}
