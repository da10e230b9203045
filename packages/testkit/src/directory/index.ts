export * from "./directory-user.ts";
export * from "./store-conformance.ts";
export * from "./test-directory.ts";
export * from "./user-identity.ts";
