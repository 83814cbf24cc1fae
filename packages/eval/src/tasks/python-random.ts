/**
 * Python's `random.Random(seed).sample`: the Mersenne twister MT19937 (Matsumoto and Nishimura, 1998) and CPython's way from
 * its bits to a sample. With it few-shot examples are the very ones that lm-evaluation-harness draws.
 */
export interface PythonRandom {
  /** `count` different whole numbers from 0 to `population` - 1, in the order drawn. */
  sample(population: number, count: number): number[];
}

const stateSize = 624;

/** The seed: a whole number from 0 to 2^32 - 1, as Python takes it. */
export function createPythonRandom(seed: number): PythonRandom {
  const next = twister(seed >>> 0);
  /** Even, from 0 to n - 1: as many bits as n has, again until they are below it. */
  const below = (n: number): number => {
    const unused = Math.clz32(n);
    for (;;) {
      const value = next() >>> unused;
      if (value < n) return value;
    }
  };
  return {
    sample(population, count) {
      return population <= mostPooled(count) ? pooled(population, count, below) : selected(population, count, below);
    },
  };
}

/** CPython keeps a pool where that is smaller than a set of what was drawn. */
const mostPooled = (count: number): number => 21 + (count > 5 ? 4 ** Math.ceil(Math.log(count * 3) / Math.log(4)) : 0);

function pooled(population: number, count: number, below: (n: number) => number): number[] {
  const pool = Array.from({ length: population }, (_, i) => i);
  return Array.from({ length: count }, (_, i) => {
    const place = below(population - i);
    const drawn = pool[place] ?? 0;
    pool[place] = pool[population - i - 1] ?? 0;
    return drawn;
  });
}

function selected(population: number, count: number, below: (n: number) => number): number[] {
  const drawn = new Set<number>();
  while (drawn.size < count) drawn.add(below(population));
  return [...drawn];
}

/** 32 bits a call. */
function twister(seed: number): () => number {
  const state = seededByArray(seed);
  let index = stateSize;
  return () => {
    if (index === stateSize) {
      twist(state);
      index = 0;
    }
    let y = state[index++] ?? 0;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  };
}

function twist(state: Uint32Array): void {
  for (let i = 0; i < stateSize; i++) {
    const y = (at(state, i) & 0x80000000) | (at(state, (i + 1) % stateSize) & 0x7fffffff);
    state[i] = at(state, (i + 397) % stateSize) ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
  }
}

/** init_by_array of a key of one word, which is how Python seeds. */
function seededByArray(seed: number): Uint32Array {
  const state = new Uint32Array(stateSize);
  state[0] = 19650218;
  const mixed = (i: number): number => at(state, i - 1) ^ (at(state, i - 1) >>> 30);
  for (let i = 1; i < stateSize; i++) state[i] = Math.imul(1812433253, mixed(i)) + i;
  let i = 1;
  const mix = (steps: number, wordOf: (i: number) => number): void => {
    for (let step = 0; step < steps; step++) {
      state[i] = wordOf(i);
      if (++i < stateSize) continue;
      state[0] = at(state, stateSize - 1);
      i = 1;
    }
  };
  mix(stateSize, (each) => (at(state, each) ^ Math.imul(mixed(each), 1664525)) + seed);
  mix(stateSize - 1, (each) => (at(state, each) ^ Math.imul(mixed(each), 1566083941)) - each);
  state[0] = 0x80000000;
  return state;
}

const at = (state: Uint32Array, i: number): number => state[i] ?? 0;
