// Padding of frames, so that a ciphertext's length says little. Source: docs/protocol/envelope.md, "Frame"; PURBs (Nikitin et al. 2019), "Padmé".

const SMALLEST_FRAME_BYTES = 256;

/** Rounds a length of at least 2 up so that only its highest bits vary: at most 12 % more, less for long ones. */
export function padme(length: number): number {
  const exponent = Math.floor(Math.log2(length));
  const significantBits = Math.floor(Math.log2(exponent)) + 1;
  const step = 2 ** (exponent - significantBits);
  return Math.ceil(length / step) * step;
}

/** The length of the padded frame. */
export function paddedFrameLength(length: number): number {
  return padme(Math.max(SMALLEST_FRAME_BYTES, length));
}
