export interface LockHolder { readonly pid: number; readonly host: string; readonly since: number }
