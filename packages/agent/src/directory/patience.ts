/** A directory that says it is busy is asked again, a few times: whoever acts on an identity should not have to. Knows no request. */
import { isTalosError } from "@talos/core";
import type { Clock } from "../clock.ts";

/** Together about four seconds; then the operation goes on by itself later. */
const PAUSES_MILLISECONDS = [250, 500, 1_000, 2_000] as const;

/** @throws what `request` throws, of a busy directory the last time */
export async function whileBusy<T>(clock: Clock, request: () => Promise<T>): Promise<T> {
  for (const pause of PAUSES_MILLISECONDS) {
    try {
      return await request();
    } catch (error) {
      if (!isTalosError(error, "DIRECTORY_BUSY") && !isTalosError(error, "RATE_LIMITED")) throw error;
      await clock.sleep(pause);
    }
  }
  return await request();
}
