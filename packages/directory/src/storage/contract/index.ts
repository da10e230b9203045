export * from "./directory-store.ts";
export * from "./records.ts";
