import { assert } from "@effect/vitest"
import * as Statvent from "../../src/encoding/statvent.js"
import { read } from "../../src/encoding/statventReader.js"
import { Processes } from "../../src/web/processes.js"
import { body } from "../../src/web/stats.js"
import { formatName } from "../encoding/statvent.js"
import { type LogicalPoint, measurementOf, type Row } from "./rows.js"

interface Pipes {
  readonly kind: "pipes"
  readonly pipes: ReadonlyArray<string>
}

const reasons: Readonly<Record<string, RegExp>> = { "invalid-name": /^its name "a\\nb" has .* a line break/ }

const toldOf = (point: LogicalPoint): Statvent.Told => {
  const total = measurementOf(point)
  assert(total._tag === "count" || total._tag === "gauge")
  return point.valueType === "int" ? { ...total, value: BigInt(point.value ?? 0) } : total
}

const runLine = (row: Row): void => {
  for (const integers of ["whole", "declared"] as const) {
    const point = row.input as LogicalPoint
    // Python's numbers are of a type; where a row says nothing of it, it is the literal's.
    const typed = { ...point, valueType: point.valueType ?? (Number.isInteger(point.value) ? "int" : "float") } as const
    const encoder = Statvent.make({ formatName, floats: "fixed", integers, totals: true })
    const taken = encoder.take([toldOf(typed)])
    assert.isFalse(taken.write(Infinity))
    const lines = Buffer.from(taken.text()).toString().split("\n").slice(3)
    assert.strictEqual(lines.join("\n"), row.error === undefined ? row.expected : "")
    if (row.error === undefined) assert.deepStrictEqual(taken.refused, [])
    else assert.match(taken.refused[0]!.reason, reasons[row.error] ?? /^no reason is known for this code$/)
  }
}

const runPipes = ({ pipes }: Pipes, expected: Readonly<Record<string, unknown>>): void => {
  for (const mode of ["by-kind", "plain"] as const) {
    const processes = new Processes({ keepMillis: 1000, maxSeries: 100 })
    const found = pipes.map((text, id) => ({ _tag: "Answered", id: String(id), ...read(text) }) as const)
    processes.observe(found, 0)
    const { stats, timestamp } = JSON.parse(body(processes, mode, 1_700_000_000_500)) as Record<string, unknown>
    assert.deepStrictEqual(stats, expected["stats"])
    assert.strictEqual(timestamp, 1_700_000_000.5)
  }
}

export const run = (row: Row): void => {
  const input = row.input as LogicalPoint | Pipes
  if (input.kind === "pipes") runPipes(input, row.expected as Readonly<Record<string, unknown>>)
  else runLine(row)
}
