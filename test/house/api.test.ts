import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import {
  Application,
  type Comment,
  type DeclarationReflection,
  LogLevel,
  type ProjectReflection,
  ReflectionKind
} from "typedoc"
import { assert, beforeAll, describe, it } from "vitest"

const root = fileURLToPath(new URL("../..", import.meta.url))

const exported =
  ReflectionKind.SomeModule |
  ReflectionKind.Variable |
  ReflectionKind.Function |
  ReflectionKind.Class |
  ReflectionKind.Interface |
  ReflectionKind.TypeAlias

/** What the entry points export, and what the namespaces among that export. */
const exportsOf = (self: ProjectReflection | DeclarationReflection): Array<DeclarationReflection> =>
  (self.children ?? [])
    .filter((child) => child.kindOf(exported))
    .flatMap((child) => [child, ...(child.kindOf(ReflectionKind.SomeModule) ? exportsOf(child) : [])])

/** A function has its comment at its signatures, and a constant that is one at those of its type. */
const commentOf = (self: DeclarationReflection): Comment | undefined => {
  const inner = self.type?.type === "reflection" ? self.type.declaration.signatures : undefined
  return self.comment ?? self.signatures?.[0]?.comment ?? inner?.[0]?.comment
}

const missing = (self: DeclarationReflection): ReadonlyArray<string> => {
  const comment = commentOf(self)
  const hasCategory = self.kindOf(ReflectionKind.SomeModule) || comment?.getTag("@category") !== undefined
  return [
    ...(comment === undefined || comment.summary.length === 0 ? ["what it is for"] : []),
    ...(comment?.getTag("@since") === undefined ? ["@since"] : []),
    ...(hasCategory ? [] : ["@category"])
  ]
}

describe("the API reference", () => {
  let app: Application
  let project: ProjectReflection

  beforeAll(async () => {
    app = await Application.bootstrap({ tsconfig: `${root}/tsconfig.build.json`, logLevel: "Error" })
    const converted = await app.convert()
    assert.isDefined(converted)
    project = converted
  })

  it("has a page for each entry point of the package, and each of its modules", () => {
    const names = project.children?.map(({ name }) => name)
    assert.sameMembers(names ?? [], ["effect-metrics", "effect-metrics/testing", "effect-metrics/testing/ChaosProxy"])
    assert.isAbove(exportsOf(project).length, 150)
  })

  it("says of every export what it is for, since when it is there, and where it belongs", () => {
    const found = exportsOf(project).map((one) => [one.getFullName(), missing(one)] as const)
    assert.deepStrictEqual(
      found.filter(([, lacks]) => lacks.length > 0),
      []
    )
  })

  it("has everything of which the guides speak by name", () => {
    const modules = (project.children ?? [])
      .flatMap((entry) => [entry, ...(entry.children ?? [])])
      .filter((one) => one.kindOf(ReflectionKind.SomeModule))
    const spoken = readdirSync(`${root}/docs`, { recursive: true })
      .map((path) => `docs/${String(path)}`)
      .filter((path) => path.endsWith(".md"))
      .concat("README.md")
      .flatMap((page) =>
        Array.from(readFileSync(`${root}/${page}`, "utf8").matchAll(/`([^`\n]+)`/g), ([, code = ""]) => code)
          .flatMap((code) => Array.from(code.matchAll(/(?<![\w./])([A-Z]\w+)\.(\w+)/g)))
          .map(([, module = "", name = ""]) => ({ page, module, name }))
      )
    const unknown = spoken.flatMap(({ module, name, page }) => {
      const found = modules.filter((one) => one.name === module)
      const isThere = found.length === 0 || found.some((one) => one.children?.some((child) => child.name === name))
      return isThere ? [] : [`${page}: ${module}.${name}`]
    })
    assert.isAbove(spoken.length, 100)
    assert.deepStrictEqual(unknown, [])
  })

  it("leads nowhere that is not there, and speaks of no type that is not exported", () => {
    const warnings: Array<string> = []
    app.logger.log = (message, level) => void (level >= LogLevel.Warn && warnings.push(message))
    app.validate(project)
    assert.deepStrictEqual(warnings, [])
  })
})
