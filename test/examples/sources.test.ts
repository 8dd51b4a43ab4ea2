import { assert, describe, it } from "vitest"
import { last, lines, run } from "./run.js"

describe("the example of sources", () => {
  it("prints Effect's own metrics and the runtime's, up to the last job", async () => {
    const { code, stderr, stdout } = await run("sources.ts")
    assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
    assert.match(last(stdout, "app.jobs.done{queue=mail}") ?? "", / total=30$/)
    assert.match(last(stdout, "app.job.duration{queue=mail}") ?? "", / mean=\S+ms .* total=30$/)
    assert.match(last(stdout, "app.job.kinds{key=letter,queue=mail}") ?? "", / total=20$/)
    assert.match(last(stdout, "app.job.kinds{key=parcel,queue=mail}") ?? "", / total=10$/)
    assert.match(last(stdout, "app.effect_fiber_active") ?? "", / value=\d+$/)
    assert.match(last(stdout, "runtime.memory.rss") ?? "", / value=\S+MiB$/)
    assert.isDefined(last(stdout, "runtime.event_loop.delay"))
    assert.isTrue(lines(stdout).every((line) => /^(app|runtime)\./.test(line)))
  })
})
