import { isTalosError, type ErrorCode } from "@talos/core";

/** For `assert.throws` and `assert.rejects`: a TalosError with that code. */
export function hasCode(code: ErrorCode): (error: unknown) => boolean {
  return (error) => isTalosError(error, code);
}
