/** Ends a file of tests at its first failure, runs only the tests it is to run, and says which process it runs in. */
import { VitestTestRunner } from "vitest/runners"

const nameOf = (task) => (task.suite === undefined ? task.name : `${nameOf(task.suite)} ${task.name}`)

// vitest asks for a default export in a runner.
export default class extends VitestTestRunner {
  failed = new Set()

  onCollectStart(file) {
    super.onCollectStart(file)
    file.meta.pid = process.pid
  }

  async onBeforeRunTask(test) {
    const only = this.injectValue("only")[test.file.filepath]
    const isWanted = only === undefined || nameOf(test).includes(only)
    if (!isWanted || this.failed.has(test.file.filepath)) test.mode = "skip"
    await super.onBeforeRunTask(test)
  }

  onAfterRunTask(test) {
    if (test.result?.state === "fail") this.failed.add(test.file.filepath)
    super.onAfterRunTask(test)
  }
}
