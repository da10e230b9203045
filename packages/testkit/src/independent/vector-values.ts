// How the vectors write keys, logs, requests and names (vectors/README.md), taken apart for the independent decoder.
import { sign } from "node:crypto";
import { unhex } from "./bytes.ts";
import type { SignedMessage } from "./frame.ts";
import { sha256 } from "./hashes.ts";
import { decodeIdentityLog, type IdentityLog } from "./identity.ts";
import { ED25519, privateKeyObject, type PublicKey } from "./keys.ts";
import type { Placed } from "./prekeys.ts";
import type { SignedRequest } from "./request-signature.ts";
import type { VectorCase } from "./vector-file.ts";

export function record(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) throw new Error("the vector has no object here");
  return value as Readonly<Record<string, unknown>>;
}

export function text(value: unknown): string {
  if (typeof value !== "string") throw new Error("the vector has no text here");
  return value;
}

function numberOf(value: unknown): number {
  if (typeof value !== "number") throw new Error("the vector has no number here");
  return value;
}

export function listOf(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error("the vector has no list here");
  return value;
}

export function listOfBytes(value: unknown): readonly Uint8Array[] {
  return listOf(value).map((entry) => unhex(text(entry)));
}

export function nameOf(names: readonly string[], index: number): string {
  return text(names[index]);
}

export function publicKeyOf(value: unknown): PublicKey {
  const { algorithm, bytes } = record(value);
  return { algorithm: numberOf(algorithm), key: text(bytes) };
}

export function plainKey({ algorithm, key }: PublicKey): { readonly algorithm: number; readonly bytes: string } {
  return { algorithm, bytes: key };
}

export function logOf({ context }: VectorCase): IdentityLog {
  return decodeIdentityLog(listOfBytes(context?.["log"]));
}

export function nowOf({ context }: VectorCase): number | undefined {
  const now = context?.["now"];
  return now === undefined ? undefined : numberOf(now);
}

export function placedOf(value: unknown): Placed {
  const { statement, index, path } = record(value);
  return { statement: unhex(text(statement)), index: numberOf(index), path: listOfBytes(path) };
}

export function requestOf(value: unknown): SignedRequest {
  const { method, authority, target, headers, body } = record(value);
  return {
    method: text(method),
    authority: text(authority),
    target: text(target),
    headers: record(headers) as SignedRequest["headers"],
    body: unhex(text(body)),
  };
}

export function signedMessageOf(value: unknown): SignedMessage {
  const { signer, frameType, recipient, messageId, time, contentType, transcriptHash, bodyHash } = record(value);
  const { kind, certificateHash, head } = record(signer);
  return {
    signatureKind: kind === "instance" ? 1 : 2,
    frameType: ["", "content", "acknowledgement", "empty-turn"].indexOf(text(frameType)),
    certificateHash: kind === "instance" ? text(certificateHash) : null,
    head: kind === "instance" ? null : { seq: numberOf(record(head)["seq"]), hash: text(record(head)["hash"]) },
    recipientId: text(recipient),
    messageId: text(messageId),
    time: numberOf(time),
    contentType: text(contentType),
    transcriptHash: text(transcriptHash),
    bodyHash: text(bodyHash),
  };
}

/** Every private part follows from a name. */
export function seedOf(name: string): Uint8Array {
  return sha256(`talos vectors: ${name}`);
}

/** Ed25519 is deterministic, so a vector's signature can be made again. */
export function signWith(name: string, message: Uint8Array): Uint8Array {
  return new Uint8Array(sign(null, message, privateKeyObject(ED25519, seedOf(name))));
}
