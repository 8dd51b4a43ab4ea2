/** Numbers of several processes: whole ones are exact, however large, as long as none of them has a fraction. */
import type { Value } from "./model.js"

/** A bigint only where a number would not be exact. */
export const normal = (value: bigint): Value => {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

export const isWhole = (value: Value): boolean => typeof value === "bigint" || Number.isSafeInteger(value)

export const add = (a: Value, b: Value): Value => {
  if (typeof a === "number" && typeof b === "number") {
    const sum = a + b
    return Number.isSafeInteger(sum) || !isWhole(a) || !isWhole(b) ? sum : normal(BigInt(a) + BigInt(b))
  }
  return isWhole(a) && isWhole(b) ? normal(BigInt(a) + BigInt(b)) : Number(a) + Number(b)
}
