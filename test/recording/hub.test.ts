import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { Hub } from "../../src/recording/hub.js"
import type { CounterEntry, PointEntry } from "../../src/recording/entry.js"
import * as Tags from "../../src/recording/tags.js"
import {
  balanced,
  clock,
  counter,
  distribution,
  gauge,
  hubOf,
  instrument,
  laneOf,
  ledgerOf,
  numbers,
  point,
  sealAll,
  text
} from "./harness.js"

describe("tags", () => {
  it("series that the backend spells alike are one, points too, after views and prefix", () => {
    const lane = laneOf({
      prefix: "p.",
      view: ({ name, tags }) => ({ name, tags: { ...tags, by: "view" } }),
      spell: ({ name, tags }) => ({ name: name.toLowerCase(), tags: tags.filter(([, value]) => value !== "") })
    })
    const hub = hubOf(lane)
    counter(hub, "A", { x: "" }).increment()
    counter(hub, "a").incrementBy(2)
    assert.deepStrictEqual(numbers(sealAll(lane)), { "p.a{by=view}": 3 })
    point(hub, "E", { x: "" }).emit(["value"], [1], 8, clock.now, undefined)
    point(hub, "e").emit(["value"], [2], 8, clock.now, undefined)
    assert.strictEqual(lane.taken[0]!.series, lane.taken[1]!.series)
  })

  it("the order in which tags are given makes no difference", () => {
    const lane = laneOf()
    const hub = hubOf(lane)
    counter(hub, "a", { x: "1", y: "2" }).increment()
    counter(hub, "a", { y: "2", x: "1" }).increment()
    assert.deepStrictEqual(numbers(sealAll(lane)), { "a{x=1,y=2}": 2 })
  })

  it("two tag sets share a series if and only if they are equal, whatever they contain", () => {
    const word = fc.oneof(fc.constantFrom("", "a", "b", "a,b", "\u0000", "=", "__proto__", "constructor"), fc.string())
    const tags = fc.dictionary(
      word.filter((key) => key !== ""),
      word,
      { maxKeys: 4 }
    )
    fc.assert(
      fc.property(fc.array(tags, { minLength: 2, maxLength: 8 }), (sets) => {
        const lane = laneOf()
        const hub = hubOf(lane)
        const canonical = (set: Record<string, string>): string =>
          JSON.stringify(
            Object.keys(set)
              .sort()
              .map((key) => [key, set[key]])
          )
        for (const set of sets) counter(hub, "a", set).increment()
        const expected = new Map<string, number>()
        for (const set of sets) expected.set(canonical(set), (expected.get(canonical(set)) ?? 0) + 1)
        const windows = sealAll(lane)
        const actual = new Map(windows.map((m) => [JSON.stringify(m.series.tags), m._tag === "count" ? m.value : -1]))
        assert.deepStrictEqual([...actual].sort(), [...expected].sort())
      })
    )
  })

  it("what series have in common is kept once, also with a lane's tags among it", () => {
    for (const declaration of [{ tagKeys: ["method", "route"] }, {}]) {
      for (const tags of [[], [["host", "h"] as const]]) {
        const lane = laneOf({ tags })
        const hub = hubOf(lane)
        for (const route of ["/a", "/b"]) counter(hub, "hits", { method: "GET", route }, declaration).increment()
        const [a, b] = sealAll(lane).map(({ series }) => new Map(series.tags.map((tag) => [tag[0], tag])))
        assert.deepStrictEqual(a?.get("method"), ["method", "GET"])
        assert.strictEqual(a?.get("method"), b?.get("method"))
        assert.strictEqual(a?.get("host"), b?.get("host"))
        assert.deepStrictEqual([a?.get("route")?.[1], b?.get("route")?.[1]], ["/a", "/b"])
      }
    }
  })

  it("keys and values beyond what is kept once are tags like any other", () => {
    const pairs = new Tags.Pairs()
    const long = "v".repeat(65)
    for (const [key, value] of [
      [long, "1"],
      ["k", long]
    ] as const) {
      assert.deepStrictEqual(pairs.of(key, value), [key, value])
      assert.notStrictEqual(pairs.of(key, value), pairs.of(key, value))
    }
    for (let i = 0; i < 100; i++) for (let j = 0; j < 300; j++) pairs.of(`k${i}`, `v${j}`)
    const isKept = (key: string, value: string) => pairs.of(key, value) === pairs.of(key, value)
    assert.deepStrictEqual(
      [isKept("k0", "v0"), isKept("k0", "v255"), isKept("k0", "v256"), isKept("k63", "v1"), isKept("k64", "v1")],
      [true, true, false, true, false]
    )
    assert.deepStrictEqual(pairs.of("k99", "v299"), ["k99", "v299"])
  })

  it("keys such as __proto__ are keys like any other, declared or not", () => {
    const lane = laneOf()
    const hub = hubOf(lane)
    const hostile = JSON.parse('{"__proto__":"p","constructor":"c","toString":"t"}') as Record<string, string>
    counter(hub, "a", hostile).increment()
    counter(hub, "b", hostile, { tagKeys: ["__proto__", "constructor"] }).increment()
    counter(hub, "b", {}, { tagKeys: ["__proto__", "constructor"] }).increment()
    assert.deepStrictEqual(sealAll(lane).map(text), [
      "a{__proto__=p,constructor=c,toString=t}",
      "b{__proto__=p,constructor=c}",
      "b{}"
    ])
    assert.isUndefined(({} as Record<string, unknown>)["polluted"])
  })

  it("declared keys are all that is read", () => {
    const lane = laneOf()
    counter(hubOf(lane), "a", { route: "/", user: "42" }, { tagKeys: ["route", "method"] }).increment()
    assert.deepStrictEqual(sealAll(lane).map(text), ["a{route=/}"])
  })

  it("an object that is changed after a recording changes nothing", () => {
    const lane = laneOf()
    const hub = hubOf(lane)
    const tags = { k: "before" }
    const handle = counter(hub, "a", tags)
    handle.increment()
    tags.k = "after"
    handle.increment()
    assert.deepStrictEqual(numbers(sealAll(lane)), { "a{k=before}": 2 })
  })

  it("a region's tags give way to the call's and win over the lane's", () => {
    const lane = laneOf({
      tags: [
        ["a", "lane"],
        ["b", "lane"],
        ["c", "lane"]
      ]
    })
    const hub = hubOf(lane)
    const region = hub.region([
      { key: "b", value: "region" },
      { key: "c", value: "region" }
    ])
    ;(hub.entry(instrument("counter", "x"), region, { c: "call" }) as CounterEntry).increment()
    assert.deepStrictEqual(sealAll(lane).map(text), ["x{a=lane,b=region,c=call}"])
  })

  it("labels of equal content are one region, also when Effect makes them anew", () => {
    const hub = hubOf(laneOf())
    assert.strictEqual(hub.region([{ key: "a", value: "1" }]), hub.region([{ key: "a", value: "1" }]))
  })
})

