/**
 * Node's own modules, loaded when they are first needed: so that what imports a transport can be bundled for a browser, and
 * only fails there if it is used.
 */

/** The caller says what the module is. The name is a variable, so that bundlers do not look for it. */
export const load = <A>(specifier: string): Promise<A> =>
  import(/* @vite-ignore */ /* webpackIgnore: true */ specifier) as Promise<A>
