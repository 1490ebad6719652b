/**
 * A sorted map from text to values with copies that cost nothing to take: a B+ tree whose nodes are shared with its
 * clones until one side writes. Keys are in the order of Go strings (UTF-8 bytes).
 */
import sortedBtree from "sorted-btree";
import { byteOrder } from "../wire/schema.ts";

const BTree = sortedBtree.default;
type Tree<V> = sortedBtree.default<string, V>;

/** Code units from the surrogates on: only among these does UTF-16 order differ from UTF-8 order. */
const BEYOND_SURROGATES = /[\ud800-\uffff]/;

/** Entries in a tree node; measured best for 1,000,000 text keys among 16, 32, 64 and 128. */
const NODE_ENTRIES_MAX = 32;

/** Shared by a tree and its clones. `plain` holds while no key has a unit beyond the surrogates, and then `<` is enough. */
interface Order {
  plain: boolean;
  readonly compare: (a: string, b: string) => number;
}

function newOrder(): Order {
  const order: Order = {
    plain: true,
    compare: (a, b) => {
      if (a === b) return 0;
      return order.plain ? (a < b ? -1 : 1) : byteOrder(a, b);
    },
  };
  return order;
}

export class OrderedTree<V> {
  readonly #order: Order;
  readonly #tree: Tree<V>;

  constructor(
    order: Order = newOrder(),
    tree: Tree<V> = new BTree<string, V>(undefined, order.compare, NODE_ENTRIES_MAX),
  ) {
    this.#order = order;
    this.#tree = tree;
  }

  get size(): number {
    return this.#tree.size;
  }

  get(key: string): V | undefined {
    return this.#tree.get(key);
  }

  set(key: string, value: V): void {
    // All keys so far are plain, and both orders agree on those: the switch keeps the tree sorted.
    if (this.#order.plain && BEYOND_SURROGATES.test(key)) this.#order.plain = false;
    this.#tree.set(key, value);
  }

  delete(key: string): boolean {
    return this.#tree.delete(key);
  }

  /** An independent copy; O(1), both sides copy nodes when they write. */
  clone(): OrderedTree<V> {
    return new OrderedTree(this.#order, this.#tree.clone());
  }

  /** Visits entries whose key starts with `prefix`, in order, until `visit` returns false. The tree must not change meanwhile. */
  scan(prefix: string, visit: (value: V, key: string) => unknown): void {
    const pair: [string, V] = ["", undefined as V];
    for (const [key, value] of this.#tree.entries(prefix, pair)) {
      if (!key.startsWith(prefix)) return;
      if (visit(value, key) === false) return;
    }
  }

  /** Visits entries from `from` on, in order, until `visit` returns false. The tree must not change meanwhile. */
  scanFrom(from: string, visit: (value: V, key: string) => unknown): void {
    const pair: [string, V] = ["", undefined as V];
    for (const [key, value] of this.#tree.entries(from, pair)) if (visit(value, key) === false) return;
  }

  /** The values under a prefix, in order. */
  list(prefix: string): V[] {
    const out: V[] = [];
    this.scan(prefix, (value) => {
      out.push(value);
    });
    return out;
  }

  /** Throws when the keys are out of order: for tests. */
  checkOrder(): void {
    let before: string | undefined;
    for (const key of this.#tree.keys()) {
      if (before !== undefined && byteOrder(before, key) >= 0)
        throw new Error(`tree out of order: ${JSON.stringify(before)} before ${JSON.stringify(key)}`);
      before = key;
    }
  }

  /** All values, in order. The tree must not change meanwhile. */
  values(): IterableIterator<V> {
    return this.#tree.values();
  }
}
