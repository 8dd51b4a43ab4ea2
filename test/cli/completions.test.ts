/** The scripts that complete the command: what they offer, in the shells that are here. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import { run } from "./run.js"

const scriptFor = (shell: string) => Effect.map(run(["--completions", shell]), ({ stdout }) => stdout)

/** What bash would show behind these words, of which the last is being written. */
const inBash = (script: string, words: ReadonlyArray<string>): ReadonlyArray<string> => {
  const asking = 'COMP_WORDS=(effect-metrics "$@"); COMP_CWORD=$#; _effect_metrics 2> /dev/null; echo "${COMPREPLY[*]}"'
  const { stderr, stdout } = spawnSync("bash", ["-c", `${script}\n${asking}`, "bash", ...words], { encoding: "utf8" })
  assert.strictEqual(stderr, "")
  return stdout
    .trim()
    .split(" ")
    .filter((word) => word !== "")
}

const hasShell = (shell: string): boolean => spawnSync(shell, ["-c", ":"]).status === 0

describe("completions", () => {
  for (const [words, expected] of [
    [["w"], ["worker", "web"]],
    [
      ["broker", "--"],
      ["--host", "--port", "--worker-port", "--report", "--flush", "--shutdown-timeout"]
    ],
    [
      ["worker", "--to", "inf"],
      ["influxdb:", "influxdb+http:", "influxdb+https:"]
    ],
    [
      ["worker", "--to", "=", "inf"],
      ["influxdb:", "influxdb+http:", "influxdb+https:"]
    ],
    [["worker", "--to", "influxdb", ":"], []],
    [["send", "g"], ["gauge"]],
    [
      ["check", "statsd"],
      ["statsd:", "statsd+tcp:"]
    ],
    [
      ["web", "--sum", ""],
      ["by-kind", "plain"]
    ],
    [["web", "-d", "/us"], ["/usr"]],
    [["top", "--interval", ""], []],
    [
      ["--completions", ""],
      ["bash", "zsh", "fish"]
    ]
  ] as const) {
    it.effect.skipIf(!hasShell("bash"))(`are, in bash, of: ${words.join(" ")}`, () =>
      Effect.gen(function* () {
        const found = inBash(yield* scriptFor("bash"), words).filter(
          (word) => !["--help", "--version", "--log-level", "--completions"].includes(word)
        )
        assert.deepStrictEqual(found, [...expected])
      })
    )
  }

  for (const [shell, parts] of [
    ["bash", ["complete -F _effect_metrics effect-metrics"]],
    ["zsh", ["#compdef effect-metrics\n", "web) _arguments ", "'*--sum[", "(by-kind plain)"]],
    ["fish", ["-n '__fish_seen_subcommand_from web' -l sum -x -a 'by-kind plain' -d '"]]
  ] as const) {
    it.effect(`are a script that ${shell} can read, where it is here, with all commands and options`, () =>
      Effect.gen(function* () {
        const script = yield* scriptFor(shell)
        for (const part of parts) assert.include(script, part)
        for (const name of ["shutdown-timeout", "worker-port", "trust-others", "timestamp", "send", "check"]) {
          assert.include(script, name)
        }
        if (!hasShell(shell)) return
        const { status, stderr } = spawnSync(shell, ["-n"], { input: script, encoding: "utf8" })
        assert.deepStrictEqual([status, stderr], [0, ""])
      })
    )
  }
})