describe("what cannot be recorded", () => {
  const refused = (given: unknown, declaration = {}): Record<string, number> => {
    const lane = laneOf()
    const hub = hubOf(lane)
    const entry = hub.entry(instrument("counter", "a", declaration), hub.region([]), given as Record<string, string>)
    assert.isUndefined(entry)
    return ledgerOf(lane).refused
  }

  it("is refused and counted, and never throws", () => {
    assert.deepStrictEqual(refused({ k: 5 }), { invalid_tags: 1 })
    assert.deepStrictEqual(refused({ k: null }, { tagKeys: ["k"] }), { invalid_tags: 1 })
    assert.deepStrictEqual(refused({ "": "v" }), { invalid_tags: 1 })
    assert.deepStrictEqual(refused({ k: "v".repeat(1 << 20) }), { too_long: 1 })
    assert.deepStrictEqual(refused({ ["k".repeat(1 << 20)]: "v" }), { too_long: 1 })
    assert.deepStrictEqual(
      refused({
        get k(): string {
          throw new Error("no")
        }
      }),
      { threw: 1 }
    )
    assert.deepStrictEqual(
      refused(
        new Proxy(
          {},
          {
            ownKeys: () => {
              throw new Error("no")
            }
          }
        )
      ),
      { threw: 1 }
    )
  })

  it("values that cannot be measured are refused by every kind", () => {
    const lane = laneOf()
    const hub = hubOf(lane)
    for (const bad of [NaN, Infinity, -Infinity, "1", null, 1n, undefined, {}]) {
      counter(hub, "c").incrementBy(bad as number)
      gauge(hub, "g").set(bad as number)
      gauge(hub, "g").incrementBy(bad as number)
      distribution(hub, "d").record(bad as number)
    }
    counter(hub, "c").incrementBy(-1)
    counter(hub, "i", undefined, { valueType: "int" }).incrementBy(0.5)
    distribution(hub, "t", undefined, undefined, "timer").record(-1)
    assert.deepStrictEqual(ledgerOf(lane).refused, { not_finite: 32, negative: 2, not_integer: 1 })
    assert.strictEqual(ledgerOf(lane).recorded, 0)
  })

  it("a counter that is declared not monotonic steps down", () => {
    const lane = laneOf()
    counter(hubOf(lane), "c", undefined, { monotonic: false }).incrementBy(-3)
    assert.deepStrictEqual(numbers(sealAll(lane)), { "c{}": -3 })
  })

  it("a name without characters, or of a megabyte, is refused at use", () => {
    const lane = laneOf()
    const hub = hubOf(lane)
    for (const name of ["", "n".repeat(1 << 20)]) hub.entry(instrument("counter", name), hub.region([]), undefined)
    assert.deepStrictEqual(ledgerOf(lane).refused, { invalid_name: 1, too_long: 1 })
  })

  it("a name that is in use with another kind is refused, logged once, and the first goes on", () => {
    const lane = laneOf()
    const hub = hubOf(lane)
    counter(hub, "a").increment()
    gauge(hub, "a").set(7)
    gauge(hub, "a").set(8)
    counter(hub, "a").increment()
    assert.deepStrictEqual(numbers(sealAll(lane)), { "a{}": 2 })
    assert.deepStrictEqual(ledgerOf(lane).refused, { type_conflict: 2 })
    assert.strictEqual(lane.takeNotices().length, 1)
    assert.strictEqual(lane.takeNotices().length, 0)
  })

  it("millions of unusable tag sets leave memory flat", () => {
    const lane = laneOf()
    const hub = hubOf(lane)
    const c = instrument("counter", "a")
    const region = hub.region([])
    for (let i = 0; i < 30_000; i++) hub.entry(c, hub.region([]), { k: String(i), bad: 1 as unknown as string })
    assert.isAtMost(region.instruments.get(c)?.children.get("k")?.children.size ?? 0, 10_000)
    assert.strictEqual(ledgerOf(lane).refused.invalid_tags, 30_000)
  })

  it("names that are no strings are refused, and refusing does not throw either", () => {
    const lane = laneOf()
    const hub = hubOf(lane)
    for (const name of [undefined, null, 5, {}]) {
      assert.isUndefined(hub.entry(instrument("counter", name as string), hub.region([]), undefined))
      assert.isUndefined(hub.entry(hub.pointInstrument(name as string, undefined), hub.region([]), undefined))
    }
    assert.deepStrictEqual(ledgerOf(lane).refused, { invalid_name: 8 })
  })

  it("a sum that grew beyond what can be sent is dropped as a window, and the series goes on", () => {
    const lane = laneOf()
    const hub = hubOf(lane)
    const float = counter(hub, "f")
    const int = counter(hub, "i", undefined, { valueType: "int" })
    for (let i = 0; i < 2; i++) {
      float.incrementBy(Number.MAX_VALUE)
      int.incrementBy(Number.MAX_SAFE_INTEGER)
    }
    assert.deepStrictEqual(sealAll(lane), [])
    assert.deepStrictEqual(ledgerOf(lane).dropped, { invalid: 4 })
    float.increment()
    int.increment()
    assert.deepStrictEqual(numbers(sealAll(lane)), { "f{}": 1, "i{}": 1 })
  })

  it("tags of a class are read the same the first time and later", () => {
    class Tags {
      get route(): string {
        return "/x"
      }
    }
    const lane = laneOf()
    const hub = hubOf(lane)
    for (let i = 0; i < 3; i++)
      counter(hub, "a", new Tags() as unknown as Record<string, string>, { tagKeys: ["route"] }).increment()
    assert.deepStrictEqual(numbers(sealAll(lane)), { "a{route=/x}": 3 })
  })

  it("the bytes of a point's tags count towards the queue's bound", () => {
    const lane = laneOf()
    const sizes: Array<number> = []
    lane.queue = { offer: (_, bytes) => sizes.push(bytes) }
    point(hubOf(lane), "p", { k: "v".repeat(5000) }).emit(["v"], [1], 8, 0, undefined)
    assert.isAtLeast(sizes[0]!, 10_000)
  })

  it("after the close every recording is refused, through new and old handles, and nothing gathers", () => {
    const lane = laneOf()
    const hub = hubOf(lane)
    const c = counter(hub, "c")
    c.increment()
    lane.close()
    c.increment()
    gauge(hub, "g").set(1)
    distribution(hub, "d").record(1)
    point(hub, "p").emit(["v"], [1], 8, 0, undefined)
    assert.deepStrictEqual(numbers(lane.sealDue(10, 0)), { "c{}": 1 })
    assert.strictEqual(ledgerOf(lane).refused.closed, 4)
  })
})

