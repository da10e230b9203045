export * from "./entry.ts";
export * from "./export.ts";
export * from "./lost-record.ts";
