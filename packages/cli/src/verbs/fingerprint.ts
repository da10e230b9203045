/** `talos fingerprint [PEER]`: digits that two people compare, and the same as a QR code. Reads only. */
import { renderUnicodeCompact } from "uqr";
import { inspectAgent } from "../agent-access.ts";
import type { CommandContext, CommonChoices } from "../command-context.ts";
import { printable } from "../output/table.ts";

export interface FingerprintChoices extends CommonChoices {
  readonly peer?: string | undefined;
  readonly qr?: boolean;
}

export async function fingerprint(choices: FingerprintChoices, context: CommandContext): Promise<void> {
  const { output } = context;
  await using agent = await inspectAgent(choices, context);
  const { did } = agent;
  if (choices.peer === undefined) {
    output.document({ did, fingerprint: agent.fingerprint });
    output.line(agent.fingerprint);
    if (choices.qr === true) output.line(renderUnicodeCompact(did));
    return;
  }
  const digits = agent.peerFingerprint(choices.peer);
  // It need not be known: people may compare first.
  const peer = agent.peers().find((one) => agent.peerFingerprint(one.did) === digits);
  output.document({ did, peerDid: peer?.did ?? choices.peer, fingerprint: digits, trust: peer?.trust ?? "unverified" });
  output.line(`${printable(peer?.name ?? peer?.did ?? choices.peer)} (${peer?.trust ?? "not known yet"})`);
  output.line(digits);
  if (choices.qr === true) output.line(renderUnicodeCompact(digits.replaceAll(" ", "")));
}
