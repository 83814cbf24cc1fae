/** A max-heap of pairs by count; between equal counts the pair of the smaller ids comes first, so that results never vary. */

export interface CountedPair {
  readonly left: number;
  readonly right: number;
  readonly count: number;
}

export interface PairHeap {
  push(pair: CountedPair): void;
  pop(): CountedPair | undefined;
}

const before = (a: CountedPair, b: CountedPair): boolean =>
  a.count !== b.count ? a.count > b.count : a.left !== b.left ? a.left < b.left : a.right < b.right;

export function createPairHeap(): PairHeap {
  const items: CountedPair[] = [];
  const at = (i: number): CountedPair => items[i] as CountedPair;
  const swap = (i: number, j: number): void => {
    [items[i], items[j]] = [at(j), at(i)];
  };
  return {
    push(pair) {
      items.push(pair);
      for (let i = items.length - 1; i > 0;) {
        const parent = (i - 1) >> 1;
        if (!before(at(i), at(parent))) break;
        swap(i, parent);
        i = parent;
      }
    },
    pop() {
      const top = items[0];
      const last = items.pop();
      if (last === undefined || items.length === 0) return top;
      items[0] = last;
      for (let i = 0; ;) {
        const [left, right] = [2 * i + 1, 2 * i + 2];
        let best = i;
        if (left < items.length && before(at(left), at(best))) best = left;
        if (right < items.length && before(at(right), at(best))) best = right;
        if (best === i) return top;
        swap(i, best);
        i = best;
      }
    },
  };
}
