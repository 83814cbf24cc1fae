"""Golden values of transformers' logits processors, in the order in which its generate() puts them.

python3 processors.py > processors.json

Made with transformers 5.18.0 and torch 2.13.0. The repetition penalty is left at 1: here it divides the joint distribution,
as in the paper, and not the logits.
"""
import json
import random

import torch
import transformers
from transformers import GenerationConfig, GPTNeoXConfig, GPTNeoXForCausalLM

VOCABULARY = 24
model = GPTNeoXForCausalLM(
    GPTNeoXConfig(
        vocab_size=VOCABULARY, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8
    )
)


def a_case(pick: random.Random) -> dict:
    ids = lambda most: pick.sample(range(VOCABULARY), pick.randint(1, most))
    prompt = [pick.randrange(6) for _ in range(pick.randint(1, 8))]
    text = [pick.randrange(6) for _ in range(pick.randint(0, 8))]
    maybe = lambda options, key, value: options.update({key: value}) if pick.random() < 0.4 else None
    options: dict = {"do_sample": True, "temperature": pick.choice([0.5, 1.0, 1.7]), "top_k": pick.choice([5, 12, 24])}
    maybe(options, "top_p", pick.choice([0.2, 0.6, 0.9]))
    maybe(options, "min_p", pick.choice([0.02, 0.1, 0.4]))
    maybe(options, "typical_p", pick.choice([0.2, 0.5, 0.9]))
    maybe(options, "min_new_tokens", pick.choice([1, 4, 9]))
    maybe(options, "suppress_tokens", ids(4))
    maybe(options, "begin_suppress_tokens", ids(4))
    maybe(options, "no_repeat_ngram_size", pick.choice([1, 2, 3]))
    whole = prompt + text
    # Some that the text is about to complete.
    about = [[*whole[-pick.randint(1, len(whole)) :], pick.randrange(VOCABULARY)] for _ in range(2)]
    maybe(options, "bad_words_ids", [*about, ids(1), [0], [pick.randrange(6), pick.randrange(VOCABULARY)]])
    return {"prompt": prompt, "text": text, "options": options, "ends": [0, 3]}


def expected(case: dict, logits: list[float]) -> list:
    config = GenerationConfig(**case["options"], eos_token_id=case["ends"], pad_token_id=0)
    model._prepare_special_tokens(config, kwargs_has_attention_mask=True)
    processors = model._get_logits_processor(config, input_ids_seq_length=len(case["prompt"]))
    input_ids = torch.tensor([case["prompt"] + case["text"]])
    scores = processors(input_ids, torch.tensor([logits], dtype=torch.float64))
    probabilities = torch.softmax(scores, -1)[0].tolist()
    kept = [(id, p) for id, p in enumerate(probabilities) if p > 0]
    return [[id, round(p, 9)] for id, p in sorted(kept, key=lambda pair: -pair[1])]


def main() -> None:
    pick = random.Random(13)
    cases = []
    for _ in range(120):
        case = a_case(pick)
        # No two alike: which of them comes first is not told.
        logits = [value / 100 for value in pick.sample(range(-300, 400), VOCABULARY)]
        cases.append({**case, "logits": logits, "expected": expected(case, logits)})
    print(f'{{"transformers": "{transformers.__version__}", "cases": [')
    print(",\n".join(json.dumps(case) for case in cases))
    print("]}")


main()
