/**
 * The default backend: private keys in the vault's key files, one handle per key in memory for as long as it is held
 * (making one costs as much as using it). Knows nothing of what its keys are used for.
 */
import {
  type AgreementKey,
  ALGORITHM,
  type Crypto,
  isTalosError,
  keyId as idOfKey,
  type KeyId,
  ownKey,
  type OwnKey,
  type SecretBytes,
  type SigningKey,
  talosError,
} from "@talos/core";
import type { KeyFileStore } from "../../vault/types.ts";
import type {
  BackendAgreementKey,
  BackendCapabilities,
  BackendKey,
  BackendKeyKind,
  BackendSigningKey,
  KeyBackend,
  KeyReference,
  PortableCapability,
} from "../contract/key-backend.ts";

export class SoftwareBackend implements KeyBackend {
  readonly name = "software";
  readonly capabilities: BackendCapabilities;
  readonly #files: KeyFileStore;
  readonly #crypto: Crypto;

  constructor(files: KeyFileStore, crypto: Crypto) {
    this.#files = files;
    this.#crypto = crypto;
    const portable: PortableCapability = {
      exportKey: async (reference) => await this.#exportKey(reference),
      importKey: async (kind, keyId, secret) => this.#importKey(kind, keyId, secret),
    };
    this.capabilities = { portable };
  }

  /** The private part is staged at once; it stays once a committed inventory names the key. */
  async create<K extends BackendKeyKind>(kind: K): Promise<BackendKey<K>> {
    return kind === "encryption" ? (this.#createAgreement() as BackendKey<K>) : (this.#createSigning(kind) as BackendKey<K>);
  }

  async open<K extends BackendKeyKind>(reference: KeyReference<K>): Promise<BackendKey<K>> {
    if (reference.backend !== this.name) {
      throw talosError("KEY_NOT_FOUND", undefined, { details: { backend: reference.backend, keyId: reference.keyId } });
    }
    const { kind, keyId } = reference;
    using secret = this.#files.load(kind === "encryption" ? "encryption" : "identity", keyId);
    if (kind === "encryption")
      return agreementHandle(
        readKey(() => this.#crypto.agreementKeyFromPrivate(secret), keyId),
        keyId,
        this.#crypto,
      ) as BackendKey<K>;
    return signingHandle(
      kind,
      readKey(() => this.#crypto.signingKeyFromSeed(secret), keyId),
      keyId,
      this.#crypto,
    ) as BackendKey<K>;
  }

  async #exportKey(reference: KeyReference): Promise<SecretBytes> {
    // Opened first: what lies under another key's id is handed out in no way.
    using key = await this.open(reference);
    const { kind, keyId } = key.reference;
    return this.#files.load(kind === "encryption" ? "encryption" : "identity", keyId);
  }

  #importKey(kind: BackendKeyKind, keyId: KeyId, secret: SecretBytes): void {
    using key = kind === "encryption" ? this.#crypto.agreementKeyFromPrivate(secret) : this.#crypto.signingKeyFromSeed(secret);
    const publicKey = ownKey(kind, kind === "encryption" ? ALGORITHM.x25519 : ALGORITHM.ed25519, key.publicKey);
    if (idOfKey(publicKey, this.#crypto) !== keyId) {
      throw talosError("INVALID_ARGUMENT", "The private part belongs to another key.", { details: { argument: "secret", keyId } });
    }
    this.#files.stage(kind, keyId, secret);
  }

  #createSigning(kind: "identity" | "next-identity"): BackendSigningKey {
    const key = this.#crypto.generateSigningKey();
    const keyId = idOfKey(ownKey(kind, ALGORITHM.ed25519, key.publicKey), this.#crypto);
    return stageOrDispose(key, () => {
      using seed = key.exportSeed();
      this.#files.stage(kind, keyId, seed);
      return signingHandle(kind, key, keyId, this.#crypto);
    });
  }

  #createAgreement(): BackendAgreementKey {
    const key = this.#crypto.generateAgreementKey();
    const keyId = idOfKey(ownKey("encryption", ALGORITHM.x25519, key.publicKey), this.#crypto);
    return stageOrDispose(key, () => {
      using privateKey = key.exportPrivate();
      this.#files.stage("encryption", keyId, privateKey);
      return agreementHandle(key, keyId, this.#crypto);
    });
  }
}

function signingHandle(kind: "identity" | "next-identity", key: SigningKey, keyId: KeyId, crypto: Crypto): BackendSigningKey {
  const publicKey: OwnKey<"identity" | "next-identity"> = checkId(ownKey(kind, ALGORITHM.ed25519, key.publicKey), key, keyId, crypto);
  return {
    reference: { backend: "software", kind, keyId },
    publicKey,
    protection: "software",
    sign: async (message) => key.sign(message),
    destroy: async () => {
      key[Symbol.dispose]();
    },
    [Symbol.dispose]: () => {
      key[Symbol.dispose]();
    },
  };
}

function agreementHandle(key: AgreementKey, keyId: KeyId, crypto: Crypto): BackendAgreementKey {
  return {
    reference: { backend: "software", kind: "encryption", keyId },
    publicKey: checkId(ownKey("encryption", ALGORITHM.x25519, key.publicKey), key, keyId, crypto),
    protection: "software",
    deriveSharedSecret: async (remote) => key.agree(remote),
    destroy: async () => {
      key[Symbol.dispose]();
    },
    [Symbol.dispose]: () => {
      key[Symbol.dispose]();
    },
  };
}

/** A private part belongs to the id under which it lies, or it is not handed out. */
function checkId<K extends OwnKey<BackendKeyKind>>(publicKey: K, key: Disposable, keyId: KeyId, crypto: Crypto): K {
  if (idOfKey(publicKey, crypto) === keyId) return publicKey;
  key[Symbol.dispose]();
  throw talosError("KEY_FILE_SWAPPED", undefined, { details: { keyId } });
}

function readKey<T>(make: () => T, keyId: KeyId): T {
  try {
    return make();
  } catch (error) {
    if (!isTalosError(error, "INVALID_ARGUMENT")) throw error;
    throw talosError("KEY_FILE_CORRUPT", undefined, { cause: error, details: { keyId } });
  }
}

function stageOrDispose<T>(key: Disposable, stage: () => T): T {
  try {
    return stage();
  } catch (error) {
    key[Symbol.dispose]();
    throw error;
  }
}
