import js from "@eslint/js"
import { defineConfig, globalIgnores } from "eslint/config"
import tseslint from "typescript-eslint"

const noDefaultExport = {
  selector: "ExportDefaultDeclaration, ExportSpecifier[exported.name='default']",
  message: "A module's exports are named; users import it as a namespace."
}

const noPlatformNodeBarrel = {
  name: "@effect/platform-node",
  message: "Import the module (@effect/platform-node/NodeHttpClient): the barrel loads every one of its peers."
}

/** What makes markup or code of text: names and values come from elsewhere. */
const noMarkupOfText = [
  {
    selector: "MemberExpression[property.name=/^(innerHTML|outerHTML|insertAdjacentHTML|setHTMLUnsafe|srcdoc)$/]",
    message: "What the service says is text, never markup: textContent, append, replaceChildren."
  },
  {
    selector: "MemberExpression[object.name='document'][property.name=/^(write|writeln)$/]",
    message: "What the service says is text, never markup: textContent, append, replaceChildren."
  },
  {
    selector: "CallExpression[callee.property.name='createContextualFragment'], NewExpression[callee.name='DOMParser']",
    message: "What the service says is text, never markup: textContent, append, replaceChildren."
  }
]

/** Named one by one: to look for them as an editor does costs a fifth more time, and a third more memory. */
const projects = ["tsconfig.json", "test/types/tsconfig.json", "src/web/page/tsconfig.json"]

export default defineConfig(
  globalIgnores(["dist/", ".cache/", "coverage/"]),
  { linterOptions: { reportUnusedDisableDirectives: "error" } },
  js.configs.recommended,
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.recommended],
    languageOptions: { parserOptions: { project: projects, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/array-type": ["error", { default: "generic" }],
      "@typescript-eslint/await-thenable": "error",
      "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "separate-type-imports" }],
      "@typescript-eslint/no-explicit-any": "off",
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-import-type-side-effects": "error",
      "@typescript-eslint/no-unnecessary-type-assertion": "error",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      "no-restricted-imports": ["error", { paths: [noPlatformNodeBarrel] }]
    }
  },
  {
    files: ["**/*.mjs"],
    languageOptions: {
      globals: Object.fromEntries(
        [
          "Buffer",
          "URL",
          "clearTimeout",
          "console",
          "fetch",
          "performance",
          "process",
          "setImmediate",
          "setTimeout"
        ].map((name) => [name, "readonly"])
      )
    },
    rules: { "no-restricted-imports": ["error", { paths: [noPlatformNodeBarrel] }] }
  },
  {
    // The page of the dashboard: plain modules, whose types are checked by src/web/page/tsconfig.json.
    files: ["src/web/page/*.js"],
    languageOptions: {
      globals: Object.fromEntries(
        [
          "AbortSignal",
          "DOMException",
          "Element",
          "HTMLButtonElement",
          "HTMLDialogElement",
          "HTMLElement",
          "HTMLFormElement",
          "HTMLInputElement",
          "HTMLTableSectionElement",
          "ResizeObserver",
          "URLSearchParams",
          "clearTimeout",
          "document",
          "fetch",
          "getComputedStyle",
          "getSelection",
          "localStorage",
          "matchMedia",
          "performance",
          "requestAnimationFrame",
          "sessionStorage",
          "setInterval",
          "setTimeout",
          "window"
        ].map((name) => [name, "readonly"])
      )
    },
    rules: {
      "max-lines": ["error", { max: 500, skipBlankLines: true, skipComments: true }],
      "no-console": "error",
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-new-func": "error",
      "no-restricted-syntax": ["error", noDefaultExport, ...noMarkupOfText],
      "no-script-url": "error"
    }
  },
  {
    files: ["src/**/*.ts"],
    rules: {
      "@typescript-eslint/no-explicit-any": "error",
      "max-lines": ["error", { max: 500, skipBlankLines: true, skipComments: true }],
      "no-console": "error",
      "no-restricted-syntax": ["error", noDefaultExport]
    }
  },
  {
    // The rooms where Node may be touched are those of .dependency-cruiser.mjs.
    files: ["src/**/*.ts"],
    ignores: ["src/{transport,relay,web,cli}/**"],
    rules: {
      "no-restricted-globals": [
        "error",
        ...["process", "Buffer", "global", "require", "setImmediate", "__dirname", "__filename"].map((name) => ({
          name,
          message: "The core runs in a browser: Node only in transport/, relay/, web/ and cli/."
        }))
      ]
    }
  },
  {
    files: ["test/**/*.ts", "bench/**/*.ts", "examples/**/*.ts"],
    rules: { "@typescript-eslint/no-unused-expressions": "off" }
  }
)
