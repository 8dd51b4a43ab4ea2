import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { containerId } from "../../src/transport/container.js"

/** What is found in files as Linux would have them, and the inode of one of the folders. */
const foundIn = (files: Readonly<Record<string, string>>, folder = ".") =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      const root = mkdtempSync(join(tmpdir(), "container-"))
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(dirname(join(root, path)), { recursive: true })
        writeFileSync(join(root, path), text)
      }
      return root
    }),
    (root) => Effect.map(containerId(root), (id) => ({ id, inode: statSync(join(root, folder)).ino })),
    (root) => Effect.sync(() => rmSync(root, { recursive: true }))
  )

const hex = "0123456789abcdef".repeat(4)
const pod = "pod75a2b6d5-3949-4afb-ad0d-92ff0674e759"

describe("the container of a process", () => {
  it.effect("is that at the end of the path of a control group", () =>
    Effect.gen(function* () {
      for (const [line, expected] of [
        [`12:memory:/docker/${hex}`, hex],
        [`0::/kubepods.slice/kubepods-${pod}.slice/cri-containerd-${hex}.scope`, hex],
        [`1:name=systemd:/kubepods/burstable/${pod}/${hex}`, hex],
        [`3:cpu:/ecs/task/${hex.slice(0, 32)}-1234567890`, `${hex.slice(0, 32)}-1234567890`],
        ["4:cpu:/garden/12345678-1234-1234-1234-1234", "12345678-1234-1234-1234-1234"],
        [`0::/user.slice/${hex}/shell`, undefined],
        [`0::/kubepods/${pod}`, undefined]
      ] as const) {
        const { id } = yield* foundIn({ "proc/self/cgroup": `9:pids:/\n${line}\n8:cpuset:/\n` })
        assert.strictEqual(id, expected === undefined ? undefined : `ci-${expected}`, line)
      }
    })
  )

  it.effect("is that whose files are mounted, but for the sandbox of a pod", () =>
    Effect.gen(function* () {
      const mount = (folder: string, id: string) =>
        `500 400 8:1 /var/lib/${folder}/${id}/hostname /etc/hostname rw - ext4 /dev/sda1 rw\n`
      const other = hex.replaceAll("0", "f")
      const mountinfo = mount("containerd/sandboxes", other) + mount("docker/containers", hex)
      const cgroup = { "proc/self/cgroup": "0::/\n" }
      assert.strictEqual((yield* foundIn({ ...cgroup, "proc/self/mountinfo": mountinfo })).id, `ci-${hex}`)
      const sandbox = { ...cgroup, "proc/self/mountinfo": mount("containerd/sandboxes", other) }
      assert.strictEqual((yield* foundIn(sandbox)).id, undefined)
    })
  )

  it.effect("is said by the inode of its control group, where nothing else says it", () =>
    Effect.gen(function* () {
      for (const [line, folder] of [
        ["0::/a/b", "sys/fs/cgroup/a/b"],
        ["4:cpu,memory:/a", "sys/fs/cgroup/memory/a"]
      ] as const) {
        const files = { "proc/self/cgroup": `9:pids:/c\n${line}\n`, [`${folder}/tasks`]: "" }
        const { id, inode } = yield* foundIn(files, folder)
        assert.strictEqual(id, `in-${inode}`)
      }
    })
  )

  it.effect("is not known where there are no such files", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* foundIn({})).id, undefined)
      assert.strictEqual((yield* foundIn({ "proc/self/cgroup": "no groups\n" })).id, undefined)
    })
  )
})
