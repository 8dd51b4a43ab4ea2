/**
 * The layer of `RuntimeMetrics`, in whatever runtime there is.
 */
import { Effect, type Layer, type Scope } from "effect"
import { layerOf, type OpenLanes, type Reading } from "../../delivery/pull.js"
import { InvalidOption, show, toMillis } from "../../delivery/checks.js"
import type { Metrics } from "../../delivery/service.js"
import { allGroups, type Measured, measure, type Rules } from "./groups.js"
import type { Runtime } from "./node.js"
import type { Group, Options } from "./options.js"

export const layerIn = (runtime: Effect.Effect<Runtime>, options: Options): Layer.Layer<Metrics, InvalidOption> =>
  layerOf({
    name: "RuntimeMetrics",
    freshness: options.freshness,
    make: (lanes) =>
      Effect.flatMap(check(options), (rules) =>
        Effect.flatMap(runtime, (runtime) => open(runtime, lanes, rules, new Set(options.groups ?? allGroups)))
      )
  })

const open = (
  runtime: Runtime,
  lanes: OpenLanes,
  rules: Rules,
  groups: ReadonlySet<Group>
): Effect.Effect<Reading, never, Scope.Scope> =>
  Effect.gen(function* () {
    const measured: Array<Measured> = []
    yield* Effect.addFinalizer(() => Effect.sync(() => measured.forEach(({ close }) => close?.())))
    const missing: Array<Group> = []
    for (const group of groups) {
      const one = measure(group, { runtime, lanes, rules })
      if (one === undefined) missing.push(group)
      else measured.push(one)
    }
    if (missing.length > 0) {
      yield* Effect.logDebug(`RuntimeMetrics: not measured, as this runtime does not have it: ${missing.join(", ")}`)
    }
    const failed = new Set<Measured>()
    return function* () {
      for (const one of measured) {
        if (failed.has(one)) continue
        try {
          one.read()
        } catch (error) {
          failed.add(one)
          yield `what this runtime seemed to have cannot be read, and is left out: ${String(error)}`
        }
        yield
      }
    }
  })

const check = (options: Options): Effect.Effect<Rules, InvalidOption> =>
  Effect.suspend(() => {
    const { groups = allGroups, level, semantics = "default" } = options
    const prefix = options.prefix ?? "runtime."
    const resolution = options.resolution === undefined ? 20 : toMillis(options.resolution)
    const known: ReadonlyArray<string> = allGroups
    const refuse = (option: keyof Options, expected: string) =>
      Effect.fail(new InvalidOption({ option, value: show(options[option]), expected }))
    if (!Array.isArray(groups) || !groups.every((group) => known.includes(group))) {
      return refuse("groups", `a list of ${known.join(", ")}`)
    }
    if (semantics !== "default" && semantics !== "opentelemetry") {
      return refuse("semantics", "default or opentelemetry")
    }
    if (typeof prefix !== "string") return refuse("prefix", "a string")
    if (level !== undefined && (typeof level !== "string" || level === "")) return refuse("level", "a level")
    if (resolution === undefined || !Number.isInteger(resolution) || resolution < 1 || resolution > 10_000) {
      return refuse("resolution", "a duration of whole milliseconds from 1 ms to 10 s")
    }
    return Effect.succeed({ semantics, prefix, level, resolution })
  })
