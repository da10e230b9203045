export interface KdfParameters { readonly memoryKiB: number; readonly passes: number; readonly lanes: number }
