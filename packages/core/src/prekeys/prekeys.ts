import type { Extension } from "../codec/struct.ts";
import type { IdentityLog } from "../identity/log.ts";
import type { AgentId } from "../keys/agent-id.ts";
import type { LogHead } from "../keys/heads.ts";
import type { PublicKey, RemoteKey } from "../keys/public-key.ts";
import type { Prepared, SignatureEntry } from "../keys/signed.ts";
import type { Crypto } from "../primitives/crypto.ts";

export type PrekeyKind = "signed-prekey" | "one-time-prekey";

export interface StatementInput {
  readonly kind: PrekeyKind;
  /** 8 random bytes. */
  readonly id: Uint8Array;
  readonly agreementKey: PublicKey<2>;
  readonly kemKey: PublicKey<3>;
  readonly from: number;
  readonly to: number;
}

/** A statement whose form and keys are right; whether it belongs to a batch is not said. */
export interface PrekeyStatement<K extends PrekeyKind = PrekeyKind> extends StatementInput {
  readonly kind: K;
  readonly agreementKey: RemoteKey<K, 2>;
  readonly kemKey: RemoteKey<K, 3>;
  readonly extensions: readonly Extension[];
  readonly wire: Uint8Array;
}

export interface PlacedStatement {
  readonly statement: Uint8Array;
  readonly index: number;
  readonly path: readonly Uint8Array[];
}

export interface BatchInput {
  readonly agentId: AgentId;
  readonly head: LogHead;
  /** Offered options: bit 0 = post-quantum ratchet steps. */
  readonly options: number;
  readonly directories: readonly string[];
  readonly from: number;
  readonly to: number;
  readonly size: number;
  readonly root: Uint8Array;
}

export interface BatchFields extends BatchInput {
  readonly extensions: readonly Extension[];
}

declare const verifiedBrand: unique symbol;
/** A batch that verified under its agent's log. */
export interface PrekeyBatch extends BatchFields {
  readonly [verifiedBrand]: true;
  readonly wire: Uint8Array;
  readonly hash: Uint8Array;
}

/** What a claim hands out; nothing is verified. */
export interface UnverifiedBundle {
  readonly log: readonly Uint8Array[];
  readonly certificate: Uint8Array;
  readonly batch: Uint8Array;
  readonly signedPrekey: PlacedStatement;
  readonly oneTimePrekey?: PlacedStatement;
}

declare const bundleBrand: unique symbol;
/** The only thing that a handshake starts from. */
export interface VerifiedBundle {
  readonly [bundleBrand]: true;
  readonly agentId: AgentId;
  /** The head in the batch. */
  readonly head: LogHead;
  readonly options: number;
  readonly root: Uint8Array;
  /** End of the batch. */
  readonly to: number;
  readonly directories: readonly string[];
  /** In force at `head`. */
  readonly identityKey: RemoteKey<"identity">;
  /** In force at `head`. */
  readonly encryptionKey: RemoteKey<"encryption">;
  readonly signedPrekey: PrekeyStatement<"signed-prekey">;
  readonly oneTimePrekey?: PrekeyStatement<"one-time-prekey">;
}

export interface BatchTree {
  /** All statements, ordered by id. */
  readonly ordered: readonly PrekeyStatement[];
  readonly root: Uint8Array;
  place(index: number): PlacedStatement;
}

export declare function encodeStatement(input: StatementInput): Uint8Array;
export declare function decodeStatement(wire: Uint8Array): PrekeyStatement;
export declare function batchTree(statements: readonly Uint8Array[], crypto: Crypto): BatchTree;
export declare function prepareBatch(input: BatchInput): Prepared;
export declare function assembleBatch(log: IdentityLog, body: Uint8Array, signatures: readonly SignatureEntry[], crypto: Crypto): PrekeyBatch;
export declare function decodeBatch(wire: Uint8Array): BatchFields;
export declare function verifyBatch(log: IdentityLog, wire: Uint8Array, crypto: Crypto, now?: number): PrekeyBatch;
export declare function verifyBundle(log: IdentityLog, bundle: UnverifiedBundle, crypto: Crypto, now: number): VerifiedBundle;
