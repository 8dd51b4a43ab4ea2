/** What statvent's text is made of in tests. */
import * as Statvent from "../../src/encoding/statvent.js"
import type { Series, Tag, ValueType } from "../../src/recording/measurement.js"

/** As statvent's default, and where a name has no place for it, behind it. */
export const formatName = (name: string, label: string): string =>
  name.includes("{0}") ? name.replaceAll("{0}", label) : `${name}.${label}`

const seriesOf = (
  kind: Series["kind"],
  name: string,
  tags: ReadonlyArray<Tag>,
  valueType: ValueType | undefined
): Series => ({
  name,
  tags,
  kind,
  valueType: valueType ?? "float",
  unit: undefined,
  description: undefined,
  level: undefined,
  boundaries: undefined,
  encoded: undefined
})

export interface Described {
  readonly tags?: ReadonlyArray<Tag>
  readonly valueType?: ValueType
}

export const counter = (name: string, value: number | bigint, { tags = [], valueType }: Described = {}) =>
  ({ _tag: "count", series: seriesOf("counter", name, tags, valueType), value }) as const

export const gauge = (name: string, value: number | bigint, { tags = [], valueType }: Described = {}) =>
  ({ _tag: "gauge", series: seriesOf("gauge", name, tags, valueType), value }) as const

/** `count` and `sum` are those of the last values, unless there were more. */
export const distribution = (
  name: string,
  recent: ReadonlyArray<number>,
  { count, sum, tags = [], valueType }: Described & { readonly count?: number; readonly sum?: number } = {}
) =>
  ({
    _tag: "distribution",
    series: seriesOf("distribution", name, tags, valueType),
    recent,
    histogram: { count: count ?? recent.length, sum: sum ?? recent.reduce((a, b) => a + b, 0) }
  }) as const

export const defaults: Statvent.Dialect = { formatName, totals: true, floats: "fixed", integers: "whole" }

/** All at once. */
export const encode = (
  totals: Iterable<Statvent.Told>,
  dialect: Partial<Statvent.Dialect> = {}
): { readonly text: string; readonly refused: ReadonlyArray<string> } => {
  const taken = Statvent.make({ ...defaults, ...dialect }).take(totals)
  taken.write(Infinity)
  return { text: Buffer.from(taken.text()).toString(), refused: taken.refused.map(({ reason }) => reason) }
}

/** Without the three lines that tell the kinds. */
export const lines = (totals: Iterable<Statvent.Told>, dialect: Partial<Statvent.Dialect> = {}) =>
  encode(totals, dialect).text.split("\n").slice(3, -1)
