/** What others may use of the directory: starting one, its bounds, and the contract that every store fulfils. */
export { DEFAULT_LIMITS, type DirectoryLimits } from "./limits.ts";
export { startDirectory, type DirectoryOptions, type RunningDirectory } from "./start-directory.ts";
export * from "./storage/contract/index.ts";
export { inspectStore, type StoredAgent } from "./storage/sqlite/inspect-store.ts";
export { openSqliteStore } from "./storage/sqlite/sqlite-store.ts";