describe("views and levels", () => {
  it("a view renames, re-tags and excludes, and series that come out equal share one cell", () => {
    const lane = laneOf({
      view: ({ name, tags }) =>
        name === "secret" ? null : { name: name.toUpperCase(), tags: { region: tags["region"] ?? "?" } }
    })
    const hub = hubOf(lane)
    for (const user of ["1", "2", "3"]) counter(hub, "logins", { user, region: "eu" }).increment()
    counter(hub, "secret").increment()
    assert.deepStrictEqual(numbers(sealAll(lane)), { "LOGINS{region=eu}": 3 })
    assert.strictEqual(ledgerOf(lane).recorded, 3)
  })

  it("a view that throws costs only the series it threw at", () => {
    const lane = laneOf({
      view: ({ name, tags }) => {
        if (name === "bad") throw new Error("no")
        return { name, tags }
      }
    })
    const hub = hubOf(lane)
    counter(hub, "bad").increment()
    counter(hub, "good").increment()
    assert.deepStrictEqual(numbers(sealAll(lane)), { "good{}": 1 })
    assert.deepStrictEqual(ledgerOf(lane).refused, { threw: 1 })
  })

  it("prefix and tags of the lane are on everything, points too", () => {
    const lane = laneOf({ prefix: "app.", tags: [["host", "h"]] })
    const hub = hubOf(lane)
    counter(hub, "c").increment()
    point(hub, "p", { k: "v" }).emit(["v"], [1], 8, 0, undefined)
    assert.deepStrictEqual([...sealAll(lane), ...lane.taken].map(text), ["app.c{host=h}", "app.p{host=h,k=v}"])
  })

  it("a lane takes its levels by exact match, and what it does not take is not recorded", () => {
    const lane = laneOf({ levels: new Set(["info"]) })
    const hub = hubOf(lane)
    for (const level of ["info", "information", "inf", undefined]) {
      counter(hub, `c.${level}`, undefined, { level }).increment()
    }
    assert.deepStrictEqual(numbers(sealAll(lane)), { "c.info{}": 1 })
    assert.strictEqual(ledgerOf(lane).recorded, 1)
  })
})

