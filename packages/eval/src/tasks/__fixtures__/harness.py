"""Makes harness.json: what lm-evaluation-harness (commit 4e7e0d47f) asks and how it scores, for rows made up here.

    pip install lm_eval && python harness.py > harness.json

Its own task definitions, samplers (seed 1234) and metrics run on these rows instead of on downloaded ones.
"""

import json
import random
import sys
from pathlib import Path

import lm_eval.tasks
from lm_eval.api.instance import Instance
from lm_eval.api.task import ConfigurableTask
from lm_eval.tasks._yaml_loader import load_yaml

ROOT = Path(lm_eval.tasks.__file__).parent
WORDS = "cat dog é sun moon 🐎 river stone bread über night 東京".split()
LETTERS = "ABCD"
SHOTS, DOCUMENTS, COUNT = 30, 6, 3


class Rows(list):
    """As much of a data set as the harness needs."""

    def map(self, of):
        return Rows({**row, **of(row)} for row in self)

    @property
    def features(self):
        return dict.fromkeys(self[0])


rnd = random.Random(7)


def words(n):
    return " ".join(rnd.choice(WORDS) for _ in range(n))


def labelled(options):
    return {"text": options, "label": list(LETTERS[: len(options)])}


def choices(n=4):
    return [words(rnd.randint(1, 4)) for _ in range(n)]


def squad(title):
    text = [] if rnd.random() < 0.4 else [words(2), words(1)]
    return {"id": title, "title": title, "context": words(9), "question": words(4), "answers": {"text": text}}


def race():
    questions = [words(4) + rnd.choice(["?", "  _  .", " _ it"]) for _ in range(3)]
    return {
        "article": words(12),
        "questions": questions,
        "options": [choices() for _ in questions],
        "answers": [rnd.choice(LETTERS) for _ in questions],
    }


def truthful():
    mc1, mc2 = choices(), choices(5)
    return {
        "question": words(5),
        "mc1_targets": {"choices": mc1, "labels": [1, 0, 0, 0]},
        "mc2_targets": {"choices": mc2, "labels": [1, 0, 1, 0, 0]},
    }


MAKE = {
    "arc_easy": ("arc/arc_easy.yaml", lambda i: {"question": words(5), "choices": labelled(choices()), "answerKey": rnd.choice(LETTERS)}),
    "arc_challenge": ("arc/arc_challenge.yaml", lambda i: {"question": words(5), "choices": labelled(choices()), "answerKey": rnd.choice(LETTERS)}),
    "boolq": ("super_glue/boolq/default.yaml", lambda i: {"passage": words(9), "question": words(4), "label": i % 2}),
    "copa": ("super_glue/copa/default.yaml", lambda i: {"premise": f"It was {words(3)}.", "choice1": f"They {words(2)}.", "choice2": f"É {words(2)}.", "question": ["cause", "effect"][i % 2], "label": rnd.randint(0, 1)}),
    "hellaswag": ("hellaswag/hellaswag.yaml", lambda i: {"activity_label": words(1), "ctx_a": f"{words(3)} [step] {words(2)}", "ctx_b": f"the CAT {words(2)}", "endings": [f"{words(2)} [title] {words(1)}" for _ in range(4)], "label": str(rnd.randint(0, 3))}),
    "openbookqa": ("openbookqa/openbookqa.yaml", lambda i: {"question_stem": words(5), "choices": labelled(choices()), "answerKey": f" {rnd.choice(LETTERS)}"}),
    "piqa": ("piqa/piqa.yaml", lambda i: {"goal": words(5), "sol1": words(3), "sol2": words(2) + " ", "label": rnd.randint(0, 1)}),
    "winogrande": ("winogrande/default.yaml", lambda i: {"sentence": f"{words(3)} _ {words(2)} _.", "option1": words(1), "option2": words(2), "answer": str(rnd.randint(1, 2))}),
    "lambada": ("lambada/lambada_openai.yaml", lambda i: {"text": f"{words(4)}\n\n{words(5)}"}),
    "race": ("race/race.yaml", lambda i: race()),
    "triviaqa": ("triviaqa/default.yaml", lambda i: {"question": words(4) + "?", "answer": {"aliases": [words(1).capitalize(), f"The {words(2)}!"]}}),
    "squad2": ("squadv2", lambda i: squad(f"T{i}")),
    "mmlu": ("mmlu/default/mmlu_abstract_algebra.yaml", lambda i: {"question": f" {words(5)} ", **dict(zip(LETTERS, choices())), "answer": rnd.choice(LETTERS)}),
    "truthfulqa_mc1": ("truthfulqa/truthfulqa_mc1.yaml", lambda i: truthful()),
    "truthfulqa_mc2": ("truthfulqa/truthfulqa_mc2.yaml", lambda i: truthful()),
    "crows_pairs": ("crows_pairs/crows_pairs_english.yaml", lambda i: {"sent_more": words(5), "sent_less": words(5), "bias_type": "age"}),
}


