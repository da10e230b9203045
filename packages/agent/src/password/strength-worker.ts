/**
 * Runs in a thread of its own: says how hard a password is to guess, and ends. It imports nothing of ours, so that it starts
 * fast, and answers with a number and a name from a fixed list, so that nothing of the password leaves it.
 */
import { parentPort, workerData } from "node:worker_threads";
import { ZxcvbnFactory } from "@zxcvbn-ts/core";
import { adjacencyGraphs, dictionary as common } from "@zxcvbn-ts/language-common";
import { dictionary as english } from "@zxcvbn-ts/language-en";

/** What the thread answers. */
export interface Measured {
  /** 0 to 4: fewer than 10^3, 10^6, 10^8, 10^10 guesses, or more. */
  readonly score: number;
  /** Why, as the estimator names it, or `ownWords`; absent where it has no particular reason. */
  readonly reason: string | undefined;
}

/** Words that whoever attacks an agent's vault tries first. Long ones, or `monkey` would lose its end. */
const OWN_WORDS: readonly string[] = [
  ..."agent certificate changeme crypto default directory encryption fingerprint generation handshake identity".split(" "),
  ..."instance inventory keystore mailbox passphrase password prekey ratchet recovery rotation secret session".split(" "),
  ..."signature talos token unlock vault".split(" "),
];

const { words } = workerData as { readonly words: readonly string[] };
const own: readonly string[] = [...OWN_WORDS, ...words.map((word) => word.toLowerCase())];
/** Without separators, as what it is used on. */
const OWN_PATTERN: RegExp = new RegExp(
  `(?:${own
    .map((word) => RegExp.escape(withoutSeparators(word)))
    .filter((word) => word !== "")
    .toSorted((a, b) => b.length - a.length)
    .join("|")})s?`,
  "giu",
);
const estimator = new ZxcvbnFactory({ dictionary: { ...common, ...english, own: [...own] }, graphs: adjacencyGraphs });

function measure(bytes: Uint8Array): Measured {
  const password = new TextDecoder().decode(bytes);
  bytes.fill(0);
  const joined = withoutSeparators(password);
  // The estimator multiplies for the number and the order of parts, so that `canary-1984` looks strong to it. An attacker tries the
  // usual separators, and of our own words he knows that they are there: neither counts.
  const whole = weaker(verdictOn(password), joined.length < password.length ? verdictOn(joined) : undefined);
  const rest = withoutOwnWords(joined);
  return rest.length < joined.length ? weaker(whole, { ...verdictOn(rest), reason: "ownWords" }) : whole;
}

function verdictOn(text: string): Measured {
  const { score, feedback } = estimator.check(text);
  return { score, reason: feedback.warning ?? undefined };
}

/** The first where they are equal. */
function weaker(first: Measured, second: Measured = first): Measured {
  return second.score < first.score ? second : first;
}

function withoutSeparators(password: string): string {
  return password.replaceAll(/[\s\p{P}\p{S}]/gu, "");
}

function withoutOwnWords(password: string): string {
  return password.replaceAll(OWN_PATTERN, "");
}

parentPort?.once("message", (password: ArrayBuffer) => parentPort?.postMessage(measure(new Uint8Array(password))));
// Only now does the password leave the other thread: what fails before that may be shown.
parentPort?.postMessage("ready");
