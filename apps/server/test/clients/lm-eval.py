"""Scores continuations, and asks for one text, through lm-evaluation-harness' local-completions.

python lm-eval.py BASE_URL TOKENIZER_FOLDER '[{"context", "continuation"}]'; the last line of its output is JSON.
"""

import json
import sys

from lm_eval.api.instance import Instance
from lm_eval.api.registry import get_model
import lm_eval.models  # noqa: F401  (registers the models)

base_url, tokenizer, items = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
model = get_model("local-completions")(
    model="stories",
    base_url=base_url,
    tokenizer_backend="huggingface",
    tokenizer=tokenizer,
    num_concurrent=1,
    max_length=511,
)
# The model begins every text with this token, and so does dynamo eval; token ids go to the server as they are.
begin = model.tokenizer.bos_token


def instance(kind, arguments, index):
    return Instance(kind, {}, arguments, index)


scores = model.loglikelihood(
    [instance("loglikelihood", (begin + item["context"], item["continuation"]), i) for i, item in enumerate(items)]
)
until = {"until": ["."], "max_gen_toks": 40, "temperature": 0}
texts = model.generate_until([instance("generate_until", (begin + "Once upon a time, there was a little", until), 0)])
print(json.dumps({"scores": scores, "texts": texts}))
