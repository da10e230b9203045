/** All operations on an agent: on its keys, on its backups, and back from them. */
import { backupOperations } from "./backup-operations.ts";
import { keyOperations } from "./key-operations.ts";
import type { AgentOperation } from "./operation.ts";
import { restoreOperations } from "./restore-operations.ts";

export const agentOperations: readonly AgentOperation[] = [...keyOperations, ...backupOperations, ...restoreOperations];
