// All tables, in the order of the page.
import { COPY_BEFORE_EMERGENCY, COPY_BEFORE_PLANNED_ROTATION, OLD_BACKUP } from "./old-material.ts";
import { ENCRYPTION_KEY, IDENTITY_KEY, INSTANCE_KEY, SIGNED_PREKEY } from "./one-key.ts";
import type { Scene } from "./scene.ts";
import type { Table } from "./table.ts";
import { WHOLE_VAULT } from "./whole-vault.ts";

export const TABLES: readonly Table<Scene>[] = [
  IDENTITY_KEY,
  INSTANCE_KEY,
  SIGNED_PREKEY,
  ENCRYPTION_KEY,
  WHOLE_VAULT,
  COPY_BEFORE_PLANNED_ROTATION,
  COPY_BEFORE_EMERGENCY,
  OLD_BACKUP,
];