def published(name, row):
    """A row as the harness's copy of the set has it, where that is another form than the published files'."""
    if name == "mmlu":
        return {"question": row["question"], "choices": [row[c] for c in LETTERS], "answer": LETTERS.index(row["answer"])}
    if name == "race":
        keys = zip(row["questions"], row["options"], row["answers"])
        return {"article": row["article"], "problems": str([dict(question=q, options=o, answer=a) for q, o, a in keys])}
    return row


def make_task(name, path, documents, shots, count):
    splits = {"train": shots, "dev": shots, "validation": documents, "test": documents}
    if name == "squad2":
        from lm_eval.tasks.squadv2.task import SQuAD2

        SQuAD2.download = lambda self, *a, **k: setattr(self, "dataset", splits)
        task = SQuAD2()
        task.config.num_fewshot = count
    else:
        config = {key: value for key, value in load_yaml(ROOT / path).items() if key not in ("tag", "group", "task_alias")}
        task = ConfigurableTask(config={**config, "num_fewshot": count, "custom_dataset": lambda **_: splits})
    task.set_fewshot_seed(1234)
    return task


def scores_of(task, document, requests, written):
    results = [(round(-rnd.uniform(1, 30), 3), rnd.random() < 0.5) for _ in requests]
    if any(request.request_type == "generate_until" for request in requests):
        return results, task.process_results(document, [written.strip()])
    return results, task.process_results(document, results)


def run(name, path, make):
    rows, shots = [make(i) for i in range(DOCUMENTS)], [make(i) for i in range(SHOTS)]
    # SQuAD 2.0's examples fail in this version of the harness.
    count = 0 if name.startswith(("truthfulqa", "crows", "squad")) else COUNT
    own = name in ("lambada", "race")  # They have no other split.
    documents = Rows(published(name, row) for row in (shots if own else rows))
    task = make_task(name, path, documents, Rows(published(name, row) for row in shots), count)
    asked = []
    for document in list(task.eval_docs)[:DOCUMENTS]:
        context = task.fewshot_context(document, count)
        made = task.construct_requests(document, context, metadata=(name, 0, 1))
        requests = made if isinstance(made, list) else [made]
        written = rnd.choice([" the " + words(2), " " + document["answer"]["aliases"][0].upper() + "."]) if name == "triviaqa" else ""
        results, metrics = ([], {}) if name == "squad2" else scores_of(task, document, requests, written)
        scored = [r for r in requests if r.request_type == "loglikelihood"]
        asked.append({
            "requests": [list(r.args) for r in scored],
            "prompts": [r.args[0] for r in requests if r.request_type == "generate_until"],
            "scores": results if scored else [],
            "written": written,
            "metrics": {key: float(value) for key, value in metrics.items()},
        })
    return {"task": name, "fewShot": count, "rows": shots if own else rows, "shots": None if own else shots, "asked": asked}


lines = [json.dumps(run(name, *rest), ensure_ascii=False) for name, rest in MAKE.items()]
sys.stdout.write("[\n" + ",\n".join(lines) + "\n]\n")
