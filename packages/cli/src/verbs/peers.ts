/** `talos peers list|show|add`. List and show read only. */
import type { PeerView } from "@talos/agent";
import { inspectAgent, openAgent } from "../agent-access.ts";
import type { CommandContext, CommonChoices } from "../command-context.ts";
import { formatTime } from "../output/moments.ts";
import { formatTable, printable } from "../output/table.ts";

export interface PeerChoices extends CommonChoices {
  readonly peer: string;
}

export interface AddPeerChoices extends PeerChoices {
  readonly name?: string;
}

export async function listPeers(choices: CommonChoices, context: CommandContext): Promise<void> {
  const { output } = context;
  await using agent = await inspectAgent(choices, context);
  const peers = agent.peers();
  output.document({ peers });
  if (peers.length === 0) return output.remark("No peers.");
  const rows = peers.map((peer) => [peer.name ?? "-", peer.trust, formatTime(peer.firstSeenAt), peer.directory ?? "-", peer.did]);
  for (const line of formatTable(["NAME", "TRUST", "FIRST SEEN", "DIRECTORY", "AGENT ID"], rows)) output.line(line);
}

export async function showPeer(choices: PeerChoices, context: CommandContext): Promise<void> {
  await using agent = await inspectAgent(choices, context);
  printPeer(agent.peer(choices.peer), context);
}

export async function addPeer(choices: AddPeerChoices, context: CommandContext): Promise<void> {
  await using client = await openAgent(choices, context);
  printPeer(await client.peers.add(choices.peer, choices.name === undefined ? {} : { name: choices.name }), context);
}

function printPeer(peer: PeerView, { output }: CommandContext): void {
  output.document(peer);
  output.line(`agent id      ${peer.did}`);
  if (peer.name !== undefined) output.line(`name          ${printable(peer.name)}`);
  output.line(`trust         ${peer.trust}`);
  output.line(`first seen    ${formatTime(peer.firstSeenAt)}`);
  output.line(`directory     ${peer.directory ?? "-"}`);
  output.line(`identity key  ${peer.identityKey}`);
  output.line(`log head      ${peer.head.seq} ${peer.head.hash}`);
  output.line(`sessions      ${peer.sessions}`);
}
