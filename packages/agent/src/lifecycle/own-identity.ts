/**
 * What this agent is just now: its own verified log, and handles of the identity and encryption keys that the log has in
 * force. It moves on when an event of the agent has committed; whoever needs a part reads it at the moment of use.
 * Knows no plan and no directory.
 */
import { equalBytes, logAt, talosError, verifyLog, type Crypto, type IdentityLog, type KeyId, type LogHead } from "@talos/core";
import { openBackend, type BackendAgreementKey, type BackendKeyKind, type BackendKeys, type BackendSigningKey } from "../backends/index.ts";
import type { Vault } from "../vault/index.ts";

/** Of an agent that is alive. */
export interface OwnKeys {
  readonly log: IdentityLog;
  readonly identityKey: BackendSigningKey<"identity">;
  readonly encryptionKey: BackendAgreementKey;
}

export class OwnIdentity implements Disposable {
  readonly #vault: Vault;
  readonly #crypto: Crypto;
  #log: IdentityLog;
  /** Undefined once the identity is revoked, or this is closed. */
  #keys: Omit<OwnKeys, "log"> | undefined;
  /** Handles of former encryption keys that were needed, by key id. */
  readonly #former: Map<KeyId, BackendAgreementKey> = new Map();

  private constructor(vault: Vault, crypto: Crypto, log: IdentityLog, keys: Omit<OwnKeys, "log"> | undefined) {
    this.#vault = vault;
    this.#crypto = crypto;
    this.#log = log;
    this.#keys = keys;
  }

  /**
   * @param now milliseconds since 1970
   * @throws TalosError VAULT_CORRUPT where log and keys do not fit; KEY_NOT_FOUND; of the backend; as `verifyLog`
   */
  static async open(vault: Vault, crypto: Crypto, now: number): Promise<OwnIdentity> {
    const events = vault.read((tx) => tx.log.events().map(({ wire }) => wire));
    const { log } = verifyLog(undefined, events, now, crypto, vault.agentId);
    return new OwnIdentity(vault, crypto, log, log.revoked === undefined ? await loadOwnKeys(vault, crypto, log) : undefined);
  }

  get log(): IdentityLog {
    return this.#log;
  }

  get isRevoked(): boolean {
    return this.#log.revoked !== undefined;
  }

  /** @throws TalosError AGENT_REVOKED */
  get identityKey(): BackendSigningKey<"identity"> {
    return this.#alive().identityKey;
  }

  /** @throws TalosError AGENT_REVOKED */
  get encryptionKey(): BackendAgreementKey {
    return this.#alive().encryptionKey;
  }

  /**
   * The encryption key that was in force at that head: the current one, or a retired one for as long as it is kept.
   *
   * @throws TalosError HEAD_UNKNOWN for a head that is not in this agent's log; PREKEY_NOT_FOUND once the key has ended: what was
   *   made for it cannot be opened any more; of the backend
   */
  async encryptionKeyAt(head: LogHead): Promise<BackendAgreementKey> {
    const { bytes } = logAt(this.log, head).encryptionKey;
    if (equalBytes(bytes, this.encryptionKey.publicKey.bytes)) return this.encryptionKey;
    const entry = this.#vault.read((tx) =>
      tx.inventory.list({ kind: "encryption" }).find(({ publicKey, state }) => state !== "ended" && equalBytes(publicKey, bytes)),
    );
    this.#forgetOthers(entry?.keyId);
    if (entry === undefined) throw talosError("PREKEY_NOT_FOUND", undefined, { details: { kind: "encryption" } });
    const open = this.#former.get(entry.keyId);
    if (open !== undefined) return open;
    const backend = openBackend(entry.backend, { files: this.#vault.files, crypto: this.#crypto });
    const key = await backend.open({ backend: entry.backend, kind: "encryption", keyId: entry.keyId });
    // It may have ended while its file was read, or this is closed: then nobody would release the handle any more.
    const hasEnded = this.#keys === undefined || this.#vault.read((tx) => tx.inventory.get(entry.keyId)?.state ?? "ended") === "ended";
    if (hasEnded) key[Symbol.dispose]();
    if (hasEnded) throw talosError("PREKEY_NOT_FOUND", undefined, { details: { kind: "encryption" } });
    this.#former.get(entry.keyId)?.[Symbol.dispose]();
    this.#former.set(entry.keyId, key);
    return key;
  }

  /** In the same turn as the commit that put them in force. Takes the handles over; the former ones are released. */
  adopt({ log, ...keys }: OwnKeys): void {
    this.#release();
    this.#log = log;
    this.#keys = keys;
  }

  /** In the same turn as the commit that ended the identity. */
  end(log: IdentityLog): void {
    this.#release();
    this.#log = log;
  }

  [Symbol.dispose](): void {
    this.#release();
  }

  #alive(): Omit<OwnKeys, "log"> {
    if (this.#keys === undefined) throw talosError(this.isRevoked ? "AGENT_REVOKED" : "CLIENT_CLOSED");
    return this.#keys;
  }

  #release(): void {
    this.#keys?.identityKey[Symbol.dispose]();
    this.#keys?.encryptionKey[Symbol.dispose]();
    this.#keys = undefined;
    this.#forgetOthers(undefined);
  }

  /** Keys that have ended leave memory too. */
  forgetEnded(keyIds: readonly KeyId[]): void {
    for (const keyId of keyIds) {
      this.#former.get(keyId)?.[Symbol.dispose]();
      this.#former.delete(keyId);
    }
  }

  /** A former key is rarely needed and ends some day: one handle at most is held. */
  #forgetOthers(keyId: KeyId | undefined): void {
    for (const [id, key] of this.#former) {
      if (id === keyId) continue;
      key[Symbol.dispose]();
      this.#former.delete(id);
    }
  }
}

async function loadOwnKeys(vault: Vault, crypto: Crypto, log: IdentityLog): Promise<Omit<OwnKeys, "log">> {
  using cleanup = new DisposableStack();
  const identityKey = cleanup.use(await openLiveKey(vault, "identity", crypto));
  const encryptionKey = cleanup.use(await openLiveKey(vault, "encryption", crypto));
  const fits =
    equalBytes(log.identityKey.bytes, identityKey.publicKey.bytes) && equalBytes(log.encryptionKey.bytes, encryptionKey.publicKey.bytes);
  if (!fits) throw talosError("VAULT_CORRUPT", "The keys in the data directory are not those of the agent's log.");
  cleanup.move();
  return { identityKey, encryptionKey };
}

async function openLiveKey<K extends Exclude<BackendKeyKind, "next-identity">>(
  vault: Vault,
  kind: K,
  crypto: Crypto,
): Promise<BackendKeys[K]> {
  const entry = vault.read((tx) => tx.inventory.live(kind));
  if (entry === undefined) throw talosError("KEY_NOT_FOUND", undefined, { details: { kind } });
  const backend = openBackend(entry.backend, { files: vault.files, crypto });
  return await backend.open({ backend: entry.backend, kind, keyId: entry.keyId });
}
