/**
 * The directory's HTTP interface from the client's side (docs/protocol/directory.md): one method an endpoint, every answer
 * read strictly. Verifies nothing of what the answers contain, and decides nothing: retries and trust are others' work.
 */
import {
  acknowledgementsRequestToJson,
  agentIdToDid,
  agentQuery,
  certificateRequestToJson,
  decodeMailboxPage,
  decodeUtf8,
  eventsRequestToJson,
  isErrorCode,
  isTalosError,
  MAX_ENVELOPE_BYTES,
  MAX_EVENTS_PER_REQUEST,
  MAX_PAGE_BYTES,
  parseAcknowledgementsAnswer,
  parseAgentAnswer,
  parseBundle,
  parseCertificateAnswer,
  parseDepositAnswer,
  parseErrorBody,
  parseEventsAnswer,
  parsePrekeysAnswer,
  parsePrekeyStock,
  prekeysRequestToJson,
  REQUEST_NONCE_BYTES,
  signRequest,
  talosError,
  utf8,
  type AgentId,
  type BatchReplacement,
  type Crypto,
  type EnvelopeId,
  type EnvelopeKind,
  type JsonValue,
  type LogHead,
  type MailboxPage,
  type PrekeyStock,
  type UnverifiedBundle,
} from "@talos/core";
import type { Clock } from "../clock.ts";
import { DirectoryRefusal, type Directory, type FetchOptions, type Resolution, type SigningInstance } from "./directory.ts";
import { HttpTransport, type HttpAnswer, type HttpRequest } from "./http-transport.ts";

/** Of a JSON answer: a log of 10,000 events is the largest. */
const MAX_JSON_BYTES = 64_000_000;
const MAX_MAILBOX_BYTES: number = MAX_PAGE_BYTES + MAX_ENVELOPE_BYTES;

interface Call extends Pick<HttpRequest, "method" | "target" | "body" | "waitMilliseconds" | "signal"> {
  readonly contentType?: "application/json" | "application/octet-stream";
  readonly signed: boolean;
}

export interface HttpDirectoryOptions {
  readonly url: string;
  /** The instance in force, asked at each request, since a renewal replaces its certificate. */
  readonly instance: () => SigningInstance;
  readonly crypto: Crypto;
  readonly clock: Pick<Clock, "now">;
}

export class HttpDirectory implements Directory {
  readonly url: string;
  readonly #instance: () => SigningInstance;
  readonly #crypto: Crypto;
  readonly #clock: Pick<Clock, "now">;
  readonly #transport: HttpTransport;

  constructor({ url, instance, crypto, clock }: HttpDirectoryOptions) {
    this.url = url;
    this.#instance = instance;
    this.#crypto = crypto;
    this.#clock = clock;
    this.#transport = new HttpTransport(url);
  }

  async resolve(agentId: AgentId, known?: LogHead): Promise<Resolution> {
    const target = `${agentPath(agentId)}${agentQuery(known)}`;
    const answer = await this.#json({ method: "GET", target, signed: false }, parseAgentAnswer);
    return { log: answer.log, certificate: answer.certificate ?? undefined };
  }

  async publishEvents(agentId: AgentId, events: readonly Uint8Array[]): Promise<LogHead> {
    const target = `${agentPath(agentId)}/events`;
    const publish = async (some: readonly Uint8Array[]): Promise<LogHead> =>
      (await this.#json(jsonCall("POST", target, eventsRequestToJson({ events: some }), false), parseEventsAnswer)).head;
    let at = 0;
    for (; at + MAX_EVENTS_PER_REQUEST < events.length; at += MAX_EVENTS_PER_REQUEST) {
      await publish(events.slice(at, at + MAX_EVENTS_PER_REQUEST));
    }
    return await publish(events.slice(at));
  }

  async registerCertificate(agentId: AgentId, certificate: Uint8Array): Promise<{ seq: number; generation: number }> {
    const body = certificateRequestToJson({ certificate });
    return await this.#json(jsonCall("PUT", `${agentPath(agentId)}/certificate`, body, false), parseCertificateAnswer);
  }

  async replaceBatch(replacement: BatchReplacement): Promise<{ oneTimePrekeys: number; root: Uint8Array }> {
    return await this.#json(jsonCall("PUT", `${this.#ownPath()}/prekeys`, prekeysRequestToJson(replacement), true), parsePrekeysAnswer);
  }

  async prekeyStock(): Promise<PrekeyStock> {
    return await this.#json({ method: "GET", target: `${this.#ownPath()}/prekeys`, signed: true }, parsePrekeyStock);
  }

  async claim(target: AgentId): Promise<UnverifiedBundle> {
    return await this.#json(jsonCall("POST", `${agentPath(target)}/claims`, {}, true), parseBundle);
  }

  async deposit(recipient: AgentId, kind: EnvelopeKind, item: Uint8Array): Promise<EnvelopeId> {
    const target = `${mailboxPath(recipient)}/${kind}`;
    const call: Call = { method: "POST", target, body: item, contentType: "application/octet-stream", signed: true };
    return (await this.#json(call, parseDepositAnswer)).envelopeId;
  }

  async fetch({ waitSeconds, limit, signal }: FetchOptions): Promise<MailboxPage> {
    const target = `${mailboxPath(this.#instance().agentId)}?wait=${waitSeconds}&limit=${limit}`;
    const answer = await this.#call(
      { method: "GET", target, signed: true, waitMilliseconds: waitSeconds * 1000, signal },
      MAX_MAILBOX_BYTES,
    );
    return this.#read(answer, "application/cbor", decodeMailboxPage);
  }

  async acknowledge(envelopeIds: readonly EnvelopeId[]): Promise<void> {
    const target = `${mailboxPath(this.#instance().agentId)}/acknowledgements`;
    await this.#json(jsonCall("POST", target, acknowledgementsRequestToJson({ envelopeIds }), true), parseAcknowledgementsAnswer);
  }

  close(): void {
    this.#transport.close();
  }

  #ownPath(): string {
    return agentPath(this.#instance().agentId);
  }

  async #json<T>(call: Call, parse: (json: unknown) => T): Promise<T> {
    return this.#read(await this.#call(call, MAX_JSON_BYTES), "application/json", (body) => parse(JSON.parse(decodeUtf8(body))));
  }

