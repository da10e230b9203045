/** The grammar of `talos peers ...` and `talos fingerprint`. */
import type { Command } from "commander";
import type { CommonChoices } from "../command-context.ts";
import { common, group, type Dispatch } from "./parts.ts";

export function addPeerCommands(program: Command, dispatch: Dispatch): void {
  const peers = group(program, "peers", "the agents that this agent knows");
  common(peers.command("list").description("all known agents")).action(async (choices: CommonChoices) => {
    const { listPeers } = await import("../verbs/peers.ts");
    await dispatch(listPeers, choices);
  });
  common(peers.command("show").argument("<peer>", "agent id, address or name").description("what is known of one agent")).action(
    async (peer: string, choices: CommonChoices) => {
      const { showPeer } = await import("../verbs/peers.ts");
      await dispatch(showPeer, { ...choices, peer });
    },
  );
  common(
    peers
      .command("add")
      .argument("<peer>", "did:talos:z...[@host[:port]]")
      .description("fetch and remember an agent before the first message"),
  )
    .option("--name <name>", "name for people, known only here")
    .action(async (peer: string, choices: CommonChoices) => {
      const { addPeer } = await import("../verbs/peers.ts");
      await dispatch(addPeer, { ...choices, peer });
    });
  common(
    peers
      .command("verify")
      .argument("<peer>", "agent id, address or name")
      .argument("<digits...>", "the 60 digits that the peer's people read out: those of talos fingerprint PEER")
      .description("the digits are the same on both sides: the peer is who it says"),
  ).action(async (peer: string, digits: readonly string[], choices: CommonChoices) => {
    const { verifyPeer } = await import("../verbs/peers.ts");
    await dispatch(verifyPeer, { ...choices, peer, digits });
  });
  common(
    peers.command("block").argument("<peer>", "agent id, address or name").description("send nothing to it, take nothing from it"),
  ).action(async (peer: string, choices: CommonChoices) => {
    const { blockPeer } = await import("../verbs/peers.ts");
    await dispatch(blockPeer, { ...choices, peer });
  });
  common(peers.command("unblock").argument("<peer>", "agent id, address or name").description("it is unverified again")).action(
    async (peer: string, choices: CommonChoices) => {
      const { unblockPeer } = await import("../verbs/peers.ts");
      await dispatch(unblockPeer, { ...choices, peer });
    },
  );
  common(
    peers
      .command("accept-history")
      .argument("<peer>", "agent id, address or name")
      .description("after a fork: the history that was seen first is the peer's, its owner has said so"),
  ).action(async (peer: string, choices: CommonChoices) => {
    const { acceptPeerHistory } = await import("../verbs/peers.ts");
    await dispatch(acceptPeerHistory, { ...choices, peer });
  });
  common(peers.command("forget").argument("<peer>", "agent id, address or name").description("forget sessions, log and trust"))
    .option("--discard-messages", "throw away what has not been delivered to it")
    .action(async (peer: string, choices: CommonChoices) => {
      const { forgetPeer } = await import("../verbs/peers.ts");
      await dispatch(forgetPeer, { ...choices, peer });
    });
  common(
    program
      .command("fingerprint")
      .argument("[peer]", "agent id, address or name; without it, the agent's own id")
      .description("digits that two people compare; they stay the same for life"),
  )
    .option("--qr", "as a QR code too")
    .action(async (peer: string | undefined, choices: CommonChoices & { qr?: boolean }) => {
      const { fingerprint } = await import("../verbs/fingerprint.ts");
      await dispatch(fingerprint, { ...choices, peer });
    });
}
