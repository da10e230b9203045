// Plain objects for property tests: fast-check's records have no prototype unless asked, and then equal no literal.
import * as fc from "fast-check";

type Model<T> = { readonly [K in keyof T]: fc.Arbitrary<T[K]> };

/** Every field is there. */
export function record<T>(model: Model<T>): fc.Arbitrary<T> {
  return fc.record<T>(model, { noNullPrototype: true });
}

/** Fields that are not required are there or absent. */
export function recordWithOptional<T, R extends keyof T>(
  model: Model<T>,
  requiredKeys: readonly R[],
): fc.Arbitrary<Pick<T, R> & Partial<T>> {
  return fc.record<T, R>(model, { requiredKeys: [...requiredKeys], noNullPrototype: true }) as unknown as fc.Arbitrary<
    Pick<T, R> & Partial<T>
  >;
}
