/** How the commands explain themselves, and what they say where they are used wrongly. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { run } from "./run.js"

const secret = "hush-hush"
const escape = "\u001b"

describe("the command", () => {
  for (const [command, options] of [
    ["broker", ["--host", "--port", "--worker-port", "--report", "--flush"]],
    ["worker", ["--from", "--levels", "--flush", "--to", "--shutdown-timeout"]],
    ["send", ["--to", "--timeout", "--tag", "--field", "--timestamp", "--level", "counter NAME"]],
    ["check", ["--timeout", "--write", "<url>..."]],
    ["web", ["--port, -p <port>", "--ip", "--path", "--pipe-dir", "--sum", "--hosts", "--trust-others"]],
    ["top", ["--pipe-dir", "--pid", "--interval", "--once", "--trust-others"]]
  ] as const) {
    it.live(`says how ${command} is used`, () =>
      Effect.gen(function* () {
        const { code, stderr, stdout } = yield* run([command, "--help"])
        assert.deepStrictEqual([code, stderr], [0, ""])
        for (const option of options) assert.include(stdout, option)
        assert.include(stdout, `\n  effect-metrics ${command} [options]`)
        for (const line of stdout.split("\n")) assert.isAtMost(line.length, 80, line)
        assert.deepStrictEqual(yield* run(["help", command]), { code, stderr, stdout })
        assert.notInclude(stdout, escape)
        assert.notMatch(stdout, / \n/)
        const coloured = yield* run([command, "--help"], { isColoured: true })
        assert.include(coloured.stdout, escape)
      })
    )
  }

  it.live("lists its commands and says its version", () =>
    Effect.gen(function* () {
      for (const args of [[], ["--help"], ["help"]]) {
        const { code, stdout } = yield* run(args)
        assert.strictEqual(code, 0)
        for (const command of ["broker", "worker", "send", "check", "web", "top"]) {
          assert.include(stdout, `\n  ${command}\n`)
        }
      }
      const { stdout } = yield* run(["--version"])
      assert.match(stdout, /^\d+\.\d+\.\d+\n$/)
    })
  )

  for (const [args, words] of [
    [["wroker"], "there is no such command: there are broker, worker, send, check, web, top"],
    [["--nosuch"], "unknown option --nosuch"],
    [["broker", "--port"], "--port has no value behind it: --port <port>"],
    [["top", "-d"], "-d has no value behind it"],
    [["--completions", "csh"], "one of bash, zsh, fish"],
    [["worker", "--to", "console:", "--flush", "10x"], '--flush: "10x" is not a duration'],
    [["worker"], "--to is missing"],
    [["worker", "--to", "console:", "--flush", "0"], '--flush: "0" is not a duration of 10ms at least'],
    [["worker", "--to", "console:?flush=1ms"], 'option flush: "1ms" is not a duration of 10ms at least'],
    [["broker", "--port", "65535"], "--worker-port says another"],
    [["web", "-d", ""], '--pipe-dir: "" is not the path of a folder'],
    [["worker", "--to=statsd://h?batchSize=0"], "option batchSize"],
    [["worker", "--to", "console:", "--from", "tcp://h", "--port", "1"], "leave out --host and --port"],
    [["worker", "--from", "nats://h/a", "--to", "nats://h/a"], "everything would go round and round"],
    [["broker", "--port", "70000"], '--port: "70000" is not a port'],
    [["broker", "--nosuch"], "unknown option --nosuch"],
    [["broker", secret], "an argument that has no place here"],
    [["broker", `-${secret}`], "an argument that has no place here"],
    [["broker", "--port", "6000", secret], "an argument that has no place here"],
    [["worker", "--to", "console:", "--apitoken", secret], "LIBRATO_TOKEN"],
    [["web", "--token", secret], "EFFECT_METRICS_TOKEN"],
    [["worker", "--to", `influxdb://ann:${secret}@h/db`], "INFLUXDB_PASSWORD"]
  ] as const) {
    it.live(`ends with 2 and one line that holds no secret: ${args.join(" ").replace(secret, "...")}`, () =>
      Effect.gen(function* () {
        const { code, stderr, stdout } = yield* run(args)
        assert.strictEqual(code, 2, stderr)
        assert.match(stderr, /^effect-metrics: [^\n]+\n$/)
        assert.include(stderr, words)
        assert.notInclude(stderr + stdout, secret)
      })
    )
  }
})
