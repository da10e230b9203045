import type { DirectoryLimits } from "@talos/directory";

/** Of a directory that shares its process with tests and agents: they block its event loop, and that says nothing of it. */
export const IN_PROCESS_LIMITS: Partial<DirectoryLimits> = { maxEventLoopDelayMs: 0 };
