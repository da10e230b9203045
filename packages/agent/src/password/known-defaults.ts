/**
 * Passwords that everybody knows: what manuals, images and examples suggest, and what stands in a variable by mistake. An
 * attacker tries these before anything else, so they are refused whatever the caller says. Works on bytes: the password
 * becomes no string here. Knows nothing of strength.
 */
import { revealSecret, secureCompare, settledBytes, utf8, zeroBytes, type SecretBytes } from "@talos/core";

/** Folded as `fold` does it: lower case, letters and digits alone. */
const KNOWN_DEFAULTS: readonly string[] = [
  // What manuals and images bring.
  ..."admin adminadmin administrator changeit changeme changethis default docker guest letmein master minioadmin".split(" "),
  ..."mysecretpassword notasecret p4ssw0rd pa55word pass passphrase passw0rd password passwort postgres pssword".split(" "),
  ..."pssw0rd pw0rd qwerty qwertz raspberry root rootroot s3cret s3cr3t secret secretpassword supersecret test testing".split(" "),
  ..."testtest toor topsecret user vagrant welcome 000000 00000000 111111 123123 12345 123456 1234567 12345678".split(" "),
  ..."123456789 1234567890 654321 987654321".split(" "),
  // What waits to be replaced, and what a variable holds by mistake.
  ..."dummy enterpasswordhere example examplepassword foobar hello insertpasswordhere mypassword newpassword nil none".split(" "),
  ..."null objectobject passwordhere placeholder replaceme replacethis setme todo undefined yournewpassword".split(" "),
  ..."yourpassword yourpasswordhere yoursecret".split(" "),
  ..."keypassword taloskeypassword talosnewkeypassword".split(" "),
  // Ours, and what our pages and examples have ever shown.
  ..."agent agentpassword alice apassword bob directory talos talosagent talosdemo".split(" "),
  ..."talosdirectory taloskey taloskeys talospassword talossecret talosvault vault vaultpassword".split(" "),
  ..."anexamplespassword anexamplespasswordalice anexamplespasswordbob".split(" "),
  // Famous for being good once.
  ..."correcthorse correcthorsebatterystaple hunter opensesame tr0ub4dor troub4dor troubador".split(" "),
];

/** A year, a count, a date: more digits at the end than that are the password's own. */
const MAX_SUFFIX_DIGITS = 8;

let encoded: readonly Uint8Array[] | undefined;

/** Whether it is one of them, in any case, with any punctuation, with up to 8 digits after it. */
export function isKnownDefault(password: SecretBytes): boolean {
  encoded ??= KNOWN_DEFAULTS.map((known) => utf8(known));
  const folded = fold(revealSecret(password));
  try {
    const stem = folded.subarray(0, endOfStem(folded));
    return encoded.some((known) => secureCompare(known, folded) || secureCompare(known, stem));
  } finally {
    zeroBytes(folded);
  }
}

/** ASCII letters in lower case and digits; what is not ASCII stays. */
function fold(bytes: Uint8Array): Uint8Array {
  const folded = settledBytes(bytes.length);
  let length = 0;
  for (const byte of bytes) {
    const isUpper = byte >= 0x41 && byte <= 0x5a;
    if (isUpper || (byte >= 0x61 && byte <= 0x7a) || isDigit(byte) || byte >= 0x80) folded[length++] = isUpper ? byte | 0x20 : byte;
  }
  return folded.subarray(0, length);
}

function endOfStem(folded: Uint8Array): number {
  let end = folded.length;
  while (end > 0 && isDigit(folded[end - 1] ?? 0)) end--;
  return folded.length - end > MAX_SUFFIX_DIGITS ? folded.length : end;
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}
