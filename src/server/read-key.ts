/** Names of reads, for answers that are kept while their tracked read holds. */
import type { QuerySource } from "../model/query.ts";

interface Named {
  readonly Source?: QuerySource;
  readonly NodeMetaFilters?: ReadonlyMap<string, string> | null;
  readonly Filter?: string;
}

/** Length first: no text can be taken for two. */
const part = (text: string): string => `${text.length}:${text}`;

/**
 * The read of `method` with everything that its answer depends on: the query's arguments `args`, and what of the request shapes
 * the reply. undefined when the reply is sorted by distance: coordinates are not tracked.
 */
export function readKey(method: string, request: Named, ...args: readonly string[]): string | undefined {
  if (request.Source !== undefined && request.Source.Node !== "") return undefined;
  let key = method;
  for (const arg of args) key += ` ${part(arg)}`;
  if (request.Filter !== undefined && request.Filter !== "") key += ` filter ${part(request.Filter)}`;
  const meta = request.NodeMetaFilters;
  if (meta !== undefined && meta !== null)
    for (const [name, value] of meta) key += ` meta ${part(name)} ${part(value)}`;
  return key;
}
