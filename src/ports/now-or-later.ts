/** Values that are mostly there at once: the hottest paths do without a promise where nothing has to be waited for. */

export type NowOrLater<T> = T | Promise<T>;

/** `use(value)`, at once or when the value comes. */
export function whenReady<T, U>(value: NowOrLater<T>, use: (value: T) => U): NowOrLater<U> {
  return value instanceof Promise ? value.then(use) : use(value);
}
