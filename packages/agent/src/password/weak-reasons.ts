/** Why a password is weak, in plain words. The estimator's names are its own; what is not known here is `guessable`. */

const SENTENCES: Readonly<Record<string, string>> = {
  common: "it is one of the passwords that are used most",
  commonNames: "names are easy to guess",
  dates: "dates are easy to guess",
  extendedRepeat: "a repeated pattern is easy to guess",
  guessable: "it can be guessed in too few attempts",
  keyPattern: "a pattern on the keyboard is easy to guess",
  knownDefault: "it is a well-known default, or an example that everybody can read",
  namesByThemselves: "names are easy to guess",
  ownWords: "the words of this program and the agent's name are tried first",
  recentYears: "years are easy to guess",
  sequences: "a sequence is easy to guess",
  similarToCommon: "it is close to one of the passwords that are used most",
  simpleRepeat: "a repeated character is easy to guess",
  straightRow: "a row of keys is easy to guess",
  topHundred: "it is one of the passwords that are used most",
  topTen: "it is one of the passwords that are used most",
  userInputs: "the words of this program and the agent's name are tried first",
  wordByItself: "a single word is easy to guess",
};

/** @returns the reason's stable name, and its sentence without a full stop */
export function reasonText(reason: string): { readonly name: string; readonly sentence: string } {
  const name = Object.hasOwn(SENTENCES, reason) ? reason : "guessable";
  return { name, sentence: SENTENCES[name] ?? "" };
}
