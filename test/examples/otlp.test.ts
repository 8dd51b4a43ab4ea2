import { assert, describe, it } from "vitest"
import { attributesOf, dataOf, metricsOf, ofJson } from "../encoding/otlp.js"
import { lines, run } from "./run.js"

describe("the example of Otlp", () => {
  it("prints what a receiver would get", async () => {
    const { code, stderr, stdout } = await run("otlp.ts")
    assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
    assert.lengthOf(
      lines(stdout).filter((line) => line === "POST /v1/metrics"),
      1
    )
    const request = ofJson(lines(stdout).find((line) => line.startsWith("{"))!)
    assert.strictEqual(attributesOf(request.resourceMetrics[0]!.resource.attributes)["service.name"], "shop")
    const said = metricsOf(request).map((metric) => [
      metric.name,
      metric.unit,
      ...dataOf(metric).dataPoints.map(({ asDouble, asInt, attributes, count }) => [
        asDouble ?? asInt ?? count,
        attributesOf(attributes)["country"]
      ])
    ])
    assert.sameDeepMembers(said, [
      ["shop.carts.open", undefined, ["3", undefined]],
      ["shop.orders", "{order}", [2, "de"], [1, "pt"]],
      ["shop.order.duration", "s", ["3", undefined]]
    ])
    assert.match(stdout, /otlp: 7 of 7 recordings delivered/)
  })
})
