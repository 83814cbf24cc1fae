"""Made texts of a base at four temperatures and of one setting, and their frontier gap by numpy: python3 frontier-gap.py > frontier-gap.json

The gap is computed from the definition (docs/open-ended.md), with numpy.interp and each prompt left out in turn; the bootstrap over the
prompts beside it is another estimate of the same error.
"""
import json
import numpy as np

random = np.random.default_rng(7)
prompts, seeds, length = 24, 2, 30


def texts(vocabulary, nats):
    """One text per prompt and seed: words drawn of so many, likelier ones more often."""
    weights = 1 / np.arange(1, vocabulary + 1)
    hard = np.random.default_rng(1).normal(0, 0.2, prompts)
    return [
        {
            "prompt": p,
            "seed": s,
            "words": [f"w{i}" for i in random.choice(vocabulary, length, p=weights / weights.sum())],
            "nats": round(float(nats + hard[p] + random.normal(0, 0.15)), 6),
        }
        for p in range(prompts)
        for s in range(seeds)
    ]


def distinct2(own):
    pairs = [pair for text in own for pair in zip(text["words"], text["words"][1:])]
    return len(set(pairs)) / len(pairs)


def gap(setting, base, chosen):
    of = lambda own: [text for p in chosen for text in own if text["prompt"] == p]
    mean = lambda own: np.mean([text["nats"] for text in of(own)])
    points = sorted((distinct2(of(own)), mean(own)) for own in base)
    return float(mean(setting) - np.interp(distinct2(of(setting)), *zip(*points)))


base = [texts(vocabulary, nats) for vocabulary, nats in [(30, 1.0), (60, 1.4), (120, 1.8), (240, 2.4)]]
setting = texts(90, 1.8)
everyone = list(range(prompts))
without = np.array([gap(setting, base, [p for p in everyone if p != left]) for left in everyone])
again = [gap(setting, base, random.choice(prompts, prompts)) for _ in range(300)]
print(
    json.dumps(
        {
            "base": base,
            "setting": setting,
            "distinct2": distinct2(setting),
            "gap": gap(setting, base, everyone),
            "jackknifeError": float(np.sqrt((prompts - 1) / prompts * ((without - without.mean()) ** 2).sum())),
            "bootstrapError": float(np.std(again, ddof=1)),
        },
        separators=(",", ":"),
    )
)