describe("points", () => {
  it("aggregate: false makes each recording a point with its own time, a gauge's with its new value", () => {
    const lane = laneOf({ raw: new Set(["counter", "gauge", "timer", "distribution"]) })
    const hub = hubOf(lane)
    clock.now = 7
    counter(hub, "c").incrementBy(2)
    gauge(hub, "g").set(5)
    gauge(hub, "g").incrementBy(1)
    distribution(hub, "d").record(0.25)
    assert.deepStrictEqual(
      lane.taken.map((p) => [p.series.name, p.series.kind, p.fieldNames, p.fieldValues, p.millis]),
      [
        ["c", "counter", ["value"], [2], 7],
        ["g", "gauge", ["value"], [5], 7],
        ["g", "gauge", ["value"], [6], 7],
        ["d", "distribution", ["value"], [0.25], 7]
      ]
    )
    assert.isTrue(balanced(ledgerOf(lane)))
  })

  it("makes points of the kinds that the lane wants raw, and windows of the others", () => {
    const lane = laneOf({ raw: new Set(["timer"]) })
    const hub = hubOf(lane)
    counter(hub, "c").increment()
    distribution(hub, "d").record(1)
    distribution(hub, "t", undefined, undefined, "timer").record(0.25)
    assert.deepStrictEqual(
      lane.taken.map(({ series }) => series.name),
      ["t"]
    )
    assert.isTrue(balanced(ledgerOf(lane)))
    assert.deepStrictEqual(numbers(sealAll(lane)), { "c{}": 1, "d{}": 1 })
  })

  it("keeps every point of a kind that is not to be sampled, and says so", () => {
    const lane = laneOf({ sampleRate: 0.25, unsampled: new Set(["point"]), raw: new Set(["timer"]), random: () => 0.9 })
    const hub = hubOf(lane)
    point(hub, "p").emit(["f"], [1], 8, 1, undefined)
    distribution(hub, "t", undefined, undefined, "timer").record(1)
    assert.deepStrictEqual(
      lane.taken.map(({ sampleRate, series }) => [series.name, sampleRate]),
      [["p", 1]]
    )
  })

  const stampsOf = (
    precision: "ns" | "us" | "ms" | "s",
    given: ReadonlyArray<readonly [number, number | undefined]>
  ) => {
    const lane = laneOf({ overwrites: precision })
    const p = point(hubOf(lane), "p")
    for (const [millis, nanos] of given) p.emit(["v"], [1], 8, millis, nanos)
    return { stamps: lane.taken.map((q) => [q.millis, q.nanos]), ledger: ledgerOf(lane) }
  }

  it("where the backend overwrites, points of a series that the clock gave one time get the next free ones", () => {
    const same: ReadonlyArray<readonly [number, undefined]> = [
      [5, undefined],
      [5, undefined],
      [5, undefined]
    ]
    assert.deepStrictEqual(stampsOf("ns", same).stamps, [
      [5, 0],
      [5, 1],
      [5, 2]
    ])
    assert.deepStrictEqual(stampsOf("us", same).stamps, [
      [5, 0],
      [5, 1000],
      [5, 2000]
    ])
    assert.deepStrictEqual(stampsOf("ms", same).stamps, [
      [5, 0],
      [6, 0],
      [7, 0]
    ])
  })

  it("a free time more than a second away is not taken: the point is dropped and counted", () => {
    const { ledger, stamps } = stampsOf("s", [
      [5500, undefined],
      [5600, undefined],
      [5700, undefined]
    ])
    assert.deepStrictEqual(stamps, [
      [5500, 0],
      [6000, 0]
    ])
    assert.deepStrictEqual(ledger.dropped, { same_timestamp: 1 })
    assert.isTrue(balanced(ledger))
  })

  it("a thousand points a second and one in a millisecond all keep times of their own", () => {
    const { stamps } = stampsOf(
      "ns",
      Array.from({ length: 5000 }, (_, i) => [Math.floor(i / 7), undefined] as const)
    )
    assert.strictEqual(new Set(stamps.map(String)).size, 5000)
  })

  it("explicit timestamps are kept, also when they go back; one equal to the last moves by a unit", () => {
    assert.deepStrictEqual(
      stampsOf("ms", [
        [900, 0],
        [500, 0],
        [900, 0],
        [901, 0]
      ]).stamps,
      [
        [900, 0],
        [500, 0],
        [901, 0],
        [902, 0]
      ]
    )
  })

  it("points of two levels, and raw recordings of that name, share the times of their series", () => {
    const lane = laneOf({ overwrites: "ms" })
    const hub = hubOf(lane)
    const raw = gauge(hub, "p", undefined, { aggregate: false })
    for (let i = 0; i < 3; i++) {
      for (const level of ["info", "debug"]) {
        const named = hub.entry(hub.pointInstrument("p", level), hub.region([]), undefined)
        ;(named as ReturnType<typeof point>).emit(["v"], [1], 8, clock.now, undefined)
      }
      raw.set(i)
    }
    assert.strictEqual(new Set(lane.taken.map(({ millis }) => millis)).size, 9)
  })

  it("times stay apart when more series have points than are kept", () => {
    const lane = laneOf({ overwrites: "ms", maxSeries: 2 })
    const hub = hubOf(lane)
    for (let i = 0; i < 3; i++) {
      for (const k of ["a", "b", "c"]) point(hub, "p", { k, x: "1" }).emit(["v"], [1], 8, clock.now, undefined)
      for (const k of ["a", "b", "c"]) point(hub, "p", { x: "1", k }).emit(["v"], [1], 8, clock.now, undefined)
    }
    assert.strictEqual(new Set(lane.taken.map((p) => `${text(p)} ${p.millis}`)).size, 18)
  })

  it("a raw series that is forgotten and comes back does not take its old times again, and an active one is kept", () => {
    const lane = laneOf({ overwrites: "ms", expireAfterMillis: 10 })
    const c = counter(hubOf(lane), "c", undefined, { aggregate: false })
    clock.now = 1000
    for (let i = 0; i < 50; i++) c.increment()
    lane.expire(1005)
    assert.strictEqual(Array.from(lane.all()).length, 1)
    lane.expire(1010)
    assert.strictEqual(Array.from(lane.all()).length, 0)
    for (let i = 0; i < 50; i++) c.increment()
    assert.strictEqual(new Set(lane.taken.map(({ millis }) => millis)).size, 100)
  })

  it("a given time in the future does not push the clock's times there", () => {
    const lane = laneOf({ overwrites: "ms" })
    const p = point(hubOf(lane), "p")
    p.emit(["v"], [1], 8, 3_600_000, 0)
    p.emit(["v"], [1], 8, 5, undefined)
    p.emit(["v"], [1], 8, 5, undefined)
    assert.deepStrictEqual(
      lane.taken.map(({ millis }) => millis),
      [3_600_000, 5, 6]
    )
  })

  it("sampling keeps about its rate, says so in the point, and does not count the others as recorded", () => {
    let i = 0
    const lane = laneOf({ sampleRate: 0.25, random: () => (i++ % 100) / 100 })
    const p = point(hubOf(lane), "p")
    for (let n = 0; n < 1000; n++) p.emit(["v"], [1], 8, n, undefined)
    assert.strictEqual(lane.taken.length, 250)
    assert.strictEqual(lane.taken[0]!.sampleRate, 0.25)
    assert.strictEqual(ledgerOf(lane).recorded, 250)
  })
})

