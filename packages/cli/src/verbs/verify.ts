/**
 * `talos verify --namespace N --signature FILE [FILE]`: what a signature is worth. By the signer's log from a file or a directory, which
 * needs no agent; else by what this agent knows of the signer, reading only, or with --remember by opening it.
 */
import { TalosClient, type CheckSignatureOptions, type SignatureCheck } from "@talos/agent";
import { talosError, type SignatureGround, type SignatureVerdict } from "@talos/core";
import { inspectAgent, openAgent } from "../agent-access.ts";
import type { CommandContext, CommonChoices } from "../command-context.ts";
import { readInput, readTextFile } from "../input-bytes.ts";
import { readLogFile } from "../log-file.ts";

export interface VerifyChoices extends CommonChoices {
  readonly namespace: string;
  readonly signature: string;
  readonly file?: string | undefined;
  readonly proof?: string;
  readonly signer?: string;
  readonly log?: string;
  readonly directory?: string;
  readonly remember?: boolean;
}

const EXIT_NOT_GOOD = 5;

const MEANINGS: Readonly<Record<SignatureVerdict, string>> = {
  valid: "made by the key that is in force",
  "valid-then-retired": "made by a former key, before its end",
  unproved: "nothing shows that it was made by the signer, while the key was in force",
  disowned: "made by a key that its owner has disowned",
  "unknown-key": "it names an event that the signer's log does not have",
};

const GROUNDS: Readonly<Partial<Record<SignatureGround, string>>> = {
  "on-record": "it was on record when the key ended",
  "seen-before": "this agent found it valid before the key ended",
  "no-proof": "made by a former key, and anyone who has it by now could have made it; ask the signer for a proof: talos audit prove",
  "proof-does-not-fit": "the proof is not of this signature",
  suspect: "on record, but from when its owner suspects the key on",
  forked: "histories of the signer contend: ask the signer, then talos peers accept-history",
  "after-the-end": "it names an event after the key's end",
};

export async function verify(choices: VerifyChoices, context: CommandContext): Promise<number> {
  const { output } = context;
  const result = await checkedBy(choices, context);
  const isGood = result.verdict === "valid" || result.verdict === "valid-then-retired";
  output.document({ ...result, good: isGood });
  const ground = GROUNDS[result.ground];
  output.line(`${result.verdict}: ${MEANINGS[result.verdict]}${ground === undefined ? "" : ` (${ground})`}`);
  output.line(`signer ${result.signer}, key of event ${result.seq}; log known to event ${result.logSeq} (${result.logFrom})`);
  if (choices.signer === undefined && isGood) output.remark("Whose it has to be is yours to know: --signer DID refuses any other.");
  return isGood ? 0 : EXIT_NOT_GOOD;
}

async function checkedBy(choices: VerifyChoices, context: CommandContext): Promise<SignatureCheck> {
  const { log, directory, signer, remember = false } = choices;
  const options = await optionsOf(choices);
  const isAlone = log !== undefined || directory !== undefined || (signer?.includes("@") === true && !remember);
  if (isAlone && remember) {
    throw talosError("INVALID_ARGUMENT", "--remember is the agent's own record, and goes without --log and --directory.");
  }
  if (isAlone) {
    const source = { ...(log === undefined ? {} : { log: await readLogFile(log) }), ...(directory === undefined ? {} : { directory }) };
    return await TalosClient.verify({ ...options, ...source });
  }
  if (!remember) {
    await using agent = await inspectAgent(choices, context);
    return agent.verify(options);
  }
  await using client = await openAgent(choices, context);
  return await client.verify(options);
}

async function optionsOf({ namespace, signature, file, proof, signer }: VerifyChoices): Promise<CheckSignatureOptions> {
  return {
    namespace,
    signature: await readTextFile(signature),
    message: await readInput(file),
    ...(proof === undefined ? {} : { proof: await readTextFile(proof) }),
    ...(signer === undefined ? {} : { signer }),
  };
}