  /** An answer that is not what the protocol says, whatever is wrong with it, is the directory's fault. */
  #read<T>(answer: HttpAnswer, contentType: string, parse: (body: Uint8Array) => T): T {
    if (answer.contentType !== contentType) throw this.#misbehaved("content type");
    try {
      return parse(answer.body);
    } catch (error) {
      throw this.#misbehaved("body", error);
    }
  }

  /** A kept connection may have died unnoticed: then once more, on a new one and under a new signature. */
  async #call(call: Call, maxAnswerBytes: number): Promise<HttpAnswer> {
    try {
      return await this.#once(call, maxAnswerBytes);
    } catch (error) {
      if (!isTalosError(error, "DIRECTORY_UNREACHABLE") || error.details["reusedSocket"] !== true || error.details["reason"] === "timeout")
        throw error;
      return await this.#once(call, maxAnswerBytes);
    }
  }

  async #once(call: Call, maxAnswerBytes: number): Promise<HttpAnswer> {
    const { method, target, body, waitMilliseconds, signal } = call;
    const headers: Record<string, string> = {
      accept: "application/json, application/cbor",
      ...(call.contentType === undefined ? {} : { "content-type": call.contentType }),
      ...(call.signed ? this.#signatureHeaders(call) : {}),
    };
    const answer = await this.#transport.request({ method, target, headers, body, maxAnswerBytes, waitMilliseconds, signal });
    if (answer.status === 200) return answer;
    throw this.#refusal(answer);
  }

  #signatureHeaders({ method, target, body }: Call): Record<string, string> {
    const instance = this.#instance();
    const { agentId, seq, generation } = instance;
    const nonce = this.#crypto.randomBytes(REQUEST_NONCE_BYTES);
    const createdSeconds = Math.floor(this.#clock.now() / 1000);
    const authority = new URL(this.url).host;
    const parameters = { agentId, seq, generation, createdSeconds, nonce };
    return { ...signRequest({ method, authority, target }, body ?? new Uint8Array(), parameters, instance, this.#crypto) };
  }

  #refusal(answer: HttpAnswer): Error {
    if (answer.status < 400 || answer.contentType !== "application/json") return this.#misbehaved("status", undefined, answer.status);
    try {
      const { code, certificate, head } = parseErrorBody(JSON.parse(decodeUtf8(answer.body)));
      return new DirectoryRefusal(isErrorCode(code) ? code : "DIRECTORY_REFUSED", this.url, certificate, head);
    } catch (error) {
      return this.#misbehaved("error body", error, answer.status);
    }
  }

  #misbehaved(reason: string, cause?: unknown, status?: number): Error {
    const details = { directory: this.url, reason, ...(status === undefined ? {} : { status }) };
    return talosError("DIRECTORY_MISBEHAVED", undefined, { details, cause });
  }
}

function agentPath(agentId: AgentId): string {
  return `/v1/agents/${agentIdToDid(agentId)}`;
}

function mailboxPath(agentId: AgentId): string {
  return `/v1/mailboxes/${agentIdToDid(agentId)}`;
}

function jsonCall(method: "POST" | "PUT", target: string, body: JsonValue, signed: boolean): Call {
  return { method, target, body: utf8(JSON.stringify(body)), contentType: "application/json", signed };
}