describe("what a hub keeps", () => {
  const keptBy = (record: (hub: Hub, i: number) => void): number => {
    const hub = hubOf(laneOf())
    let kept = 0
    for (let i = 0; i < 60_000; i++) {
      record(hub, i)
      kept = Math.max(kept, (hub as unknown as { readonly kept: number }).kept)
    }
    return kept
  }

  it("is bounded, whatever callers do wrong", () => {
    const bound = 16_384 + 64
    const region = (hub: Hub) => hub.region([])
    const c = instrument("counter", "c")
    assert.isAtMost(
      keptBy((hub, i) => void hub.entry(c, region(hub), { "": String(i) })),
      bound
    )
    assert.isAtMost(
      keptBy((hub) => void hub.entry(instrument("counter", ""), region(hub), undefined)),
      bound
    )
    assert.isAtMost(
      keptBy(
        (hub, i) => void hub.entry(hub.pointInstrument(`${"n".repeat(9000)}${i}`, undefined), region(hub), undefined)
      ),
      bound
    )
    assert.isAtMost(
      keptBy((hub, i) => void hub.region([{ key: "k", value: String(i) }])),
      bound
    )
  })
})

describe("lanes that come later", () => {
  it("a handle sees them, and a child's recordings reach the parent but not the other way round", () => {
    const outer = laneOf()
    const inner = laneOf()
    const parent = hubOf(outer)
    const child = new Hub(parent, "open")
    const handle = counter(child, "a")
    handle.increment()
    child.attach({}, inner)
    handle.increment()
    counter(parent, "a").increment()
    assert.deepStrictEqual(numbers(sealAll(outer)), { "a{}": 3 })
    assert.deepStrictEqual(numbers(sealAll(inner)), { "a{}": 1 })
  })

  it("a lane's key is known to the hubs below, so that it is not attached twice on a way to the root", () => {
    const key = {}
    const parent = hubOf()
    parent.attach(key, laneOf())
    assert.isTrue(new Hub(parent, "open").has(key))
    assert.isFalse(hubOf().has(key))
  })
})

