/** `talos demo`: plays the story in a temporary folder, prints the key tables, and removes what it made. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { CommandContext, CommonChoices } from "../command-context.ts";
import { playStory } from "../demo/story.ts";
import { statusLines } from "../output/status-report.ts";

export interface DemoChoices extends CommonChoices {
  readonly file?: string;
  readonly keep?: boolean;
}

export async function demo(choices: DemoChoices, { output, signal }: CommandContext): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "talos-demo-"));
  let steps = 0;
  try {
    const file = choices.file === undefined ? undefined : resolve(choices.file);
    const teller = {
      step: (sentence: string): void => output.line(`${steps === 0 ? "" : "\n"}${++steps}. ${sentence}`),
      fact: (sentence: string): void => output.line(`   ${sentence}`),
    };
    const end = await playStory(folder, file, teller, signal);
    teller.step("The keys of both agents, as talos status shows them:");
    for (const status of [end.alice, end.bob]) {
      output.line();
      for (const line of statusLines(status, (text) => output.heading(text))) output.line(`   ${line}`.trimEnd());
    }
    output.line();
    output.line(choices.keep === true ? `Everything is left in ${folder}.` : "Done. Everything that was made is removed.");
    output.document({ ...end, folder: choices.keep === true ? folder : null });
  } finally {
    if (choices.keep !== true) await rm(folder, { recursive: true, force: true });
  }
}
