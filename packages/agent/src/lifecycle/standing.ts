/**
 * Whether this process may still act for the agent. It may until it is superseded by a newer instance, fenced by another
 * process on the same data directory, or closed; the first of these stands, and every loop and call hears of it here.
 * Knows nothing of how supersession is proved.
 */
import { isTalosError, talosError, type TalosError } from "@talos/core";

export class Standing {
  #stop: AbortController = new AbortController();
  #ended: TalosError | undefined;

  /** Aborts when the agent may not act any more. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  get isActive(): boolean {
    return this.#ended === undefined;
  }

  get isSuperseded(): boolean {
    return isTalosError(this.#ended, "INSTANCE_SUPERSEDED");
  }

  get isRevoked(): boolean {
    return isTalosError(this.#ended, "AGENT_REVOKED");
  }

  get isClosed(): boolean {
    return isTalosError(this.#ended, "CLIENT_CLOSED");
  }

  /** @throws TalosError INSTANCE_SUPERSEDED, AGENT_REVOKED, GENERATION_FENCED or CLIENT_CLOSED, whichever came first */
  requireActive(): void {
    if (this.#ended !== undefined) throw talosError(this.#ended.code, this.#ended.message, { details: this.#ended.details });
  }

  /** A certificate of this agent that verified says that another instance is the newer one. */
  supersede(seq: number, generation: number): void {
    this.#end(talosError("INSTANCE_SUPERSEDED", undefined, { details: { seq, generation } }));
  }

  /** As `requireActive`, but a superseded instance may: it is about to become the living one. */
  requireActiveOrSuperseded(): void {
    if (!this.isSuperseded) this.requireActive();
  }

  /** An event of the identity stands above whatever superseded this instance. */
  revive(): void {
    if (!this.isSuperseded) return;
    this.#ended = undefined;
    this.#stop = new AbortController();
  }

  /** The identity has ended. */
  revoke(): void {
    this.#end(talosError("AGENT_REVOKED"));
  }

  /** The store's generation is not ours any more. */
  fence(): void {
    this.#end(talosError("GENERATION_FENCED"));
  }

  close(): void {
    this.#end(talosError("CLIENT_CLOSED"));
  }

  #end(error: TalosError): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    this.#stop.abort(error);
  }
}
