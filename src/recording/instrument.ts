/**
 * A declared instrument: pure data, no state. What is wrong with a declaration is kept in it and counted when it is used,
 * because declaring must not throw either.
 */
import type { RefuseReason } from "../Ledger.js"
import type { Kind, Tag, ValueType } from "./measurement.js"
import { canonical, maxIdentityLength } from "./tags.js"

export interface Instrument {
  readonly kind: Kind | "point"
  readonly name: string
  readonly description: string | undefined
  readonly unit: string | undefined
  readonly level: string | undefined
  /** The only keys that are read from given tags, in lookup order; `undefined` reads all. */
  readonly tagKeys: ReadonlyArray<string> | undefined
  readonly boundaries: ReadonlyArray<number> | undefined
  readonly aggregate: boolean
  readonly valueType: ValueType
  /** Whether it refuses negative steps. `"unchecked"`: it does not, but should not see them. */
  readonly monotonic: boolean | "unchecked"
  /** Tags that every recording has, over those given. */
  readonly fixed: ReadonlyArray<Tag>
  readonly problem: RefuseReason | undefined
}

export interface Declaration {
  readonly description?: string | undefined
  readonly unit?: string | undefined
  readonly level?: string | undefined
  readonly tagKeys?: ReadonlyArray<string> | undefined
  readonly boundaries?: ReadonlyArray<number> | undefined
  readonly aggregate?: boolean | undefined
  readonly valueType?: ValueType | undefined
  readonly monotonic?: boolean | "unchecked" | undefined
}

const problemOf = (name: unknown): RefuseReason | undefined =>
  typeof name !== "string" || name === "" ? "invalid_name" : name.length > maxIdentityLength ? "too_long" : undefined

const ascending = (boundaries: ReadonlyArray<number>): ReadonlyArray<number> | undefined => {
  const finite = Array.from(new Set(boundaries.filter(Number.isFinite))).sort((a, b) => a - b)
  return finite.length === 0 ? undefined : finite
}

export const make = (kind: Kind | "point", name: string, declaration: Declaration = {}): Instrument => ({
  kind,
  name,
  description: declaration.description,
  unit: declaration.unit ?? (kind === "timer" ? "s" : undefined),
  level: declaration.level,
  tagKeys: declaration.tagKeys === undefined ? undefined : Array.from(new Set(declaration.tagKeys)),
  boundaries: declaration.boundaries === undefined ? undefined : ascending(declaration.boundaries),
  aggregate: declaration.aggregate ?? true,
  valueType: declaration.valueType ?? "float",
  monotonic: declaration.monotonic ?? kind === "counter",
  fixed: [],
  problem: problemOf(name)
})

/** Derived instruments are looked up by identity too, so the same derivation gives the same one. */
const derived = new WeakMap<Instrument, Map<string, Instrument>>()

const maxDerived = 64

const derive = (self: Instrument, key: string, make: () => Instrument): Instrument => {
  let known = derived.get(self)
  if (known === undefined) derived.set(self, (known = new Map()))
  let instrument = known.get(key)
  if (instrument === undefined) {
    instrument = make()
    if (known.size < maxDerived) known.set(key, instrument)
  }
  return instrument
}

/** The same instrument with a tag that every recording has. */
export const withTag = (self: Instrument, key: string, value: string): Instrument =>
  derive(self, `tag ${JSON.stringify([key, value])}`, () => ({
    ...self,
    fixed: canonical([...self.fixed, [key, value]])
  }))

/** The same instrument at another level. */
export const withLevel = (self: Instrument, level: string | undefined): Instrument =>
  level === undefined || level === self.level ? self : derive(self, `level ${level}`, () => ({ ...self, level }))
