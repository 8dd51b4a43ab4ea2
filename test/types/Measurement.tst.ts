import { describe, expect, it } from "tstyche"
import type * as Measurement from "../../src/Measurement.js"
import { int, uint } from "../../src/Measurement.js"

describe("Measurement", () => {
  it("makes integer fields of numbers and bigints, and of nothing else", () => {
    expect(int).type.toBeCallableWith(1)
    expect(int).type.toBeCallableWith(1n)
    expect(int).type.not.toBeCallableWith("1")
    expect(uint(1n)).type.toBe<Measurement.FieldValue>()
  })

  it("is told apart by its tag", () => {
    expect<Measurement.Point>().type.toBeAssignableTo<Measurement.Measurement>()
    expect<Measurement.FieldValue>().type.not.toBeAssignableFrom<null>()
  })
})
