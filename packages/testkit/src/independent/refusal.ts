// What the independent decoder throws: a short class name and a sentence. The classes are those of docs/protocol alone.
// Nothing in this folder may import another package of this project: the folder proves that the specification suffices.

export type RefusalClass =
  | "malformed"
  | "unsupported-version"
  | "unsupported-suite"
  | "unsupported-extension"
  | "weak-public-key"
  | "signature-invalid"
  | "signature-missing"
  | "digest-mismatch"
  | "request-expired"
  | "log-invalid"
  | "agent-revoked"
  | "audit-invalid"
  | "head-unknown"
  | "certificate-invalid"
  | "certificate-expired"
  | "batch-invalid"
  | "batch-expired"
  | "bundle-invalid"
  | "handshake-refused"
  | "decryption-failed"
  | "too-many-skipped"
  | "generation-regressed"
  | "backup-damaged"
  | "backup-key-failed"
  | "backup-wrong-password"
  | "kdf-parameters-refused";

export class Refusal extends Error {
  readonly class: RefusalClass;
  constructor(refusalClass: RefusalClass, message: string) {
    super(`${refusalClass}: ${message}`);
    this.name = "Refusal";
    this.class = refusalClass;
  }
}

export function refuse(refusalClass: RefusalClass, message: string): never {
  throw new Refusal(refusalClass, message);
}

/** Refuses as `malformed` unless the condition holds. */
export function demand(condition: boolean, message: string): asserts condition {
  if (!condition) refuse("malformed", message);
}
