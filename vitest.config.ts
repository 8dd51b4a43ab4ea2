import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const source = (path: string) => fileURLToPath(new URL(`./src/${path}`, import.meta.url))

const apart = ["test/servers/**", "test/house/**", "test/package.test.ts"]

// vitest asks for a default export in its configuration.
export default defineConfig({
  resolve: {
    alias: [
      { find: /^effect-metrics$/, replacement: source("index.ts") },
      { find: /^effect-metrics\/testing$/, replacement: source("testing/index.ts") },
      { find: /^effect-metrics\/testing\/ChaosProxy$/, replacement: source("testing/ChaosProxy.ts") }
    ]
  },
  test: {
    pool: "forks",
    hookTimeout: 60_000,
    poolOptions: { forks: { minForks: 1, maxForks: 2 } },
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["test/**/*.test.ts", "examples/**/*.test.ts"],
          exclude: apart,
          testTimeout: 60_000
        }
      },
      {
        extends: true,
        test: { name: "servers", include: ["test/servers/**/*.test.ts"], testTimeout: 60_000 }
      },
      { extends: true, test: { name: "house", include: ["test/house/**/*.test.ts"], testTimeout: 60_000 } },
      {
        extends: true,
        test: {
          name: "package",
          include: ["test/package.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 240_000,
          // It builds dist/, which a test of the house does as well: not at the same time.
          sequence: { groupOrder: 1 }
        }
      }
    ]
  }
})
