// The one message that the vectors of frames, signatures and proofs are about: from alice to bob.
import {
  concatBytes,
  messageFacts,
  messageId,
  messageSignatureBytes,
  nodeCrypto,
  shortHead,
  utf8,
  type Certificate,
  type Frame,
  type MessageSigner,
} from "@talos/core";
import { bytesOf, castMember, certificateOf, HOUR, seedOf, STORY_START, type CastMember } from "./cast.ts";

export const alice: CastMember = castMember("alice");
export const bob: CastMember = castMember("bob");
export const certificate: Certificate = certificateOf(alice);
export const transcriptHash: Uint8Array = seedOf("transcript hash");
export const BODY: Uint8Array = utf8("Meet me at the old mill at noon.");

/** Bytes in the shape of the header that the field asks for; what is in them is another page's. */
export function filler(name: string, length: number): Uint8Array {
  const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, index) => seedOf(`${name} ${index}`));
  return concatBytes(...blocks).slice(0, length);
}

export const baseFrame: Frame = {
  type: "content",
  resent: false,
  messageId: messageId(bytesOf("message id", 16)),
  time: STORY_START + HOUR,
  recipientHead: shortHead(bob.log.head),
  contentType: "text/plain",
  acknowledged: [],
  extensions: [],
  body: BODY,
};
export const instanceSigner: MessageSigner = { kind: "instance", certificateHash: certificate.hash };
export const identitySigner: MessageSigner = { kind: "identity", head: alice.log.head };

export function instanceSignature(frame: Frame): Uint8Array {
  return alice.instance.sign(messageSignatureBytes(instanceSigner, messageFacts(frame, bob.log.agentId, transcriptHash, nodeCrypto)));
}

export function identitySignature(frame: Frame): Uint8Array {
  return alice.identity.sign(messageSignatureBytes(identitySigner, messageFacts(frame, bob.log.agentId, transcriptHash, nodeCrypto)));
}