describe("levels", () => {
  const atLevels = (hub: Hub): void => {
    counter(hub, "a", undefined, { level: "info" }).increment()
    counter(hub, "a", undefined, { level: "crit" }).increment()
    counter(hub, "a").increment()
  }

  it("of an instrument are one series where the backend does not tell them apart", () => {
    const lane = laneOf({ overwrites: "ms" })
    atLevels(hubOf(lane))
    const windows = sealAll(lane)
    assert.deepStrictEqual(numbers(windows), { "a{}": 3 })
    assert.deepStrictEqual(
      windows.map(({ series }) => series.level),
      ["info"]
    )
  })

  it("are series of their own where it does, also when they were forgotten, and as points", () => {
    const lane = laneOf({ byLevel: true, expireAfterMillis: 1000 })
    const hub = hubOf(lane)
    const levels = (): ReadonlyArray<readonly [string | undefined, number]> => {
      const windows = sealAll(lane)
      lane.delivered(windows)
      return windows.map((window) => [window.series.level, window._tag === "count" ? window.value : NaN])
    }
    atLevels(hub)
    assert.deepStrictEqual(levels(), [
      ["info", 1],
      ["crit", 1],
      [undefined, 1]
    ])
    clock.now += 5000
    lane.expire(clock.now)
    atLevels(hub)
    atLevels(hub)
    assert.deepStrictEqual(levels(), [
      ["info", 2],
      ["crit", 2],
      [undefined, 2]
    ])
    for (const level of ["info", "crit", "info"]) {
      const entry = hub.entry(hub.pointInstrument("p", level), hub.region([]), undefined) as PointEntry
      entry.emit(["v"], [1], 8, clock.now, undefined)
    }
    assert.deepStrictEqual(
      lane.taken.map(({ series }) => series.level),
      ["info", "crit", "info"]
    )
    assert.strictEqual(lane.taken[0]!.series, lane.taken[2]!.series)
    assert.isTrue(balanced(ledgerOf(lane)))
  })

  it("have an overflow series each, and a kind each", () => {
    const lane = laneOf({ byLevel: true, maxSeries: 1 })
    const hub = hubOf(lane)
    counter(hub, "x", { i: "0" }).increment()
    for (const level of ["info", "crit"]) {
      counter(hub, "a", { i: "1" }, { level }).increment()
      counter(hub, "a", { i: "2" }, { level }).increment()
    }
    gauge(hub, "a", undefined, { level: "warn" }).increment()
    const windows = sealAll(lane).slice(1)
    assert.deepStrictEqual(
      windows.map((window) => [window.series.level, text(window), window.weight]),
      [
        ["info", "a{overflow=true}", 2],
        ["crit", "a{overflow=true}", 2],
        ["warn", "a{overflow=true}", 1]
      ]
    )
    assert.strictEqual(lane.account.refused.size, 0)
  })

  it("and names never meet, whatever they are", () => {
    const part = fc.constantFrom("a", "level 1:a", "1:a", "level 1:a1:a", "1", "")
    const series = fc.tuple(
      part.filter((name) => name !== ""),
      fc.option(part, { nil: undefined })
    )
    fc.assert(
      fc.property(series, series, (one, two) => {
        const lane = laneOf({ byLevel: true })
        const hub = hubOf(lane)
        for (const [name, level] of [one, two]) counter(hub, name, undefined, { level }).increment()
        assert.lengthOf(sealAll(lane), one[0] === two[0] && one[1] === two[1] ? 1 : 2)
      })
    )
  })
})
