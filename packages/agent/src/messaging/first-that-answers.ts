/** One request, at the first of several directories that can answer it. Knows nothing of what is asked. */
import { talosError } from "@talos/core";
import type { Standing } from "../lifecycle/standing.ts";

/**
 * @param urls best first
 * @throws TalosError DIRECTORY_NOT_CONFIGURED without any; else the first failure, or why the agent may not act any more
 */
export async function firstThatAnswers<T>(standing: Standing, urls: readonly string[], ask: (url: string) => Promise<T>): Promise<T> {
  const failures: unknown[] = [];
  for (const url of urls) {
    try {
      return await ask(url);
    } catch (error) {
      standing.requireActive();
      failures.push(error);
    }
  }
  if (failures.length === 0) throw talosError("DIRECTORY_NOT_CONFIGURED");
  // The first one is of the directory where the peer says it is at home.
  throw failures[0] as Error;
}
