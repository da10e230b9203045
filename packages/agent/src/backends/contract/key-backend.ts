/**
 * The contract of every key backend: private operations of the identity, next and encryption keys, asynchronous,
 * because hardware is. Nothing above a backend may assume that it can see a private key: whether one can leave at all is the
 * capability `portable`, which backups alone use.
 * Conformance suite: packages/testkit/src/backends.
 */
import type { AgentId, KeyId, OwnKey, ProtectionLevel, SecretBytes } from "@talos/core";
import type { BackendName } from "../../vault/store/inventory.ts";

export type { BackendName } from "../../vault/store/inventory.ts";

export type BackendKeyKind = "identity" | "next-identity" | "encryption";

/** Finds a key again, also after years: by its id, never by memory. */
export interface KeyReference<K extends BackendKeyKind = BackendKeyKind> {
  readonly backend: BackendName;
  /** As what the key is opened: a next identity key that has been promoted is opened as `identity`. */
  readonly kind: K;
  readonly keyId: KeyId;
}

interface HeldKey<K extends BackendKeyKind> extends Disposable {
  readonly reference: KeyReference<K>;
  readonly publicKey: OwnKey<K>;
  readonly protection: ProtectionLevel;
  /** Ends the private part for good where the backend holds it (a key file ends with its inventory entry instead). */
  destroy(): Promise<void>;
}

export interface BackendSigningKey<K extends "identity" | "next-identity" = "identity" | "next-identity"> extends HeldKey<K> {
  /** 64 bytes. @throws TalosError BACKEND_FAILED; SECRET_DISPOSED after disposal */
  sign(message: Uint8Array): Promise<Uint8Array>;
}

export interface BackendAgreementKey extends HeldKey<"encryption"> {
  /**
   * X25519, 32 bytes.
   *
   * @param remote 32 bytes
   * @throws TalosError MALFORMED, WEAK_PUBLIC_KEY; BACKEND_FAILED; SECRET_DISPOSED after disposal
   */
  deriveSharedSecret(remote: Uint8Array): Promise<SecretBytes>;
}

export interface BackendKeys {
  readonly identity: BackendSigningKey<"identity">;
  readonly "next-identity": BackendSigningKey<"next-identity">;
  readonly encryption: BackendAgreementKey;
}
export type BackendKey<K extends BackendKeyKind = BackendKeyKind> = BackendKeys[K];

export interface SealCapability {
  seal(plaintext: SecretBytes, context: Uint8Array): Promise<Uint8Array>;
  unseal(sealed: Uint8Array, context: Uint8Array): Promise<SecretBytes>;
}

export interface AttestCapability {
  /** A document that proves that the key lives in this hardware. @param challenge fresh, from whoever asks */
  attest(key: KeyReference, agent: AgentId, challenge: Uint8Array): Promise<Uint8Array>;
}

/** Private parts that may leave the backend and come back: what a backup is made of. */
export interface PortableCapability {
  /**
   * The private part, which is that of the reference's id: 32 bytes, a copy that the caller disposes.
   *
   * @throws TalosError as `open`
   */
  exportKey(reference: KeyReference): Promise<SecretBytes>;
  /**
   * Takes a copy of a private part that was exported once, here or elsewhere; as after `create`, it is durable once the inventory names it.
   *
   * @throws TalosError INVALID_ARGUMENT where it is not the private part of that id; BACKEND_FAILED, STORAGE_FAILED
   */
  importKey(kind: BackendKeyKind, keyId: KeyId, secret: SecretBytes): Promise<void>;
}

/** What not every backend can do; absent means it cannot. */
export interface BackendCapabilities {
  readonly seal?: SealCapability;
  readonly attest?: AttestCapability;
  readonly portable?: PortableCapability;
}

export interface KeyBackend {
  readonly name: BackendName;
  readonly capabilities: BackendCapabilities;
  /** Makes a key; it is durable once the inventory names it. @throws TalosError BACKEND_NOT_AVAILABLE, BACKEND_FAILED */
  create<K extends BackendKeyKind>(kind: K): Promise<BackendKey<K>>;
  /**
   * @throws TalosError KEY_NOT_FOUND, KEY_FILE_MISSING, KEY_FILE_CORRUPT, KEY_FILE_SWAPPED; BACKEND_NOT_AVAILABLE,
   *   BACKEND_FAILED
   */
  open<K extends BackendKeyKind>(reference: KeyReference<K>): Promise<BackendKey<K>>;
}
