export * from "./prekeys.ts";
