/**
 * What an agent asks of a directory, whatever carries it. A directory is untrusted: everything here is bytes whose form
 * is right, and nothing more; who receives them verifies. Failures: DIRECTORY_UNREACHABLE (no answer),
 * DIRECTORY_MISBEHAVED (an answer that breaks the protocol), or the code that the directory answered with; then the error
 * is a `DirectoryRefusal`, since some refusals bring proof.
 */
import {
  TalosError,
  type AgentId,
  type BatchReplacement,
  type EnvelopeId,
  type EnvelopeKind,
  type ErrorCode,
  type LogHead,
  type MailboxPage,
  type PrekeyStock,
  type RequestSigner,
  type UnverifiedBundle,
} from "@talos/core";

export interface Resolution {
  /** The events after the head that the asker has; all of them, inception first, where that head does not stand there. */
  readonly log: readonly Uint8Array[];
  /** The newest certificate registered there. */
  readonly certificate: Uint8Array | undefined;
}

export interface FetchOptions {
  /** Long poll, 0 to 30. */
  readonly waitSeconds: number;
  /** 1 to 256. */
  readonly limit: number;
  readonly signal?: AbortSignal | undefined;
}

export interface Directory {
  readonly url: string;
  /** @param known what the asker has of the log; default: nothing. `chainWith` joins it with the answer, whichever this is. */
  resolve(agentId: AgentId, known?: LogHead): Promise<Resolution>;
  publishEvents(agentId: AgentId, events: readonly Uint8Array[]): Promise<LogHead>;
  registerCertificate(agentId: AgentId, certificate: Uint8Array): Promise<{ readonly seq: number; readonly generation: number }>;
  /** Signed by the agent itself. */
  replaceBatch(replacement: BatchReplacement): Promise<{ readonly oneTimePrekeys: number; readonly root: Uint8Array }>;
  /** The live batch there and what is left of it; signed by the agent itself. */
  prekeyStock(): Promise<PrekeyStock>;
  /** Signed by the claimer; hands out one one-time prekey of the target for good. */
  claim(target: AgentId): Promise<UnverifiedBundle>;
  /** Signed by the depositor; idempotent by envelope id. */
  deposit(recipient: AgentId, kind: EnvelopeKind, item: Uint8Array): Promise<EnvelopeId>;
  /** The agent's own mailbox, events before everything else. */
  fetch(options: FetchOptions): Promise<MailboxPage>;
  /** Of the agent's own mailbox; idempotent. At most 256 ids. */
  acknowledge(envelopeIds: readonly EnvelopeId[]): Promise<void>;
  close(): void;
}

/** Signs requests in the agent's name, with the instance key of the certificate in force. */
export interface SigningInstance extends RequestSigner {
  sign(bytes: Uint8Array): Uint8Array;
}

/** What a directory answered instead, in its own words' code; nothing in it is believed before it is verified. */
export class DirectoryRefusal extends TalosError {
  /** The certificate registered there, where the refusal is about certificates. */
  readonly certificate: Uint8Array | undefined;
  /** The head of the log there, where the refusal is about the log. */
  readonly head: LogHead | undefined;

  constructor(code: ErrorCode, url: string, certificate?: Uint8Array, head?: LogHead) {
    super(code, undefined, { details: { directory: url } });
    this.certificate = certificate;
    this.head = head;
  }
}
