/** How a person names an event of a log: by its number, and to be sure by the beginning of its hash, as lists show it. */
export interface ChosenEvent {
  readonly seq: number;
  /** 8 to 64 hexadecimal digits, in small letters. */
  readonly hash?: string;
}

/** Undefined where it is none. */
export function parseChosenEvent(text: string): ChosenEvent | undefined {
  const [, seq, hash] = /^(\d{1,4})(?::([0-9a-fA-F]{8,64}))?$/.exec(text) ?? [];
  if (seq === undefined) return undefined;
  return { seq: Number(seq), ...(hash === undefined ? {} : { hash: hash.toLowerCase() }) };
}

export function eventName(seq: number, hash: string): string {
  return `${seq}:${hash.slice(0, 16)}`;
}
