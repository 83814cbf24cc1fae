/** Sparse joint distributions over the grid of the heads' ranks. */

/**
 * The non-zero cells of a grid, in ascending order, with their values. A cell is the row-major index of the ranks in
 * `shape`. Reused from step to step: only the first `length` entries count.
 */
export interface SparseGrid {
  shape: readonly number[];
  cells: Int32Array;
  values: Float64Array;
  length: number;
}

export const emptyGrid = (): SparseGrid => ({
  shape: [],
  cells: new Int32Array(256),
  values: new Float64Array(256),
  length: 0,
});

/** Cells of the whole grid. */
export const cellCount = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

export function push(grid: SparseGrid, cell: number, value: number): void {
  if (grid.length === grid.cells.length) reserve(grid, 2 * grid.length);
  grid.cells[grid.length] = cell;
  grid.values[grid.length] = value;
  grid.length++;
}

/** Makes room for `size` cells, keeping those there are. */
export function reserve(grid: SparseGrid, size: number): void {
  if (grid.cells.length >= size) return;
  const { cells, values } = grid;
  grid.cells = new Int32Array(size);
  grid.values = new Float64Array(size);
  grid.cells.set(cells);
  grid.values.set(values);
}

export function sum({ values, length }: SparseGrid): number {
  let total = 0;
  for (let i = 0; i < length; i++) total += values[i] as number;
  return total;
}

export function peak({ values, length }: SparseGrid): number {
  let most = 0;
  for (let i = 0; i < length; i++) if ((values[i] as number) > most) most = values[i] as number;
  return most;
}

export function scale({ values, length }: SparseGrid, factor: number): void {
  for (let i = 0; i < length; i++) values[i] = (values[i] as number) * factor;
}

/** Zeroes the cells whose `keeps` is false: they leave the list. */
export function filter(grid: SparseGrid, keeps: (index: number) => boolean): void {
  let kept = 0;
  for (let i = 0; i < grid.length; i++) {
    if (!keeps(i)) continue;
    grid.cells[kept] = grid.cells[i] as number;
    grid.values[kept] = grid.values[i] as number;
    kept++;
  }
  grid.length = kept;
}

/** The rank of a cell along one axis. */
export function rankAlong(shape: readonly number[], cell: number, axis: number): number {
  let rest = cell;
  for (let i = shape.length - 1; i > axis; i--) rest = Math.floor(rest / (shape[i] as number));
  return rest % (shape[axis] as number);
}
