/** Which of the private parts that were ever made the agents still have: on disk by what opens their vaults, in memory by what they work with. */
import { join } from "node:path";
import { Vault } from "@talos/agent";
import { decodeCertificate, decodeSession, equalBytes, nodeCrypto, revealSecret, SecretBytes, toHex } from "@talos/core";
import { TEST_PASSWORD, VaultReader, type RecordedSecret } from "@talos/testkit";

const PRIVATE_KINDS: readonly string[] = ["signing seed", "agreement private key", "KEM seed"];
/** A prekey's file has both. */
const AGREEMENT_BYTES = 32;

export function isPrivatePart(kind: string): boolean {
  return PRIVATE_KINDS.includes(kind);
}

export interface VaultContent {
  /** Ids of the keys in key files, in their order. */
  readonly keyIds: readonly string[];
  /** In hexadecimal. */
  readonly privateParts: readonly string[];
  /** Stored states of sessions, unsealed. */
  readonly sessions: readonly Uint8Array[];
}

/** Of a data directory that nobody has open, by the reader that was written from the specification. */
export function readVault(folder: string): VaultContent {
  using vault = new VaultReader(folder, new TextEncoder().encode(TEST_PASSWORD));
  const files = [...vault.keyFiles().values()];
  const parts = files.flatMap(({ kind, secret }) =>
    kind.endsWith("prekey") ? [secret.subarray(0, AGREEMENT_BYTES), secret.subarray(AGREEMENT_BYTES)] : [secret],
  );
  return {
    keyIds: files.map(({ keyId }) => keyId),
    privateParts: parts.map(toHex),
    sessions: vault
      .rows("SELECT session_id, state FROM sessions")
      .map((row) => vault.unseal("sessions", "state", row["session_id"] as Uint8Array, row["state"] as Uint8Array)),
  };
}

/** What an agent that is open works with: the keys in force, its instance key, and the ratchet keys of its sessions. */
export async function neededParts(folder: string, name: string, journal: readonly RecordedSecret[]): Promise<readonly Uint8Array[]> {
  using unlock = SecretBytes.copyOf(new TextEncoder().encode(TEST_PASSWORD));
  using inspection = await Vault.inspect({ dataDir: join(folder, name), unlock: { kind: "password", secret: unlock }, crypto: nodeCrypto });
  return inspection.read((tx) => {
    const instanceKey = decodeCertificate(tx.log.certificate() ?? new Uint8Array()).instanceKey.bytes;
    const own = [tx.inventory.live("identity")?.publicKey, tx.inventory.live("encryption")?.publicKey, instanceKey];
    const isOwn = (secret: Uint8Array): boolean =>
      own.some((key) => key !== undefined && publicKeysOf(secret).some((candidate) => equalBytes(candidate, key)));
    const inForce = journal.filter(({ bytes }) => bytes.length === AGREEMENT_BYTES && isOwn(bytes)).map(({ bytes }) => bytes);
    const ratchetKeys = tx.sessions.list().flatMap(({ sessionId }) => {
      const { state } = tx.sessions.byId(sessionId) ?? {};
      return state === undefined ? [] : ratchetKeysOf(state);
    });
    return [...inForce, ...ratchetKeys];
  });
}

function publicKeysOf(secret: Uint8Array): Uint8Array[] {
  using seed = SecretBytes.copyOf(secret);
  using signing = nodeCrypto.signingKeyFromSeed(seed);
  using agreement = nodeCrypto.agreementKeyFromPrivate(seed);
  return [signing.publicKey, agreement.publicKey];
}

function ratchetKeysOf(state: SecretBytes): Uint8Array[] {
  const { turn } = decodeSession(state).ratchet;
  if (turn.kind !== "sending") return [];
  return [new Uint8Array(revealSecret(turn.key.privateKey))];
}
