/** The grammar of `talos backup ...`. */
import type { Command } from "commander";
import type { CommonChoices } from "../command-context.ts";
import { ALLOW_WEAK_PASSWORD, BACKUP_PASSWORD_FILE, collect, common, group, type Dispatch } from "./parts.ts";

export function addBackupCommands(program: Command, dispatch: Dispatch): void {
  const backup = group(program, "backup", "one file that brings the agent back on another machine, with its keys, peers and record");
  common(backup.command("create").description("write a backup, each copy verified by reading it back"))
    .requiredOption("--to <file>", "where it is written, best on another medium; repeatable, up to 16 copies", collect)
    .option(
      "--backup-password-file <path>",
      "file that holds a password of the backup (else a prompt); repeatable, each of up to 4 opens it",
      collect,
    )
    .option("--force", "replace files that are there")
    .option(...ALLOW_WEAK_PASSWORD)
    .action(async (choices: CommonChoices & { to: readonly string[] }) => {
      const { createBackup } = await import("../verbs/backup.ts");
      await dispatch(createBackup, choices);
    });
  common(
    backup
      .command("verify")
      .argument("<file>")
      .description(
        "restore it into a throw-away vault and prove every key; reads only; exit 0 good, 11 dangerous, 10 to be kept and not shown to be good, others an error",
      ),
  )
    .option(...BACKUP_PASSWORD_FILE)
    .option("--directory <url>", "a directory that has the agent's log, where its data directory is not on this machine")
    .option("--record", "open the agent and put the result on record, for talos status and talos backup plan")
    .action(async (file: string, choices: CommonChoices) => {
      const { verifyBackup } = await import("../verbs/backup.ts");
      await dispatch(verifyBackup, { ...choices, file });
    });
  common(
    backup.command("plan").description("how this agent stands by each practice of a good backup; reads only, works beside a running agent"),
  ).action(async (choices: CommonChoices) => {
    const { backupPlan } = await import("../verbs/backup.ts");
    await dispatch(backupPlan, choices);
  });
  common(
    backup
      .command("forget")
      .argument("<id>", "as talos backup plan lists it; unlisted for those that it does not list any more")
      .description("take a backup off the record, once every copy of it is destroyed; touches no file"),
  ).action(async (id: string, choices: CommonChoices) => {
    const { forgetBackup } = await import("../verbs/backup.ts");
    await dispatch(forgetBackup, { ...choices, id });
  });
}
