/** Go's nil and empty lists differ on the wire: answers without elements are nil (observed in Consul 1.8.7). */
export const orNil = <T>(items: readonly T[]): readonly T[] | null => (items.length === 0 ? null : items);
