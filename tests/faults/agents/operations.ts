/** All operations on an agent: on its keys, and on its backups. */
import { backupOperations } from "./backup-operations.ts";
import { keyOperations } from "./key-operations.ts";
import type { AgentOperation } from "./operation.ts";

export const agentOperations: readonly AgentOperation[] = [...keyOperations, ...backupOperations];
