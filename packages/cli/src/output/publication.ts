/** Waits a moment for what a verb has made to reach the directory, and says how far it came. */
import type { AgentStatus, TalosClient } from "@talos/agent";

const PUBLISH_TIMEOUT_SECONDS = 10;

export async function publishFirst(client: TalosClient): Promise<AgentStatus["publication"]> {
  await client.flush({ timeoutSeconds: PUBLISH_TIMEOUT_SECONDS });
  return client.status().publication;
}
