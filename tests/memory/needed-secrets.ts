/**
 * Which of the secrets that two running agents ever had they still need: looked up beside them, in what they have committed.
 * Knows the story that they are in: who changed a password, and who was opened by a key file.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { Vault } from "@talos/agent";
import { decodeCertificate, decodeSession, equalBytes, nodeCrypto, revealSecret, SecretBytes, type Session } from "@talos/core";
import type { RecordedSecret } from "@talos/testkit";

type Journal = readonly RecordedSecret[];

export async function neededSecrets(folder: string, journal: Journal): Promise<readonly Uint8Array[]> {
  const needed: Uint8Array[] = [];
  // In the order of the story: of carol, dave, alice, bob, and bob's new one.
  const [, , aliceVaultKey, , bobVaultKey] = ofKind(journal, "random secret");
  // Likewise; the fifth is of a wrong password, and after the sixth there is another.
  const [, , , , , bobStretched] = ofKind(journal, "password hash");
  const [aliceStretched] = ofKind(journal, "derived key talos/v1/vault/slot-material");
  for (const secret of [aliceVaultKey, bobVaultKey, aliceStretched, bobStretched]) needed.push(secret ?? assert.fail());
  needed.push(...ofKind(journal, "derived key talos/v1/vault/row-key"));
  for (const [name, password] of [
    ["alice", ofKind(journal, "password")[0]],
    ["bob", ofKind(journal, "new password")[0]],
  ] as const) {
    using unlock = SecretBytes.copyOf(password ?? assert.fail());
    using inspection = await Vault.inspect({
      dataDir: join(folder, name),
      unlock: { kind: "password", secret: unlock },
      crypto: nodeCrypto,
    });
    inspection.read((tx) => {
      const instanceKey = decodeCertificate(tx.log.certificate() ?? assert.fail()).instanceKey.bytes;
      const publicKeys = [tx.inventory.live("identity")?.publicKey, tx.inventory.live("encryption")?.publicKey, instanceKey];
      needed.push(...privateKeysOf(journal, publicKeys));
      for (const { sessionId } of tx.sessions.list()) {
        const { state } = tx.sessions.byId(sessionId) ?? assert.fail();
        needed.push(...secretsOf(decodeSession(state)));
      }
    });
  }
  return needed;
}

/** Of all that were told, those that belong to these public keys. */
export function privateKeysOf(journal: Journal, publicKeys: readonly (Uint8Array | undefined)[]): Uint8Array[] {
  const told = [...ofKind(journal, "signing seed"), ...ofKind(journal, "agreement private key")];
  return told.filter((secret) => publicKeys.some((key) => key !== undefined && publicKeysOf(secret).some((own) => equalBytes(own, key))));
}

function ofKind(journal: Journal, kind: string): Uint8Array[] {
  return journal.filter((secret) => secret.kind === kind).map(({ bytes }) => bytes);
}

function publicKeysOf(secret: Uint8Array): Uint8Array[] {
  using seed = SecretBytes.copyOf(secret);
  using signing = nodeCrypto.signingKeyFromSeed(seed);
  using agreement = nodeCrypto.agreementKeyFromPrivate(seed);
  return [signing.publicKey, agreement.publicKey];
}

function secretsOf({ ratchet }: Session): Uint8Array[] {
  const { rootKey, turn, receiving, skipped } = ratchet;
  const sending = turn.kind === "sending" ? [turn.key.privateKey, turn.chainKey] : [];
  const all = [rootKey, ...sending, ...(receiving === undefined ? [] : [receiving.chainKey]), ...skipped.runs.map(({ keys }) => keys)];
  return all.map((secret) => new Uint8Array(revealSecret(secret)));
}
