/** The log of an agent as one directory has it, for somebody who only looks. Verifies nothing. */
import { talosError, type AgentId } from "@talos/core";
import type { Environment } from "../environment.ts";

/** @param url as `parseDirectoryUrl` gives it @throws TalosError as `Directory` */
export async function logAt(environment: Environment, url: string, agentId: AgentId): Promise<readonly Uint8Array[]> {
  const instance = (): never => {
    throw talosError("INTERNAL", "Nobody signs the requests of who only looks.");
  };
  const { crypto, clock } = environment;
  const directory = environment.openDirectory({ url, crypto, clock, instance });
  try {
    return (await directory.resolve(agentId)).log;
  } finally {
    directory.close();
  }
}
