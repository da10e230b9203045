/**
 * OpenSSL as Node offers it; the one door to `node:crypto`. Through `getBuiltinModule`, not an import: that starts
 * faster, and on an old Node a missing function is a named error instead of a link failure.
 */
export const openssl: typeof import("node:crypto") = process.getBuiltinModule("node:crypto");
