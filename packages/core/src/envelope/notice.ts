// The notice `cannot-decrypt`, which needs no session. Source: docs/protocol/envelope.md, "Notice".
import type { Extension } from "../codec/struct.ts";
import type { IdentityLog } from "../identity/log.ts";
import type { Certificate } from "../instance/certificate.ts";
import type { AgentId } from "../keys/agent-id.ts";
import type { Prepared, SignatureEntry } from "../keys/signed.ts";
import type { Crypto } from "../primitives/crypto.ts";
import type { EnvelopeId } from "./envelope.ts";

export const NOTICE_REASON_CODES = { unspecified: 0, "session-unknown": 1, "prekey-gone": 2 } as const;
export type NoticeReason = keyof typeof NOTICE_REASON_CODES;

export interface NoticeInput {
  readonly certificate: Certificate;
  readonly recipient: AgentId;
  readonly envelopeId: EnvelopeId;
  readonly reason: NoticeReason;
  readonly time: number;
}
export interface UnverifiedNotice {
  readonly type: "cannot-decrypt";
  /** Says whose log is needed. */
  readonly sender: AgentId;
  readonly certificate: Uint8Array;
  readonly recipient: AgentId;
  readonly envelopeId: EnvelopeId;
  readonly reason: NoticeReason;
  readonly time: number;
  readonly extensions: readonly Extension[];
}
declare const verifiedBrand: unique symbol;
export type Notice = Omit<UnverifiedNotice, "certificate"> & { readonly [verifiedBrand]: true; readonly certificate: Certificate };

export declare function prepareNotice(input: NoticeInput): Prepared;
export declare function assembleNotice(certificate: Certificate, body: Uint8Array, signatures: readonly SignatureEntry[], crypto: Crypto): Uint8Array;
export declare function decodeNotice(wire: Uint8Array): UnverifiedNotice;
export declare function verifyNotice(log: IdentityLog, wire: Uint8Array, crypto: Crypto): Notice;
