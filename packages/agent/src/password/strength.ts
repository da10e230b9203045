/**
 * Refuses a password that a thief of the data directory could guess. It is asked where a password is set, never where one
 * opens: an agent whose password was accepted once stays open to its owner.
 *
 * The estimator works on strings, which cannot be wiped. So it runs in a thread that lives as long as one measurement, and
 * the password goes there as bytes in a buffer that changes hands and is wiped there: it becomes no string in the heap of
 * the application. What remains: when the thread ends, its heap goes back to the allocator without being overwritten, so
 * until those pages are used again they can hold the password, where a reader of the whole process's memory finds it. A
 * password that the application gave as a string is in its own heap in any case.
 */
import type { Worker } from "node:worker_threads";
import { isTalosError, revealSecret, settledCopy, talosError, type SecretBytes } from "@talos/core";
import { isKnownDefault } from "./known-defaults.ts";
import type { Measured } from "./strength-worker.ts";
import { reasonText } from "./weak-reasons.ts";

/** Longer ones are measured by their beginning: the estimator takes time in the square of the length. */
export const MAX_MEASURED_BYTES = 256;
/** 10^8 guesses, each one Argon2id run, are weeks of a large machine. */
const LEAST_SCORE = 3;

export interface StrengthOptions {
  /** Skips the measurement; well-known defaults are refused all the same. */
  readonly allowWeak: boolean;
  /** What an attacker would try for this agent: its name. Below 4 characters they say nothing. */
  readonly words?: readonly string[];
}

const LEAST_WORD_CHARACTERS = 4;

/** @throws TalosError WEAK_PASSWORD; `details.reason` says why, and neither it nor the sentence holds a part of the password */
export async function requireStrongPassword(password: SecretBytes, { allowWeak, words = [] }: StrengthOptions): Promise<void> {
  if (isKnownDefault(password)) throw weak("knownDefault");
  if (allowWeak) return;
  const { score, reason } = await measure(password, words);
  if (score < LEAST_SCORE) throw weak(reason ?? "guessable");
}

function weak(reason: string): Error {
  const { name, sentence } = reasonText(reason);
  return talosError("WEAK_PASSWORD", `The password is too weak: ${sentence}.`, { details: { reason: name } });
}

async function measure(password: SecretBytes, words: readonly string[]): Promise<Measured> {
  const { Worker } = await import("node:worker_threads");
  // Published packages are compiled, a checkout runs its sources.
  const file = import.meta.url.endsWith(".ts") ? "./strength-worker.ts" : "./strength-worker.js";
  // Nothing of this process's arguments and environment has a place there, and it prints nothing.
  const worker = new Worker(new URL(file, import.meta.url), {
    workerData: { words: words.filter(({ length }) => length >= LEAST_WORD_CHARACTERS) },
    execArgv: [],
    env: {},
    stdout: true,
    stderr: true,
  });
  try {
    return await answerOf(worker, password);
  } finally {
    await worker.terminate();
  }
}

async function answerOf(worker: Worker, password: SecretBytes): Promise<Measured> {
  const answer = Promise.withResolvers<Measured>();
  let isSent = false;
  worker.on("message", (message: unknown) => {
    if (isMeasured(message)) return answer.resolve(message);
    if (isSent) return;
    isSent = true;
    try {
      const copy = settledCopy(revealSecret(password).subarray(0, MAX_MEASURED_BYTES));
      const buffer = copy.buffer as ArrayBuffer;
      worker.postMessage(buffer, [buffer]);
    } catch (error) {
      answer.reject(isTalosError(error) ? error : failed());
    }
  });
  // An error from after that might quote what it was given.
  worker.on("error", (cause) => answer.reject(isSent ? failed() : failed(cause)));
  worker.on("exit", () => answer.reject(failed()));
  return await answer.promise;
}

function isMeasured(message: unknown): message is Measured {
  return typeof message === "object" && message !== null && "score" in message && typeof message.score === "number";
}

function failed(cause?: unknown): Error {
  return talosError("INTERNAL", "The password's strength could not be measured.", { cause });
}
