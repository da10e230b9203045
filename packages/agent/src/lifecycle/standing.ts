/**
 * Whether this process may act for the agent. It may until it is superseded by a newer instance, fenced by another process on the same data
 * directory, or closed, and not before it has been compared where it comes from a backup; the first of these stands, and every loop and call
 * hears of it here. Knows nothing of how supersession is proved, or what is compared.
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

  /** It comes from a backup, and nobody has looked yet whether that is the newest state of the identity. */
  get isHeld(): boolean {
    return isTalosError(this.#ended, "RECOVERY_UNCHECKED");
  }

  get isRevoked(): boolean {
    return isTalosError(this.#ended, "AGENT_REVOKED");
  }

  get isClosed(): boolean {
    return isTalosError(this.#ended, "CLIENT_CLOSED");
  }

  /** @throws TalosError INSTANCE_SUPERSEDED, RECOVERY_UNCHECKED, AGENT_REVOKED, GENERATION_FENCED or CLIENT_CLOSED, whichever came first */
  requireActive(): void {
    if (this.#ended !== undefined) throw talosError(this.#ended.code, this.#ended.message, { details: this.#ended.details });
  }

  /** A certificate of this agent that verified says that another instance is the newer one. */
  supersede(seq: number, generation: number): void {
    this.#letGo();
    this.#end(talosError("INSTANCE_SUPERSEDED", undefined, { details: { seq, generation } }));
  }

  /** As `requireActive`, but a superseded instance may: it is about to become the living one. */
  requireActiveOrSuperseded(): void {
    if (!this.isSuperseded) this.requireActive();
  }

  /** As `requireActive`, but one that was superseded or is held may: it becomes the living one, or records why it does not. */
  requireAbleToTakeOver(): void {
    if (!this.isSuperseded && !this.isHeld) this.requireActive();
  }

  /** An event of the identity, or a takeover, stands above whatever superseded this instance, or held it. */
  revive(): void {
    if (!this.isSuperseded && !this.isHeld) return;
    this.#ended = undefined;
    this.#stop = new AbortController();
  }

  /** Until it has been compared nothing leaves: what has ended the identity, or its keys, is not known here. */
  hold(): void {
    this.#end(talosError("RECOVERY_UNCHECKED"));
  }

  /** The identity has ended. */
  revoke(): void {
    this.#end(talosError("AGENT_REVOKED"));
  }

  /** The store's generation is not ours any more. */
  fence(): void {
    this.#letGo();
    this.#end(talosError("GENERATION_FENCED"));
  }

  close(): void {
    this.#letGo();
    this.#end(talosError("CLIENT_CLOSED"));
  }

  /** Being held is no end: what comes after it counts. */
  #letGo(): void {
    if (this.isHeld) this.#ended = undefined;
  }

  #end(error: TalosError): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    this.#stop.abort(error);
  }
}
