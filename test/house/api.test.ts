import { fileURLToPath } from "node:url"
import { Application, type Comment, type DeclarationReflection, type ProjectReflection, ReflectionKind } from "typedoc"
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

  it("leads nowhere that is not there", () => {
    app.validate(project)
    assert.strictEqual(app.logger.warningCount, 0)
  })
})
