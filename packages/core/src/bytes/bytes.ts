/**
 * Small operations on byte strings. Everything returned is unpooled, so that no view reaches into foreign memory.
 * Knows nothing of secrets: `equalBytes` and `compareBytes` are for public data, secrets go through `secureCompare`.
 */

/** A byte string. */
export type Bytes = Uint8Array;

/** The parts one after the other, in new memory. */
export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/**
 * New memory, all zeros, that stays where it is. V8 keeps byte arrays of up to 64 bytes inside its heap and moves them about;
 * what it leaves behind nobody can wipe. For whatever becomes a secret.
 */
export function settledBytes(length: number): Uint8Array {
  return new Uint8Array(new ArrayBuffer(length));
}

/** A copy in memory that stays where it is. */
export function settledCopy(bytes: Uint8Array): Uint8Array {
  const copy = settledBytes(bytes.length);
  copy.set(bytes);
  return copy;
}

/** Equality of public data; stops at the first difference. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i]) return false;
  }
  return true;
}

/** Lexicographic order of public data: negative, zero or positive; a prefix comes first. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shorter = Math.min(a.length, b.length);
  for (let i = 0; i < shorter; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** Overwrites with zeros, in place. */
export function zeroBytes(bytes: Uint8Array): void {
  bytes.fill(0);
}
