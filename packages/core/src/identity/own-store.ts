// The log out of the store of a program that verified it when it came. Must not know a store, and must not be given what anybody sent.
// Source: docs/protocol/identity.md: what was verified once need not be verified again.
import { equalBytes } from "../bytes/bytes.ts";
import { agentId, type AgentId } from "../keys/agent-id.ts";
import { MAX_LOG_EVENTS } from "../keys/heads.ts";
import type { IdentityLog } from "./log.ts";
import { decodeEvent } from "./signed-event.ts";
import { firstState, followSuccessor, logInvalid, UsedKeys, type LogCrypto } from "./successor.ts";
import { logOf } from "./verify-log.ts";

/**
 * The log of events that `verifyLog` accepted before this program stored them: form, chain of hashes and commitments are checked again, which
 * finds a damaged store, and no signature is, since they take nearly all of the time. Only for a store that verifies on acceptance and that
 * nobody else writes to: whoever does can put in what its owner never signed. Never for events that somebody sent.
 *
 * @param expected the agent under whose id they were stored: the hash of the inception
 * @param events as they were stored, all of them, inception first
 * @throws TalosError LOG_INVALID (`details.reason`: empty, too-long, other-agent, not-an-inception, and those of `verifySuccessor`), MALFORMED
 *   and others of the form of an event
 */
export function logFromOwnStore(expected: AgentId, events: readonly Uint8Array[], crypto: Pick<LogCrypto, "sha256">): IdentityLog {
  if (events.length > MAX_LOG_EVENTS) throw logInvalid("too-long");
  const [first, ...later] = events.map((wire) => ({ wire: new Uint8Array(wire), read: decodeEvent(wire, crypto) }));
  if (first === undefined) throw logInvalid("empty");
  const start = firstState(first.read, crypto);
  if (!equalBytes(start.head.hash, expected)) throw logInvalid("other-agent");
  const states = [start];
  const used = new UsedKeys([start], crypto);
  let before = start;
  for (const { read } of later) {
    before = followSuccessor(before, read, used, crypto);
    states.push(before);
  }
  return logOf(
    agentId(start.head.hash),
    [first, ...later].map(({ wire }) => wire),
    states,
  );
}
