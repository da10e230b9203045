/** The grammar of `talos recovery-kit ...`. */
import type { Command } from "commander";
import type { CommonChoices } from "../command-context.ts";
import { ALLOW_WEAK_PASSWORD, common, countOption, group, KIT_PASSWORD_FILE, outputOptions, type Dispatch } from "./parts.ts";

export function addKitCommands(program: Command, dispatch: Dispatch): void {
  const kit = group(program, "recovery-kit", "the kit that takes an identity back after theft or loss");
  common(
    kit
      .command("create")
      .argument("<file>", "where it is written, best on another medium")
      .description("give a kit to an agent that has none; one event of its identity"),
  )
    .option(...KIT_PASSWORD_FILE)
    .option("--offline", "make the event without the directory; another copy of the agent could then make one in its place")
    .option(...ALLOW_WEAK_PASSWORD)
    .action(async (file: string, choices: CommonChoices) => {
      const { createKit } = await import("../verbs/recovery-kit.ts");
      await dispatch(createKit, { ...choices, file });
    });
  common(
    kit.command("check").argument("<file>").description("prove that a kit opens and is the one in force; works beside a running agent"),
  )
    .option(...KIT_PASSWORD_FILE)
    .action(async (file: string, choices: CommonChoices) => {
      const { checkKit } = await import("../verbs/recovery-kit.ts");
      await dispatch(checkKit, { ...choices, file });
    });
  outputOptions(kit.command("split").argument("<file>").description("make shares of a kit, any few of which give it back"))
    .addOption(countOption("--shares <number>", "how many are made, 2 to 255", 5))
    .addOption(countOption("--threshold <number>", "how many give the kit back", 3))
    .option("--output-dir <path>", "folder for the shares", ".")
    .option(...KIT_PASSWORD_FILE)
    .action(async (file: string, choices: CommonChoices & { shares: number; threshold: number; outputDir: string }) => {
      const { splitKit } = await import("../verbs/recovery-kit.ts");
      await dispatch(splitKit, { ...choices, file });
    });
  outputOptions(
    kit.command("join").argument("<shares...>", "files of shares").description("make a kit of shares again, under a new password"),
  )
    .option("--output <file>", "where the kit is written")
    .option(...KIT_PASSWORD_FILE)
    .option(...ALLOW_WEAK_PASSWORD)
    .action(async (files: readonly string[], choices: CommonChoices) => {
      const { joinShares } = await import("../verbs/recovery-kit.ts");
      await dispatch(joinShares, { ...choices, files });
    });
}
