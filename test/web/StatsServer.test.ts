import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { existsSync, lstatSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs"
import { hostname } from "node:os"
import { join } from "node:path"
import { folder, mkfifo, service, until, writer } from "./harness.js"

/** A text of ours, whose first lines tell the kinds. */
const told = (
  counters: ReadonlyArray<string>,
  gauges: ReadonlyArray<string> = [],
  readings: ReadonlyArray<string> = []
) =>
  [
    `effect_metrics.pipe.counters: ${counters.length}`,
    `effect_metrics.pipe.gauges: ${gauges.length}`,
    `effect_metrics.pipe.readings: ${readings.length}`,
    ...counters,
    ...gauges,
    ...readings,
    ""
  ].join("\n")

describe("the sums of several processes", () => {
  it.scopedLive("add up statvent's numbers, whole ones as whole ones", () =>
    Effect.gen(function* () {
      const dir = yield* folder
      const [a, b] = [yield* writer(dir), yield* writer(dir)]
      yield* a.say("req: 3\nf: 1.500000\na: b: 2\nhuge: 9007199254740993\n")
      yield* b.say("req: 4\nf: 1.500000\na: b: 2\nhuge: 1\nonly: 0.500000\n")
      const { text } = yield* service({ dir })
      const body = yield* text("/stats?any=query")
      assert.match(body, /^\{"stats":\{("[^"]+":[^,{}]+,?){5}\},"timestamp":\d{10}\.\d+\}$/)
      for (const one of ['"req":7', '"f":3.0', '"a: b":4', '"huge":9007199254740994', '"only":0.5'])
        assert.include(body, one)
    })
  )

  it.scopedLive("are by kind: counters and gauges added up, percentiles the maximum, means weighted", () =>
    Effect.gen(function* () {
      const dir = yield* folder
      const [a, b] = [yield* writer(dir), yield* writer(dir)]
      const text = (count: number, median: number, mean: number) =>
        told(
          [`d.count{r="x"}: ${count}`, "c: 2"],
          ["g: 1.5"],
          [`d.median{r="x"}: ${median}`, `d.mean{r="x"}: ${mean}`, "e.mean: 4"]
        )
      yield* a.say(text(1, 3, 10))
      yield* b.say(text(3, 4, 2))
      const byKind = yield* service({ dir })
      assert.deepStrictEqual(yield* byKind.stats, {
        'd.count{r="x"}': 4,
        c: 4,
        g: 3,
        'd.median{r="x"}': 4,
        'd.mean{r="x"}': 4,
        "e.mean": 4
      })
      const plain = yield* service({ dir, sum: "plain" })
      const sums = yield* until(plain.stats, (stats) => stats["c"] === 4)
      assert.deepInclude(sums, { g: 3, 'd.median{r="x"}': 7, 'd.mean{r="x"}': 12, "e.mean": 8 })
    })
  )

  it.scopedLive("take statvent's own medians and percentiles for readings, by their names", () =>
    Effect.gen(function* () {
      const dir = yield* folder
      const [a, b] = [yield* writer(dir), yield* writer(dir)]
      yield* a.say("lat.median: 3\nlat.95th: 9\nlat.mean: 2\nn: 1\n")
      yield* b.say("lat.median: 4\nlat.95th: 5\nlat.mean: 6\nn: 1\n")
      const { snapshot, stats } = yield* service({ dir })
      assert.deepStrictEqual(yield* stats, { "lat.median": 4, "lat.95th": 9, "lat.mean": 6, n: 2 })
      const { series } = yield* until(snapshot, ({ series }) => series.length === 4)
      const median = series.find(({ key }) => key === "lat.median")
      assert.deepInclude(median, { kind: "reading", value: 4, sum: 7, min: 3, max: 4, count: 2 })
      assert.deepInclude(
        series.find(({ key }) => key === "n"),
        { kind: "unknown", value: 2 }
      )
    })
  )

  it.scopedLive("are empty where there is no folder", () =>
    Effect.gen(function* () {
      const dir = join(yield* folder, "not", "there")
      const { get } = yield* service({ dir })
      const answer = yield* get("/stats")
      assert.strictEqual(answer.status, 200)
      assert.match(yield* Effect.promise(() => answer.text()), /^\{"stats":\{\},"timestamp":\d+\.\d+\}$/)
    })
  )
})

describe("ten processes of which three are killed", () => {
  it.scopedLive("count on, and nothing is left of the three but what they had counted", () =>
    Effect.gen(function* () {
      const dir = yield* folder
      const all = yield* Effect.all(
        Array.from({ length: 10 }, () => writer(dir)),
        { concurrency: 5 }
      )
      const say = (n: number, writers = all) =>
        Effect.forEach(writers, (one) => one.say(told([`jobs{q="a"}: ${n}`], ["busy: 1"], ["t.median: 0.5"])))
      yield* say(10)
      const { snapshot, stats, text } = yield* service({ dir, unlinkAfter: "50 millis" })
      assert.deepStrictEqual(yield* stats, { 'jobs{q="a"}': 100, busy: 10, "t.median": 0.5 })

      const [killed, left] = [all.slice(0, 3), all.slice(3)]
      yield* Effect.forEach(killed, (one) => one.kill)
      yield* say(20, left)
      assert.deepStrictEqual(yield* stats, { 'jobs{q="a"}': 140, busy: 7, "t.median": 0.5 })
      const { processes, series } = yield* snapshot
      assert.sameMembers(
        processes.filter(({ state }) => state === "gone").map(({ id }) => id),
        killed.map(({ pid }) => String(pid))
      )
      assert.sameMembers(
        processes.filter(({ state }) => state === "live").map(({ id }) => id),
        left.map(({ pid }) => String(pid))
      )
      // No rate falls where a process ends.
      const jobs = series.find(({ name }) => name === "jobs")
      assert.deepInclude(jobs, {
        kind: "counter",
        tags: [["q", "a"]],
        value: 170,
        sum: 140,
        min: 20,
        max: 20,
        count: 7
      })
      const metrics = yield* text("/metrics")
      assert.strictEqual(metrics.match(/^jobs_total\{q="a",pid="\d+"\} 20$/gm)?.length, 7)
      assert.strictEqual(metrics.match(/^busy\{pid="\d+"\} 1$/gm)?.length, 7)
      for (const { pid } of killed) assert.notInclude(metrics, `"${pid}"`)
      assert.include(metrics, 'effect_metrics_processes{state="gone"} 3\n')

      yield* until(
        Effect.sync(() => readdirSync(dir).length),
        (pipes) => pipes === 7
      )
      for (const { pid } of left) assert.isTrue(existsSync(join(dir, `${pid}.stats`)))
    })
  )
})

describe("a process that does not answer", () => {
  it.scopedLive("keeps its pipe and its last values as long as it lives", () =>
    Effect.gen(function* () {
      const dir = yield* folder
      const [stopped, other] = [yield* writer(dir), yield* writer(dir)]
      yield* stopped.say(told(["c: 5"], ["g: 2"]))
      yield* other.say(told(["c: 1"], ["g: 1"]))
      const { snapshot, stats } = yield* service({ dir, timeout: "60 millis", unlinkAfter: 0 })
      assert.deepStrictEqual(yield* until(stats, ({ c }) => c === 6), { c: 6, g: 3 })
      yield* stopped.signal("SIGSTOP")
      yield* other.say(told(["c: 2"], ["g: 1"]))
      const slow = (state: string) => (found: typeof snapshot extends Effect.Effect<infer A> ? A : never) =>
        found.processes.some((process) => process.id === String(stopped.pid) && process.state === state)
      const found = yield* until(snapshot, slow("slow"))
      assert.isString(found.processes.find(({ id }) => id === String(stopped.pid))?.reason)
      for (let i = 0; i < 3; i++) assert.deepStrictEqual(yield* until(stats, ({ c }) => c === 7), { c: 7, g: 3 })
      assert.isTrue(existsSync(join(dir, `${stopped.pid}.stats`)))
      yield* stopped.signal("SIGCONT")
      yield* until(snapshot, slow("live"))
    })
  )

  it.scopedLive("does not keep others waiting", () =>
    Effect.gen(function* () {
      const dir = yield* folder
      // Pipes of a live process, this one, that nobody ever writes.
      for (let i = 0; i < 40; i++) mkfifo(join(dir, `${process.pid}-${i}.stats`))
      const one = yield* writer(dir)
      yield* one.say("a: 1\n")
      const { snapshot, stats } = yield* service({ dir, timeout: "300 millis", concurrency: 64, unlinkAfter: 0 })
      // A busy machine may keep the one from answering in that time.
      assert.deepStrictEqual(yield* until(stats, ({ a }) => a === 1), { a: 1 })
      const states = yield* until(
        Effect.map(snapshot, ({ processes }) => processes.map(({ state }) => state)),
        (all) => all.includes("live")
      )
      assert.strictEqual(states.filter((state) => state === "slow").length, 40)
      assert.strictEqual(readdirSync(dir).length, 41)
    })
  )

  it.scopedLive("is read by all who ask at once, once", () =>
    Effect.gen(function* () {
      const dir = yield* folder
      const one = yield* writer(dir)
      yield* one.say("a: 1\n")
      const { stats } = yield* service({ dir, fresh: "10 seconds" })
      const all = yield* Effect.all(
        Array.from({ length: 20 }, () => stats),
        { concurrency: 20 }
      )
      yield* one.say("a: 2\n")
      for (const found of [...all, yield* stats]) assert.deepStrictEqual(found, { a: 1 })
    })
  )
})

describe("counters", () => {
  it.scopedLive("grow on where a process starts anew under its pid", () =>
    Effect.gen(function* () {
      const dir = yield* folder
      const one = yield* writer(dir)
      const { stats, text } = yield* service({ dir, counters: "summed" })
      yield* one.say(told(["c: 100", "d: 7"]))
      yield* until(stats, ({ c }) => c === 100)
      yield* one.say(told(["c: 3"]))
      yield* until(stats, ({ c }) => c === 3)
      const metrics = yield* text("/metrics")
      assert.include(metrics, "\nc_total 103\n")
      assert.include(metrics, "\nd_total 7\n")
    })
  )

  it.scopedLive("of processes that are listed no more stay in the sum", () =>
    Effect.gen(function* () {
      const dir = yield* folder
      const one = yield* writer(dir)
      yield* one.say(told(["c: 5"], ["g: 1"]))
      const { snapshot, stats, text } = yield* service({ dir, keep: 0, timeout: "1 second", counters: "summed" })
      yield* until(stats, ({ c }) => c === 5)
      yield* one.kill
      yield* until(snapshot, ({ processes }) => processes.length === 0)
      assert.deepStrictEqual(yield* stats, {})
      assert.include(yield* text("/metrics"), "\nc_total 5\n")
      const { series } = yield* snapshot
      assert.deepInclude(series[0], { key: "c", value: 5, sum: 0, min: null, max: null, count: 0 })
    })
  )
})

describe("what is no pipe of ours", () => {
  it.scopedLive("is listed with a reason, left alone, and hurts nobody", () =>
    Effect.gen(function* () {
      const dir = yield* folder
      const one = yield* writer(dir)
      yield* one.say('a: 1\nno number\n: 3\nb: x\n"]}: 2\n')
      writeFileSync(join(dir, "1.stats"), "a: 100\n")
      mkdirSync(join(dir, "2.stats"))
      symlinkSync(join(dir, `${one.pid}.stats`), join(dir, "3.stats"))
      symlinkSync("/nowhere", join(dir, "4.stats"))
      mkfifo(join(dir, "no-pid.stats"))
      writeFileSync(join(dir, "readme.txt"), "a: 100\n")
      const { snapshot, stats } = yield* service({ dir, unlinkAfter: 0, timeout: "300 millis" })
      assert.deepStrictEqual(yield* until(stats, ({ a }) => a === 1), { a: 1, '"]}': 2 })
      yield* stats
      const { processes } = yield* until(snapshot, ({ processes }) => processes[0]?.state === "live")
      assert.deepStrictEqual(processes[0]?.reason, "3 lines are malformed")
      const unreadable = processes.filter(({ state }) => state === "unreadable")
      assert.sameMembers(
        unreadable.map(({ id }) => id),
        ["1", "2", "3", "4", "no-pid"]
      )
      for (const { reason } of unreadable) assert.isString(reason)
      assert.strictEqual(readdirSync(dir).length, 7)
    })
  )

  it.scopedLive("is removed only where it is a pipe: not what has taken the place of one", () =>
    Effect.gen(function* () {
      const dir = yield* folder
      const one = yield* writer(dir)
      yield* one.kill
      const path = join(dir, `${one.pid}.stats`)
      writeFileSync(path, "precious")
      const { stats } = yield* service({ dir, unlinkAfter: 0 })
      for (let i = 0; i < 3; i++) yield* stats
      assert.isTrue(lstatSync(path).isFile())
    })
  )

  it.scopedLive("is not read where it is too large", () =>
    Effect.gen(function* () {
      const dir = yield* folder
      const one = yield* writer(dir)
      yield* one.say("a: 1\n".repeat(1000))
      const { snapshot } = yield* service({ dir, maxBytes: 4096 })
      const { processes } = yield* snapshot
      assert.match(processes[0]!.reason!, /more than is read/)
    })
  )

  it.scopedLive("is told where there are too many pipes, or series", () =>
    Effect.gen(function* () {
      const dir = yield* folder
      const one = yield* writer(dir)
      yield* one.say("a: 1\nb: 1\nc: 1\n")
      for (let i = 0; i < 5; i++) mkfifo(join(dir, `${process.pid}-${i}.stats`))
      const few = yield* service({ dir, maxProcesses: 2, timeout: "100 millis" })
      const { processes } = yield* few.snapshot
      assert.strictEqual(processes.length, 3)
      assert.strictEqual(processes.at(-1)!.reason, "4 more pipes are not read: maxProcesses is 2")
      const short = yield* service({ dir, maxSeries: 2, timeout: "500 millis" })
      const live = (yield* until(short.snapshot, ({ series }) => series.length > 0)).processes.find(
        ({ state }) => state === "live"
      )
      assert.deepInclude(live, { series: 2, reason: "1 series are too many or have names that are too long" })
    })
  )

  it.scopedLive("that is cut off does not count", () =>
    Effect.gen(function* () {
      const dir = yield* folder
      const one = yield* writer(dir)
      yield* one.say(told(["c: 5"]))
      const { snapshot, stats } = yield* service({ dir })
      yield* until(stats, ({ c }) => c === 5)
      yield* one.say(told(["c: 123"]).slice(0, -2))
      const { processes, series } = yield* until(snapshot, ({ processes }) => processes[0]?.state === "slow")
      assert.deepInclude(processes[0], { reason: "its answer was cut off", series: 1 })
      assert.deepInclude(series[0], { value: 5 })
    })
  )
})

describe("a dead process's pipe", () => {
  const deadPid = Effect.scoped(
    Effect.gen(function* () {
      const one = yield* writer(yield* folder)
      yield* one.kill
      return one.pid
    })
  )

  it.scopedLive("is removed, without anybody asking twice", () =>
    Effect.gen(function* () {
      const dir = yield* folder
      const path = join(dir, `${yield* deadPid}.stats`)
      mkfifo(path)
      const { snapshot } = yield* service({ dir, unlinkAfter: "30 millis", timeout: "50 millis" })
      assert.deepStrictEqual((yield* snapshot).processes, [])
      yield* until(
        Effect.sync(() => existsSync(path)),
        (exists) => !exists
      )
    })
  )

  it.scopedLive("is kept where somebody writes it after all, as in a container with pids of its own", () =>
    Effect.gen(function* () {
      const dir = yield* folder
      const one = yield* writer(dir)
      const id = String(yield* deadPid)
      yield* one.say("a: 1\n", id)
      // One that nobody has open for so long, where nobody has its pid, is taken for dead: a busy machine can make it that.
      const { snapshot, stats } = yield* service({ dir, unlinkAfter: "500 millis" })
      const end = Date.now() + 600
      while (Date.now() < end) assert.deepStrictEqual(yield* until(stats, ({ a }) => a === 1), { a: 1 })
      const [found] = yield* until(
        Effect.map(snapshot, ({ processes }) => processes),
        ([one]) => one?.state === "live"
      )
      assert.deepInclude(found, { id, state: "live" })
    })
  )
})

describe("the page's data", () => {
  it.scopedLive("are as the page expects them, series by series and process by process", () =>
    Effect.gen(function* () {
      const dir = yield* folder
      const [a, b] = [yield* writer(dir), yield* writer(dir)]
      yield* a.say(told(['http.requests{route="/users"}: 3'], ["nan: nan", "inf: inf"]))
      yield* b.say(told(['http.requests{route="/users"}: 12']))
      const { get, snapshot, text } = yield* service({ dir })
      const found = yield* until(snapshot, ({ series }) => series[0]?.count === 2)
      assert.deepInclude(found, { format: 1, source: "host", title: hostname(), points: [] })
      assert.deepStrictEqual(found.series[0], {
        key: 'http.requests{route="/users"}',
        name: "http.requests",
        tags: [["route", "/users"]],
        kind: "counter",
        value: 15,
        sum: 15,
        min: 3,
        max: 12,
        count: 2
      })
      for (const key of ["nan", "inf"]) {
        assert.deepInclude(
          found.series.find((one) => one.key === key),
          { value: null, sum: null, min: null, max: null }
        )
      }
      const one = JSON.parse(yield* text(`/api/series?key=${encodeURIComponent(found.series[0]!.key)}`))
      assert.deepInclude(one, { format: 1, key: found.series[0]!.key })
      assert.sameDeepMembers(one.processes, [
        { id: String(a.pid), value: 3 },
        { id: String(b.pid), value: 12 }
      ])
      assert.strictEqual((yield* get("/api/series?key=none")).status, 404)
      assert.strictEqual((yield* get("/api/series")).status, 400)
    })
  )

  it.scopedLive("hold hostile names as they are", () =>
    Effect.gen(function* () {
      const dir = yield* folder
      const one = yield* writer(dir)
      const names = [
        "__proto__",
        "constructor",
        "<img src=x onerror=alert(1)>",
        "</script>",
        "=cmd()",
        '\u202e\u0000"\\{}',
        "日本"
      ]
      yield* one.say(
        names.map((name, i) => `${name}: ${i}\n`).join("") + '__proto__{__proto__="x",a.b="1",a_b="2"}: 9\n'
      )
      const { snapshot, stats, text } = yield* service({ dir })
      const found = yield* until(stats, (all) => Object.keys(all).length === 8)
      assert.deepStrictEqual(Object.keys(found).slice(0, 7), names)
      assert.deepStrictEqual(
        (yield* snapshot).series.map(({ name }) => name),
        [...names, "__proto__"]
      )
      assert.strictEqual((yield* text("/metrics")).match(/^[^#].*pid="\d+"\} \d$/gm)?.length, 8)
    })
  )
})
