// The message proof: what a third party needs, beside the plaintext and the sender's public log.
import type { Extension } from "../codec/struct.ts";
import type { IdentityLog } from "../identity/log.ts";
import type { AgentId } from "../keys/agent-id.ts";
import type { LogHead } from "../keys/heads.ts";
import type { Crypto } from "../primitives/crypto.ts";
import type { MessageFacts } from "./message-signature.ts";

export type ProofSigner = { readonly kind: "instance"; readonly certificate: Uint8Array } | { readonly kind: "identity"; readonly head: LogHead };
export interface MessageProof extends MessageFacts {
  readonly signer: ProofSigner;
  readonly sender: AgentId;
  readonly signature: Uint8Array;
  readonly extensions: readonly Extension[];
}
export declare function encodeMessageProof(proof: MessageProof): Uint8Array;
export declare function decodeMessageProof(bytes: Uint8Array): MessageProof;
/** `log` is the sender's; `body`, if given, must be the plaintext that was signed. Throws SIGNATURE_INVALID and others. */
export declare function verifyMessageProof(log: IdentityLog, proof: Uint8Array, crypto: Crypto, body?: Uint8Array): MessageProof;
