/** Passwords as they are set. Where they come from is the options' business, what they open the vault's. */
export { requireStrongPassword } from "./strength.ts";
