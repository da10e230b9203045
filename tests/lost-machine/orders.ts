/** What the story's processes say to each other. */
import type { CreateOptions, ExportKeysOptions, OpenOptions, RecoverOptions } from "@talos/agent";

export type Order =
  | { readonly kind: "create"; readonly name: string; readonly options: CreateOptions }
  | { readonly kind: "open"; readonly options: OpenOptions }
  | { readonly kind: "recover"; readonly options: RecoverOptions }
  | { readonly kind: "send"; readonly to: string; readonly text: string; readonly waitFor: "deposited" | "delivered" }
  | { readonly kind: "receive"; readonly count: number; readonly acknowledge: number }
  | { readonly kind: "export"; readonly options: ExportKeysOptions }
  | { readonly kind: "unfinished" };

export type Answer = { readonly value: unknown } | { readonly error: string };

export interface SeenMessage {
  readonly id: string;
  readonly text: string;
  readonly resent: boolean;
}

export interface Unfinished {
  readonly messageId: string;
  readonly state: string;
}
