export * from "./outside-vectors.ts";
