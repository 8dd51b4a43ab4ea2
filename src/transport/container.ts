/**
 * Which container this process runs in, as Datadog's agent wants to be told it: by its id, or by the inode of its control
 * group, which the agent can look up. Linux says so in files of its own.
 */
import { Effect } from "effect"
import type * as Fs from "node:fs/promises"
import { load } from "./node.js"

/** Of Docker and Kubernetes, of ECS, and of Garden. */
const id = "([0-9a-f]{64}|[0-9a-f]{32}-\\d+|[0-9a-f]{8}(?:-[0-9a-f]{4}){4})"
/** What comes before in the path of a control group are pods and tasks. */
const groupOfContainer = new RegExp(`[/-]${id}(?:\\.scope)?$`, "m")
/** A container's file with its host's name; that of a pod's sandbox is another. */
const mountOfContainer = new RegExp(`/(?!sandboxes/)[^/\\s]+/${id}/\\S*hostname\\b`)
/** Of version 2, or the memory's of version 1. */
const group = /^\d+:(|(?:[^:\n]*,)?memory(?:,[^:\n]*)?):(\/.*)$/m

/** Who sees this one sees all groups, and could not tell its own by the inode. */
const hostNamespace = 0xef_ff_ff_fb
/** The root of all groups, and what is before it. */
const lastReserved = 2

/** `ci-<id>` or `in-<inode>`; `undefined` outside of containers, and where nobody says. `root` is for files that stand in. */
export const containerId = (root = ""): Effect.Effect<string | undefined> =>
  Effect.tryPromise(async () => {
    const { readFile, stat } = await load<typeof Fs>("node:fs/promises")
    const read = (path: string): Promise<string> => readFile(`${root}/proc/self/${path}`, "utf8").catch(() => "")
    const inode = (path: string): Promise<number> =>
      stat(`${root}${path}`).then(
        ({ ino }) => ino,
        () => 0
      )

    const groups = await read("cgroup")
    const container = groupOfContainer.exec(groups)?.[1] ?? mountOfContainer.exec(await read("mountinfo"))?.[1]
    if (container !== undefined) return `ci-${container}`
    if ((await inode("/proc/self/ns/cgroup")) === hostNamespace) return undefined
    const [, controller, path] = group.exec(groups) ?? []
    if (path === undefined) return undefined
    const own = await inode(`/sys/fs/cgroup${controller === "" ? "" : "/memory"}${path}`)
    return own > lastReserved ? `in-${own}` : undefined
  }).pipe(Effect.orElseSucceed(() => undefined))
