/**
 * The one error class. What it prints is built from the table in `codes.ts` and from `details` alone; it never holds
 * a secret or the input that caused it, and it prints of a foreign cause only its kind, since messages of other
 * libraries quote their input.
 */
import { ERROR_CODES, type ErrorCode, type ErrorDescription } from "./codes.ts";

export type ErrorDetails = Readonly<Record<string, string | number | boolean>>;

export interface TalosErrorOptions {
  readonly details?: ErrorDetails | undefined;
  readonly cause?: unknown;
  /** Replaces the hint of the table where the place knows better (for example the exact command that mends it). */
  readonly hint?: string | undefined;
}

/** Here the compiler checks that every entry of the table is complete. */
const DESCRIPTIONS: Readonly<Record<ErrorCode, ErrorDescription>> = ERROR_CODES;

export class TalosError extends Error {
  static {
    // A definition, not a method: declarations under isolatedDeclarations cannot name Node's symbol.
    Object.defineProperty(TalosError.prototype, Symbol.for("nodejs.util.inspect.custom"), {
      value(this: TalosError): string {
        return this.#inspect();
      },
    });
  }

  override readonly name: string = "TalosError";
  readonly code: ErrorCode;
  readonly hint: string;
  readonly exitCode: number;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message?: string, options: TalosErrorOptions = {}) {
    const described = DESCRIPTIONS[code];
    super(message ?? described.message);
    this.code = code;
    this.hint = options.hint ?? described.hint;
    this.exitCode = described.exitCode;
    this.details = options.details ?? {};
    if (options.cause !== undefined) {
      // Not enumerable, as in Error itself, so that no printer walks into it.
      Object.defineProperty(this, "cause", { value: options.cause, enumerable: false, writable: true, configurable: true });
    }
  }

  override toString(): string {
    return `TalosError [${this.code}]: ${this.message}`;
  }

  toJSON(): { code: ErrorCode; message: string; hint: string; exitCode: number; details: ErrorDetails } {
    return { code: this.code, message: this.message, hint: this.hint, exitCode: this.exitCode, details: this.details };
  }

  #inspect(): string {
    const details = Object.keys(this.details).length === 0 ? "" : `\n  details: ${JSON.stringify(this.details)}`;
    const cause = this.cause === undefined ? "" : `\n  cause: ${nameOfCause(this.cause)}`;
    const frames = (this.stack ?? "")
      .split("\n")
      .filter((line) => /^\s+at /.test(line))
      .join("\n");
    return `${this.toString()}\n  hint: ${this.hint}${details}${cause}\n${frames}`;
  }
}

/**
 * Makes an error of the taxonomy. Message and hint default to the table's.
 *
 * @param message one plain sentence; must not contain secrets or input bytes
 */
export function talosError(code: ErrorCode, message?: string, options?: TalosErrorOptions): TalosError {
  return new TalosError(code, message, options);
}

/** True for a TalosError, of that code when one is given. */
export function isTalosError(error: unknown, code?: ErrorCode): error is TalosError {
  return error instanceof TalosError && (code === undefined || error.code === code);
}

function nameOfCause(cause: unknown): string {
  if (cause instanceof TalosError) return cause.toString();
  if (!(cause instanceof Error)) return typeof cause;
  const code: unknown = "code" in cause ? cause.code : undefined;
  return typeof code === "string" ? `${cause.name} ${code}` : cause.name;
}
