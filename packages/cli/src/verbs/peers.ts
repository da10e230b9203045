/** `talos peers ...`: whom the agent knows, and what its people decide about them. List and show read only. */
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

export interface VerifyPeerChoices extends PeerChoices {
  readonly digits: readonly string[];
}

/** Somebody has compared the digits over another channel. */
export async function verifyPeer(choices: VerifyPeerChoices, context: CommandContext): Promise<void> {
  await using client = await openAgent(choices, context);
  printPeer(client.peers.verify(choices.peer, choices.digits.join(" ")), context);
}

export async function blockPeer(choices: PeerChoices, context: CommandContext): Promise<void> {
  await using client = await openAgent(choices, context);
  printPeer(client.peers.block(choices.peer), context);
}

export async function unblockPeer(choices: PeerChoices, context: CommandContext): Promise<void> {
  await using client = await openAgent(choices, context);
  printPeer(client.peers.unblock(choices.peer), context);
}

/** After a fork: the history that was seen first is the peer's. */
export async function acceptPeerHistory(choices: PeerChoices, context: CommandContext): Promise<void> {
  await using client = await openAgent(choices, context);
  printPeer(client.peers.acceptHistory(choices.peer), context);
}

export interface ForgetPeerChoices extends PeerChoices {
  readonly discardMessages?: boolean;
}

export async function forgetPeer(choices: ForgetPeerChoices, context: CommandContext): Promise<void> {
  const { output } = context;
  await using client = await openAgent(choices, context);
  const { did, name } = client.peers.show(choices.peer);
  client.peers.forget(choices.peer, { discardMessages: choices.discardMessages === true });
  output.document({ did, forgotten: true });
  output.line(`${printable(name ?? did)} is forgotten; evidence against it stays.`);
}

function printPeer(peer: PeerView, { output }: CommandContext): void {
  output.document(peer);
  output.line(`agent id      ${peer.did}`);
  if (peer.name !== undefined) output.line(`name          ${printable(peer.name)}`);
  output.line(`trust         ${peer.trust}${peer.trustSince === undefined ? "" : ` since ${formatTime(peer.trustSince)}`}`);
  if (peer.revoked) output.line("REVOKED       its identity has ended");
  if (peer.forkedAt !== undefined)
    output.line(`FORKED        two histories contend since ${formatTime(peer.forkedAt)}: talos peers accept-history, or forget`);
  output.line(`first seen    ${formatTime(peer.firstSeenAt)}`);
  output.line(`directory     ${peer.directory ?? "-"}`);
  output.line(`identity key  ${peer.identityKey}`);
  output.line(`log head      ${peer.head.seq} ${peer.head.hash}`);
  output.line(`sessions      ${peer.sessions}`);
  for (const { kind, at } of peer.conflicts) output.line(`evidence      ${kind} ${formatTime(at)}`);
  for (const { seq, hash, at } of peer.cutOffEvents) output.line(`cut off       event ${seq} ${hash} ${formatTime(at)}`);
}
