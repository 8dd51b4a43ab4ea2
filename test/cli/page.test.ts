/** The page about the command line has what its help has, and nothing else. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { schemeNames } from "../../src/cli/destinations.js"
import { run } from "./run.js"

const page = readFileSync(new URL("../../docs/command-line.md", import.meta.url), "utf8")

/** What stands below a title, up to the next one. */
const section = (title: string): string => {
  const [, found] = new RegExp(`^## ${title}$(.*?)(?=^## |(?![^]))`, "ms").exec(page) ?? []
  assert.isDefined(found, title)
  return found
}

/** Options of the rows of tables, in alphabetical order. */
const inPage = (text: string): ReadonlyArray<string> =>
  Array.from(text.matchAll(/^\| (`-[^|]*) \|/gm), ([, cell]) =>
    Array.from(cell!.matchAll(/`(-[\w-]+)`/g), ([, name]) => name!)
  )
    .flat()
    .sort()

/** Options that help has, in alphabetical order. */
const inHelp = (help: string): ReadonlyArray<string> =>
  Array.from(help.matchAll(/^ {2}(-.*)$/gm), ([, line]) =>
    Array.from(line!.matchAll(/(?<!\S)-[\w-]+/g), ([name]) => name)
  )
    .flat()
    .sort()

const help = (...args: ReadonlyArray<string>) => Effect.map(run([...args, "--help"]), ({ stdout }) => stdout)

describe("the page about the command line", () => {
  it.effect("has the options of every command", () =>
    Effect.gen(function* () {
      const program = yield* help()
      const common = inPage(section("What every command has"))
      assert.deepStrictEqual(common, inHelp(program))
      const commands = Array.from(
        /^COMMANDS$(.*)^OPTIONS$/ms.exec(program)![1]!.matchAll(/^ {2}(\w+)$/gm),
        ([, name]) => name!
      )
      assert.include(commands, "send")
      for (const command of commands) {
        const text = section(command)
        const options = inHelp(yield* help(command)).filter((name) => !common.includes(name))
        assert.deepStrictEqual(inPage(text), options, command)
        assert.match(text, new RegExp(`^(\\w+=\\S+ )?npx effect-metrics ${command}`, "m"), command)
        assert.include(page, `[\`${command}\`](#${command})`)
      }
    })
  )

  it.effect("says the defaults that help says", () =>
    Effect.gen(function* () {
      let checked = 0
      for (const command of ["broker", "worker", "send", "check", "web", "top"]) {
        const text = (yield* help(command)).replace(/\n {6}(?! )/g, " ")
        for (const [, names, value] of text.matchAll(/^ {2}(--[\w-]+)[^\n]*Without it: (\S+)$/gm)) {
          const row = section(command)
            .split("\n")
            .find((line) => line.startsWith(`| \`${names}\``))
          if (row === undefined || !/\d|\//.test(value!)) continue
          assert.include(row.replaceAll("`", ""), value!, `${command} ${names}`)
          checked++
        }
      }
      assert.isAtLeast(checked, 10)
    })
  )

  it("has every kind of URL", () => {
    for (const scheme of schemeNames) {
      // What HTTP is anyway goes without saying.
      if (scheme !== "influxdb+http") assert.match(page, new RegExp(`\`${scheme.replaceAll("+", "\\+")}:`), scheme)
    }
  })
})
