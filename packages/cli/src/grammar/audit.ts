/** The grammar of `talos audit ...`, `sign` and `verify`. */
import type { Command } from "commander";
import type { CommonChoices } from "../command-context.ts";
import { common, group, type Dispatch } from "./parts.ts";

export function addAuditCommands(program: Command, dispatch: Dispatch): void {
  const audit = group(program, "audit", "what happened to the agent and its keys: on record, signed, and checkable by anybody");
  common(audit.command("show").description("the entries, oldest first; reads only, works beside a running agent"))
    .option("--after <entry>", "only entries after that one")
    .option("--limit <count>", "at most so many (default: 1000)")
    .action(async (choices: CommonChoices) => {
      const { showAudit } = await import("../verbs/audit.ts");
      await dispatch(showAudit, choices);
    });
  common(
    audit
      .command("verify")
      .argument("[file]", "an export, from anywhere; without it the agent's own record")
      .description("whether it is what was signed: exit 0, or 5"),
  )
    .option("--agent <did>", "with a file: whose it has to be")
    .option("--directory <url>", "with a file: a directory that has that agent's log, to see whether the key that signed still counts")
    .option("--log <file>", "with a file: that log as you have it: a JSON list, a metadata.json or another export")
    .option("--known", "with a file: that log as this agent knows it, its own or a peer's")
    .action(async (file: string | undefined, choices: CommonChoices) => {
      const { verifyAudit } = await import("../verbs/audit.ts");
      await dispatch(verifyAudit, { ...choices, file });
    });
  common(audit.command("export").description("a copy in JSON Lines that anybody can check with talos audit verify FILE"))
    .option("--out <path>", "a new file (default: standard output)")
    .option("--renew", "open the agent and have a fresh certificate cover the newest entries first")
    .action(async (choices: CommonChoices) => {
      const { exportAudit } = await import("../verbs/audit.ts");
      await dispatch(exportAudit, choices);
    });
  common(audit.command("review").description("what the keys did since some day, sorted for a person"))
    .requiredOption("--since <time>", "2026-11-24, 2026-11-24T15:37Z, or how long ago: 90m, 12h, 7d, 2w")
    .action(async (choices: CommonChoices & { since: string }) => {
      const { reviewAudit } = await import("../verbs/audit.ts");
      await dispatch(reviewAudit, choices);
    });
  common(
    audit
      .command("prove")
      .argument("<file>", "a signature that this agent made")
      .description("print the proof that it was on record when its key ended"),
  ).action(async (signature: string, choices: CommonChoices) => {
    const { proveSignature } = await import("../verbs/audit.ts");
    await dispatch(proveSignature, { ...choices, signature });
  });
}

export function addSignatureCommands(program: Command, dispatch: Dispatch): void {
  const namespace = ["--namespace <name>", "what it is for, 1 to 64 visible characters: it counts there and nowhere else"] as const;
  common(
    program
      .command("sign")
      .argument("[file]", "what to sign; without it, standard input")
      .description("sign with the identity key, on record; prints the signature as one line"),
  )
    .requiredOption(...namespace)
    .action(async (file: string | undefined, choices: CommonChoices & { namespace: string }) => {
      const { sign } = await import("../verbs/sign.ts");
      await dispatch(sign, { ...choices, file });
    });
  common(
    program
      .command("verify")
      .argument("[file]", "what was signed; without it, standard input")
      .description("what a signature is worth: exit 0 where it is good, else 5"),
  )
    .requiredOption(...namespace)
    .requiredOption("--signature <file>", "the signature")
    .option("--proof <file>", "proof that it was on record when its key ended (talos audit prove)")
    .option("--signer <did>", "who has to have made it; with @host[:port] the log is asked for there")
    .option("--log <file>", "the signer's log: a JSON list, a metadata.json or an audit export; needs no agent")
    .option("--directory <url>", "a directory that has the signer's log; needs no agent")
    .option("--remember", "open the agent, ask the directories, and put on record here what is valid")
    .action(async (file: string | undefined, choices: CommonChoices & { namespace: string; signature: string }) => {
      const { verify } = await import("../verbs/verify.ts");
      await dispatch(verify, { ...choices, file });
    });
}
