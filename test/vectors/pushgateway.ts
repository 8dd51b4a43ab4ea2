import { assert } from "@effect/vitest"
import * as Pushgateway from "../../src/encoding/pushgateway.js"
import type { Row } from "./rows.js"

interface Group {
  readonly job: string
  readonly grouping: Readonly<Record<string, string>>
}

export const run = (row: Row): void => {
  const { grouping, job } = row.input as Group
  const all = [["job", job] as const, ...Object.entries(grouping)]
  const fault = all.map(([key, value]) => Pushgateway.groupFault(key, value)).find((one) => one !== undefined)
  if (row.error === undefined) {
    assert.isUndefined(fault)
    assert.strictEqual(Pushgateway.pathOf(job, Object.entries(grouping)), row.expected)
  } else assert.strictEqual(fault, "the job's name is empty")
}
