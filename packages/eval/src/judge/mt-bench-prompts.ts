/**
 * MT-bench's prompts for answers without a reference, word for word: pair-v2 and single-v1 of FastChat
 * (fastchat/llm_judge/data/judge_prompts.jsonl, Copyright the FastChat authors, Apache-2.0; Zheng et al. 2023, "Judging
 * LLM-as-a-judge with MT-bench and Chatbot Arena"). The package's NOTICE says so too.
 */
export const pairV2 = {
  name: "pair-v2",
  type: "pairwise",
  system_prompt: [
    "Please act as an impartial judge and evaluate the quality of the responses provided by two AI ",
    "assistants to the user question displayed below. You should choose the assistant that follows the ",
    "user's instructions and answers the user's question better. Your evaluation should consider factors ",
    "such as the helpfulness, relevance, accuracy, depth, creativity, and level of detail of their ",
    "responses. Begin your evaluation by comparing the two responses and provide a short explanation. ",
    "Avoid any position biases and ensure that the order in which the responses were presented does not ",
    "influence your decision. Do not allow the length of the responses to influence your evaluation. Do ",
    "not favor certain names of the assistants. Be as objective as possible. After providing your ",
    'explanation, output your final verdict by strictly following this format: "[[A]]" if assistant A is ',
    'better, "[[B]]" if assistant B is better, and "[[C]]" for a tie.',
  ].join(""),
  prompt_template: [
    "[User Question]\n",
    "{question}\n",
    "\n",
    "[The Start of Assistant A's Answer]\n",
    "{answer_a}\n",
    "[The End of Assistant A's Answer]\n",
    "\n",
    "[The Start of Assistant B's Answer]\n",
    "{answer_b}\n",
    "[The End of Assistant B's Answer]",
  ].join(""),
} as const;

export const singleV1 = {
  name: "single-v1",
  type: "single",
  system_prompt: ["You are a helpful assistant."].join(""),
  prompt_template: [
    "[Instruction]\n",
    "Please act as an impartial judge and evaluate the quality of the response provided by an AI ",
    "assistant to the user question displayed below. Your evaluation should consider factors such as the ",
    "helpfulness, relevance, accuracy, depth, creativity, and level of detail of the response. Begin ",
    "your evaluation by providing a short explanation. Be as objective as possible. After providing your ",
    "explanation, you must rate the response on a scale of 1 to 10 by strictly following this format: ",
    '"[[rating]]", for example: "Rating: [[5]]".\n',
    "\n",
    "[Question]\n",
    "{question}\n",
    "\n",
    "[The Start of Assistant's Answer]\n",
    "{answer}\n",
    "[The End of Assistant's Answer]",
  ].join(""),
} as const;
