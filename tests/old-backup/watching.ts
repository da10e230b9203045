// Every call to a directory that an agent makes, by name; each goes to the real one.
import { HttpDirectory, type Directory, type Environment } from "@talos/agent";

export interface DirectoryCall {
  readonly url: string;
  readonly name: string;
}

export function watching(environment: Environment): { readonly environment: Environment; readonly calls: readonly DirectoryCall[] } {
  const calls: DirectoryCall[] = [];
  const watched = (real: Directory): Directory =>
    new Proxy(real, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== "function") return value;
        const method = value.bind(target) as (...args: unknown[]) => unknown;
        return (...args: unknown[]) => {
          if (name !== "close") calls.push({ url: target.url, name: String(name) });
          return method(...args);
        };
      },
    });
  return { environment: { ...environment, openDirectory: (options) => watched(new HttpDirectory(options)) }, calls };
}
