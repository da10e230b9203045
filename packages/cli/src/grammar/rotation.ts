/** The grammar of replacing keys in time: `talos rotate ...`, and of a copy that takes over. */
import type { Command } from "commander";
import type { CommonChoices } from "../command-context.ts";
import { common, countOption, group, NO_NOTIFY, OFFLINE, type Dispatch } from "./parts.ts";

export function addRotationCommands(program: Command, dispatch: Dispatch): void {
  const rotate = group(program, "rotate", "replace keys now; due ones are replaced by a running agent itself");
  common(rotate.command("signed-prekey").description("a new signed prekey, and a new batch under it")).action(
    async (choices: CommonChoices) => {
      const { rotateSignedPrekey } = await import("../verbs/rotate.ts");
      await dispatch(rotateSignedPrekey, choices);
    },
  );
  common(rotate.command("one-time-prekeys").description("fill the stock of one-time prekeys up"))
    .addOption(countOption("--count <number>", "how many there are to be", 100))
    .action(async (choices: CommonChoices) => {
      const { refillOneTimePrekeys } = await import("../verbs/rotate.ts");
      await dispatch(refillOneTimePrekeys, choices);
    });
  common(rotate.command("identity").description("a new identity key, as planned: the agent id stays, sessions go on"))
    .addOption(countOption("--migration-days <days>", "how long peers accept what was begun under the key before, 0 to 30", 7))
    .option(...NO_NOTIFY)
    .option(...OFFLINE)
    .action(async (choices: CommonChoices & { migrationDays: number; notify: boolean }) => {
      const { rotateIdentity } = await import("../verbs/rotate.ts");
      await dispatch(rotateIdentity, choices);
    });
  common(program.command("takeover").description("make this copy of an agent the living one, where another copy has superseded it")).action(
    async (choices: CommonChoices) => {
      const { takeover } = await import("../verbs/takeover.ts");
      await dispatch(takeover, choices);
    },
  );
}
