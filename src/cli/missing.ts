/** Why the command cannot be loaded. */

const isError = (error: unknown): error is Error & { readonly code?: unknown } => error instanceof Error

/** With versions: without them, npm installs those for Effect 4. */
const packages = ["@effect/cli@^0.77", "@effect/platform-node@^0.108"]

const commandLine = (name: string): string =>
  [...packages, ...(packages.some((known) => known.startsWith(`${name}@`)) ? [] : [name])].join(" ")

/** One line for an operator. */
export const explain = (error: unknown): string => {
  if (!isError(error)) return "cannot be loaded"
  const name = /Cannot find package '([^']+)'/.exec(error.message)?.[1]
  return error.code === "ERR_MODULE_NOT_FOUND" && name !== undefined
    ? `the command needs the package "${name}": npm install ${commandLine(name)}`
    : `cannot be loaded: ${error.message.split("\n", 1)[0]}`
}
