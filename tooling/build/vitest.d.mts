import type { ViteUserConfig } from "vitest/config";
export declare const hangLimit: number;
export declare function preset(test?: ViteUserConfig["test"]): ViteUserConfig;
