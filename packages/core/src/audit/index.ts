export * from "./entry.ts";
export * from "./export.ts";
