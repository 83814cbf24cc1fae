"""The peer of `pnpm bench train-step` and `train-memory`: the same model and the same step in PyTorch on the CPU, float32.

The argument is JSON: hidden, layers, heads, vocabulary, token_heads, batch, sequence, threads. Each line on stdin is a number of
steps; each answer on stdout is JSON: seconds of every step, the last loss of each head, the process's peak memory in bytes.
"""

import json
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

STEM_GRADIENT_SCALE = 0.1
ROTARY_PERCENT = 0.25


class ScaledGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient):
        return gradient * STEM_GRADIENT_SCALE


class Layer(nn.Module):
    """GPT-NeoX's parallel layer: fused QKV, rotary on a quarter of each head, exact GELU."""

    def __init__(self, hidden, heads):
        super().__init__()
        self.heads, self.size = heads, hidden // heads
        self.rotary = int(self.size * ROTARY_PERCENT)
        self.norm1, self.norm2 = nn.LayerNorm(hidden), nn.LayerNorm(hidden)
        self.qkv, self.dense = nn.Linear(hidden, 3 * hidden), nn.Linear(hidden, hidden)
        self.inner, self.outer = nn.Linear(hidden, 4 * hidden), nn.Linear(4 * hidden, hidden)

    def rotate(self, x, cosines, sines):
        a, b, rest = x.split([self.rotary // 2, self.rotary // 2, self.size - self.rotary], dim=-1)
        return torch.cat([a * cosines - b * sines, b * cosines + a * sines, rest], dim=-1)

    def forward(self, x, tables):
        batch, sequence, hidden = x.shape
        qkv = self.qkv(self.norm1(x)).view(batch, sequence, self.heads, 3 * self.size).transpose(1, 2)
        q, k, v = qkv.chunk(3, dim=-1)
        attended = F.scaled_dot_product_attention(self.rotate(q, *tables), self.rotate(k, *tables), v, is_causal=True)
        attended = attended.transpose(1, 2).reshape(batch, sequence, hidden)
        return x + self.dense(attended) + self.outer(F.gelu(self.inner(self.norm2(x))))


class Model(nn.Module):
    def __init__(self, hidden, layers, heads, vocabulary, token_heads):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, hidden)
        self.stem = nn.ModuleList(Layer(hidden, heads) for _ in range(layers - 1))
        self.token_heads = nn.ModuleList(Layer(hidden, heads) for _ in range(token_heads))
        self.norm = nn.LayerNorm(hidden)
        self.unembed = nn.Linear(hidden, vocabulary, bias=False)
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, std=0.02)

    def forward(self, tokens, targets, tables):
        x = self.embed(tokens)
        for layer in self.stem:
            x = layer(x, tables)
        outputs = [head(x if i == 0 else ScaledGradient.apply(x), tables) for i, head in enumerate(self.token_heads)]
        logits = [self.unembed(self.norm(output)) for output in outputs]
        return [F.cross_entropy(own.flatten(0, 1), target.flatten()) for own, target in zip(logits, targets)]


def rotary_tables(size, sequence):
    dimensions = int(size * ROTARY_PERCENT)
    pairs = torch.arange(0, dimensions, 2, dtype=torch.float64)
    angles = torch.arange(sequence, dtype=torch.float64)[:, None] * 10000.0 ** (-pairs / dimensions)
    return angles.cos().float(), angles.sin().float()


def peak_bytes():
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
    except OSError:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


def optimizer_of(model, fused):
    groups = [
        {"params": [p for p in model.parameters() if p.dim() > 1], "weight_decay": 0.01},
        {"params": [p for p in model.parameters() if p.dim() == 1], "weight_decay": 0.0},
    ]
    how = {"fused": True} if fused else {"foreach": True}
    return torch.optim.AdamW(groups, lr=1e-4, betas=(0.9, 0.95), eps=1e-8, **how)


def main(options):
    torch.set_num_threads(options["threads"])
    torch.manual_seed(1)
    shape = {name: options[name] for name in ("hidden", "layers", "heads", "vocabulary", "token_heads")}
    model = Model(**shape)
    batch, sequence, ahead = options["batch"], options["sequence"], options["token_heads"]
    tables = rotary_tables(options["hidden"] // options["heads"], sequence)
    optimizer = optimizer_of(model, options.get("fused", True))

    def step():
        rows = torch.randint(options["vocabulary"], (batch, sequence + ahead))
        targets = [rows[:, n : n + sequence] for n in range(1, ahead + 1)]
        losses = model(rows[:, :sequence], targets, tables)
        optimizer.zero_grad(set_to_none=True)
        sum(losses).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0, foreach=True)
        optimizer.step()
        return [loss.item() for loss in losses]

    for line in sys.stdin:
        seconds, losses = [], []
        for _ in range(int(line)):
            begun = time.perf_counter()
            losses = step()
            seconds.append(time.perf_counter() - begun)
        answer = {"seconds": seconds, "losses": losses, "peakBytes": peak_bytes(), "version": torch.__version__}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
