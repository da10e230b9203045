/**
 * Where a command's words go: results to standard output, remarks to standard error, one JSON document with `--json`.
 * Knows no command and no key.
 */
import { styleText } from "node:util";

export interface Streams {
  readonly stdout: { write(text: string | Uint8Array): unknown; readonly isTTY?: boolean };
  readonly stderr: { write(text: string | Uint8Array): unknown; readonly isTTY?: boolean };
}

export interface OutputChoices {
  readonly json?: boolean | undefined;
  readonly quiet?: boolean | undefined;
}

export class Output {
  readonly wantsJson: boolean;
  readonly #quiet: boolean;
  readonly #streams: Streams;

  constructor(choices: OutputChoices, streams: Streams) {
    this.wantsJson = choices.json === true;
    this.#quiet = choices.quiet === true;
    this.#streams = streams;
  }

  /** A line of the result, for a person; nothing with `--json`. */
  line(text = ""): void {
    if (!this.wantsJson) this.#streams.stdout.write(`${text}\n`);
  }

  /** The result as a document; nothing without `--json`. */
  document(value: unknown): void {
    if (this.wantsJson) this.#streams.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
  }

  /** One document of a stream of them (`--follow`), on a line of its own; nothing without `--json`. */
  record(value: unknown): void {
    if (this.wantsJson) this.#streams.stdout.write(`${JSON.stringify(value)}\n`);
  }

  /** A remark beside the result, on standard error; nothing with `--quiet`. */
  remark(text: string): void {
    if (!this.#quiet) this.#streams.stderr.write(`${text}\n`);
  }

  heading(text: string): string {
    return this.#streams.stdout.isTTY === true ? styleText("bold", text, { validateStream: false }) : text;
  }
}
