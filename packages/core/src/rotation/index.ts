export * from "./clock-watch.ts";
export * from "./due.ts";
export * from "./ends.ts";
export * from "./policy.ts";
export * from "./schedule.ts";
export * from "./stock.ts";
