/** What stands above the block of a kit or share, for a person who finds it in a drawer. Knows no secret. */
import { agentIdToDid, utf8 } from "@talos/core";
import type { KitFacts } from "./kit-record.ts";

export const KIT_TITLE = "TALOS RECOVERY KIT";
export const SHARE_TITLE = "TALOS RECOVERY SHARE";

export function kitPreamble(facts: KitFacts): Uint8Array {
  return utf8(
    [
      "Talos Keys: recovery kit",
      "",
      ...whose(facts),
      "",
      "With this kit and its password the identity of this agent can be taken back",
      "after a theft or a loss. It outranks every other key of the agent. Keep it away",
      "from the agent's machine, on paper or on a medium of its own, and its password",
      "apart from it. There is no other way in: who has lost the password has lost it.",
      "",
      "  talos recovery-kit check FILE   proves that it is the one in force",
      "  talos emergency-rotate          after a theft, with --recovery-kit FILE",
      "  talos recover                   when the agent's machine is lost",
      "",
      "Leave this text as it is: a kit that was changed is refused. Whoever types it",
      "in from paper needs the block alone, from its first line of dashes to its last.",
      "",
      "",
    ].join("\n"),
  );
}

export interface ShareFacts extends KitFacts {
  /** 1 to count. */
  readonly index: number;
  readonly threshold: number;
  readonly count: number;
  /** How people tell sets apart. */
  readonly setName: string;
}

export function sharePreamble(facts: ShareFacts): Uint8Array {
  const { index, threshold, count, setName } = facts;
  return utf8(
    [
      `Talos Keys: share ${index} of ${count} of a recovery kit`,
      "",
      ...whose(facts),
      `Set:    ${setName}`,
      "",
      `Any ${threshold} of the ${count} shares of this set give the recovery kit back, without any`,
      "password; fewer tell nothing about it. Keep each of them at another place.",
      "",
      "  talos recovery-kit join FILE FILE ...   makes a kit of them again",
      "",
      "Leave this text as it is: a share that was changed is refused. Whoever types it",
      "in from paper needs the block alone, from its first line of dashes to its last.",
      "",
      "",
    ].join("\n"),
  );
}

function whose({ agentName, agentId, createdAt }: KitFacts): string[] {
  return [`Agent:  ${agentName}`, `Id:     ${agentIdToDid(agentId)}`, `Made:   ${new Date(createdAt).toISOString().slice(0, 10)}`];
}
