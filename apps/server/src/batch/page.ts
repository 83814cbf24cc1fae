/** Lists in the OpenAI API's form. */

export interface PageQuery {
  readonly limit: number;
  readonly order: "asc" | "desc";
  /** The last id of the page before. */
  readonly after?: string | undefined;
}

/** Empty when nothing has the id `after`, which may have been deleted: never an endless list of the same. */
export function pageOf(newestFirst: readonly { readonly id: string }[], { limit, order, after }: PageQuery): object {
  const all = order === "desc" ? newestFirst : [...newestFirst].reverse();
  const begin = after === undefined ? 0 : all.findIndex(({ id }) => id === after) + 1;
  const missing = after !== undefined && begin === 0;
  return listOf(missing ? [] : all.slice(begin, begin + limit), !missing && all.length > begin + limit);
}

export const listOf = (data: readonly { readonly id: string }[], hasMore: boolean): object => ({
  ...{ object: "list", data, has_more: hasMore },
  ...{ first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null },
});
