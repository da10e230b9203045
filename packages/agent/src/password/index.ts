/** What opens a vault, as it is given, and what is asked of a password as it is set. */
export { requireStrongPassword } from "./strength.ts";
export { isSameSecret, opensAsPassword, opensInAnyForm } from "./secret-forms.ts";
export { isUnlockGiven, normalisedPassword, readPassword, readUnlock } from "./unlock-means.ts";
