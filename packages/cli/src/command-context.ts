/** What every verb is given: its output, the environment, the streams. Verbs reach the world through this alone. */
import type { Output, Streams } from "./output/output.ts";

export interface CommandContext {
  readonly output: Output;
  readonly env: NodeJS.ProcessEnv;
  readonly streams: Streams;
  /** Aborted at SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
}

/** Options that every command takes. */
export interface CommonChoices {
  readonly dataDir?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly passwordFile?: string;
  readonly keyFile?: string;
  readonly credential?: string;
}

/** May return an exit code of its own; an error has that of its kind. */
export type Verb<Choices extends CommonChoices> = (choices: Choices, context: CommandContext) => Promise<number | void>;
