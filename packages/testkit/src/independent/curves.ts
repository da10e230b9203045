// Which encodings of points and encapsulation keys are valid (encoding.md, Keys and signatures), with plain integer arithmetic:
// the strictness that signature and agreement functions of libraries do not promise. Nothing here touches a secret.

const P25519: bigint = 2n ** 255n - 19n;
const P256: bigint = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
const B256 = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;
export const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
export const ED25519_ORDER: bigint = 2n ** 252n + 27742317777372353535851937790883648493n;

const mod = (value: bigint, p: bigint): bigint => ((value % p) + p) % p;

function power(base: bigint, exponent: bigint, p: bigint): bigint {
  let result = 1n;
  let square = mod(base, p);
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % p;
    square = (square * square) % p;
  }
  return result;
}

const invert = (value: bigint, p: bigint): bigint => power(value, p - 2n, p);

export function littleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

export function bigEndian(bytes: Uint8Array): bigint {
  return bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

const D25519: bigint = mod(-121665n * invert(121666n, P25519), P25519);
const ROOT_OF_MINUS_ONE: bigint = power(2n, (P25519 - 1n) / 4n, P25519);

interface Point {
  readonly x: bigint;
  readonly y: bigint;
}

/** Decodes an Edwards point (RFC 8032, 5.1.3); undefined where it is not canonical or not on the curve. */
function edwardsPoint(bytes: Uint8Array): Point | undefined {
  const p = P25519;
  const encoded = littleEndian(bytes);
  const sign = encoded >> 255n;
  const y = encoded & (2n ** 255n - 1n);
  if (y >= p) return undefined;
  const u = mod(y * y - 1n, p);
  const v = mod(D25519 * y * y + 1n, p);
  const square = mod(u * invert(v, p), p);
  let x = power(square, (p + 3n) / 8n, p);
  if (mod(x * x, p) !== square) x = mod(x * ROOT_OF_MINUS_ONE, p);
  if (mod(x * x, p) !== square) return undefined;
  if (x === 0n && sign === 1n) return undefined;
  return { x: (x & 1n) === sign ? x : p - x, y };
}

function double({ x, y }: Point): Point {
  const p = P25519;
  const product = mod(D25519 * x * x * y * y, p);
  return { x: mod(2n * x * y * invert(1n + product, p), p), y: mod((y * y + x * x) * invert(mod(1n - product, p), p), p) };
}

/** Canonical, on the curve, and not of an order that divides 8. */
export function isGoodEdwardsPoint(bytes: Uint8Array): boolean {
  const point = bytes.length === 32 ? edwardsPoint(bytes) : undefined;
  if (point === undefined) return false;
  const eightfold = double(double(double(point)));
  return !(eightfold.x === 0n && eightfold.y === 1n);
}

/** A canonical u-coordinate (below p, top bit clear) that is not of small order. */
export function isGoodMontgomeryPoint(bytes: Uint8Array): boolean {
  const u = bytes.length === 32 ? littleEndian(bytes) : P25519;
  if (u >= P25519) return false;
  return !SMALL_ORDER_U.includes(u);
}

/** Curve25519's points of order 2 or less (u = 0), 4 (u = 1, u = -1 on the twist) and 8 (the two long ones), as Bernstein lists them. */
export const SMALL_ORDER_U: readonly bigint[] = [
  0n,
  1n,
  P25519 - 1n,
  325606250916557431795983626356110631294008115727848805560023387167927233504n,
  39382357235489614581723060781553021112529911719440698176882885853963445705823n,
];

/** A compressed P-256 point on the curve (SEC 1, 2.3.4). */
export function isGoodP256Point(bytes: Uint8Array): boolean {
  if (bytes.length !== 33 || (bytes[0] !== 2 && bytes[0] !== 3)) return false;
  const x = bigEndian(bytes.subarray(1));
  if (x >= P256) return false;
  const square = mod(x * x * x - 3n * x + B256, P256);
  const y = power(square, (P256 + 1n) / 4n, P256);
  return mod(y * y, P256) === square;
}

/** FIPS 203, 7.2: the modulus check of an ML-KEM-768 encapsulation key, every 12-bit coefficient below 3,329. */
export function isGoodEncapsulationKey(bytes: Uint8Array): boolean {
  if (bytes.length !== 1184) return false;
  for (let at = 0; at < 1152; at += 3) {
    const [a = 0, b = 0, c = 0] = bytes.subarray(at, at + 3);
    if ((a | ((b & 15) << 8)) >= 3329 || ((b >> 4) | (c << 4)) >= 3329) return false;
  }
  return true;
}
