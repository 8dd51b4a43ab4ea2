/** What there is to say of each command, as its definition has it: help and completions are made of it. */
import type { HelpDoc, Span } from "@effect/cli"
import { CliConfig, CommandDescriptor } from "@effect/cli"

export interface Entry {
  /** With their hyphens, the long one first; of an argument, one without. */
  readonly names: ReadonlyArray<string>
  /** What is to follow it. A flag has none. */
  readonly value: string | undefined
  readonly description: string
}

export interface Manual {
  readonly name: string
  readonly description: string
  readonly options: ReadonlyArray<Entry>
  readonly arguments: ReadonlyArray<Entry>
}

const textOf = (span: Span.Span): string => {
  if (span._tag === "Sequence") return textOf(span.left) + textOf(span.right)
  return typeof span.value === "string" ? span.value : textOf(span.value)
}

const flat = (doc: HelpDoc.HelpDoc): ReadonlyArray<HelpDoc.HelpDoc> =>
  doc._tag === "Sequence" ? [...flat(doc.left), ...flat(doc.right)] : [doc]

/** What @effect/cli says of every option of a kind, which tells an operator nothing. */
const boilerplate = /^(A user-defined piece of text|A true or false value|This (setting|option|argument) (is|may|must))/

const paragraphs = (doc: HelpDoc.HelpDoc): ReadonlyArray<string> =>
  flat(doc).flatMap((part) => (part._tag === "Paragraph" ? [textOf(part.value).trim()] : []))

/** Of `(-p, --port port)`, `--to url...`, `--once` and `<url>...`. */
const entryOf = ([span, doc]: readonly [Span.Span, HelpDoc.HelpDoc]): Entry => {
  const [names = "", value] = textOf(span)
    .replace(/\.\.\.$|[()<>]/g, "")
    .replaceAll(", ", ",")
    .split(" ")
  return {
    names: names.split(",").sort((one, other) => other.length - one.length),
    value: value?.replace(/\.\.\.$/, ""),
    description: paragraphs(doc)
      .filter((text) => !boilerplate.test(text))
      .join(" ")
  }
}

interface Described {
  readonly descriptor: CommandDescriptor.Command<unknown>
}

export const manualOf = ({ descriptor }: Described, name: string): Manual => {
  const sections = new Map<string, Array<HelpDoc.HelpDoc>>()
  let section: Array<HelpDoc.HelpDoc> = []
  for (const part of flat(CommandDescriptor.getHelp(descriptor, CliConfig.defaultConfig))) {
    if (part._tag !== "Header") section.push(part)
    else sections.set(textOf(part.value), (section = []))
  }
  const entries = (title: string): ReadonlyArray<Entry> =>
    (sections.get(title) ?? []).flatMap((part) =>
      part._tag === "DescriptionList" ? part.definitions.map(entryOf) : []
    )
  return {
    name,
    description: (sections.get("DESCRIPTION") ?? []).flatMap(paragraphs).join(" "),
    options: entries("OPTIONS").filter(({ names }) => !names.some((option) => builtIn.has(option))),
    arguments: entries("ARGUMENTS")
  }
}

/** What every command has. @effect/cli reads them, and has them among the options of each. */
export const common: ReadonlyArray<Entry> = [
  { names: ["--help", "-h"], value: undefined, description: "Says how the command is used." },
  { names: ["--version"], value: undefined, description: "Says the version." },
  {
    names: ["--log-level"],
    value: "level",
    description: "What is logged: all, trace, debug, info, warning, error, fatal or none. Without it: info"
  },
  {
    names: ["--completions"],
    value: "shell",
    description: "Prints a script that completes the command, for bash, zsh or fish."
  }
]

const builtIn: ReadonlySet<string> = new Set(["--wizard", ...common.flatMap(({ names }) => names)])
