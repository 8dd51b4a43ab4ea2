/**
 * Every script of a few letters, with a queue of two and batches of two. Scripts that begin alike are walked once.
 */
import { assert, describe, it } from "@effect/vitest"
import type { Config } from "../../src/delivery/state.js"
import { check, heal, loseAnswer, rules, World } from "./world.js"

type Letter = readonly [name: string, possible: (world: World) => boolean, happens: (world: World) => void]

const writing = (world: World): boolean => world.open.length > 0
const several = (world: World): boolean => (world.open[0]?.items.length ?? 0) > 1
const always = (): boolean => true

const failed = (_tag: "Unavailable" | "Rejected" | "TooLarge") => ({ _tag, reason: "down", ambiguous: false })

const letters: ReadonlyArray<Letter> = [
  ["point", (world) => !world.closed, (world) => world.point()],
  ["record", (world) => !world.closed, (world) => world.record(world.nextId % 2 === 0 ? "a" : "b")],
  ["tick", always, (world) => world.post({ _tag: "Tick" })],
  ["advance", (world) => (world.wakeAt() ?? 0) > world.now, (world) => world.advance()],
  ["ok", writing, (world) => world.ok()],
  ["definite", writing, (world) => world.answer(failed("Unavailable"), () => false)],
  ["stored, answer lost", writing, (world) => loseAnswer(world, "stored")],
  ["rejected", writing, (world) => world.answer(failed("Rejected"), () => false)],
  [
    "partial",
    several,
    (world) => world.answer({ _tag: "Written", keep: [1], rejected: [], reason: "" }, (_, index) => index === 0)
  ],
  ["flush", always, (world) => world.flush()],
  ["close", (world) => !world.closed, (world) => world.close()],
  ["deadline", (world) => world.closed && world.ended === 0, (world) => world.post({ _tag: "Deadline" })]
]

/** Returns how many scripts it walked. */
const walk = (world: World, depth: number, script: ReadonlyArray<string>): number => {
  let scripts = 1
  try {
    check(world)
    heal(world.clone())
    if (depth === 0) closeAndGiveUp(world.clone())
  } catch (error) {
    throw new Error(`after ${script.join(", ") || "nothing"}: ${String(error)}`)
  }
  if (depth === 0) return scripts
  for (const [name, possible, happens] of letters) {
    if (!possible(world)) continue
    const next = world.clone()
    try {
      happens(next)
    } catch (error) {
      throw new Error(`in ${[...script, name].join(", ")}: ${String(error)}`)
    }
    scripts += walk(next, depth - 1, [...script, name])
  }
  return scripts
}

const closeAndGiveUp = (world: World): void => {
  world.flush()
  if (!world.closed) world.close()
  check(world)
  world.post({ _tag: "Deadline" })
  check(world)
  if (world.ended !== 1) throw new Error("did not end at the deadline")
  if (world.flushed.length !== world.flushes.length) throw new Error("a flush outlived its lane")
}

describe("the reducer, enumerated", () => {
  const table: ReadonlyArray<readonly [string, number, number, Partial<Config>]> = [
    ["one write at a time, unknown fates retried", 6, 39_000, {}],
    ["unknown fates dropped", 6, 35_000, { ambiguous: "drop" }],
    ["two writes at a time", 6, 30_000, { concurrency: 2, batchSize: 1 }],
    ["a batch larger than what triggers it", 6, 40_000, { triggerSize: 1 }],
    ["a rate of one measurement a second", 6, 30_000, { rateLimit: 1 }]
  ]
  for (const [name, depth, least, config] of table) {
    it(`keeps its promises after every step of every script of up to ${depth} letters: ${name}`, () => {
      const scripts = walk(new World(rules(config)), depth, [])
      assert.isAbove(scripts, least)
    }, 60_000)
  }
})
