#!/usr/bin/env python3
"""Trains a DynaMo model where one machine's CPU is not enough: one file, PyTorch and the standard library alone. Families other
than GPT-NeoX compute with the classes of Hugging Face transformers (5.0 or later), which has to be installed for them.

It lies in a folder that `dynamo train --export-torch` wrote, and goes on with that run:

    torchrun --standalone --nproc_per_node 8 train.py --precision bf16     # one machine, eight GPUs
    python train.py                                                        # one process, GPU or CPU
    python train.py --check-vectors FOLDER                                 # against golden vectors

What it reads:   run.json (the configuration), data/ (token shards), checkpoint/ (where the run begins).
What it writes:  <out>/checkpoints/step-00001200/, each a checkpoint in Hugging Face form that `dynamo convert` takes, with
                 the optimizer's moments and the place in the data beside it; <out>/metrics.jsonl, one line an event.

The same seed gives the same batches, the same learning rates and, but for rounding, the same losses as `dynamo train`.
With several processes the weights, gradients and moments are sharded (FSDP2; the paper's SHARD_GRAD_OP).

Order of this file: files, data, model, optimizer, distribution, checkpoints, the run, golden vectors, the command line.
Shapes in comments: B rows, T positions, N token heads, D hidden size, V vocabulary.
"""

import argparse
import concurrent.futures
import contextlib
import copy
import ctypes
import json
import math
import os
import shutil
import signal
import struct
import sys
import time
from pathlib import Path

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint as recomputed


class RunError(Exception):
    """What a person can do something about: printed without a stack trace."""


# ------------------------------------------------------------------------------------------------------------ files

# Folders come from anywhere: every size is capped before memory is asked for.
MAX_JSON_BYTES = 2**26
MAX_HEADER_BYTES = 100_000_000  # the format's own limit
MAX_SHARDS = 4096
MAX_VOCABULARY = 2**24
MAX_CONDITIONAL = 4096
DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


def read_json(path, most=MAX_JSON_BYTES):
    if not path.is_file():
        raise RunError(f"{path} is missing")
    size = path.stat().st_size
    if size > most:
        raise RunError(f"{path}: expected at most {most} bytes, received {size}")
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RunError(f"{path} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise RunError(f"{path}: expected an object")
    return value


def plain_name(name):
    """A file inside its folder, never a path out of it."""
    if not isinstance(name, str) or Path(name).name != name or name in ("", ".", ".."):
        raise RunError(f"expected a file name, received {name!r}")
    return name


class TensorFile:
    """A safetensors file: eight bytes with the header's length, the header as JSON, and the tensors' bytes."""

    def __init__(self, path):
        self.path = path
        if not path.is_file():
            raise RunError(f"{path} is missing")
        size = path.stat().st_size
        with path.open("rb") as file:
            prefix = file.read(8)
            length = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else -1
            if not 0 < length <= min(MAX_HEADER_BYTES, size - 8):
                raise RunError(f"{path} is no safetensors file: a header of {length} bytes in a file of {size}")
            try:
                header = json.loads(file.read(length))
            except ValueError as error:
                raise RunError(f"{path}: the header is not JSON") from error
        if not isinstance(header, dict):
            raise RunError(f"{path}: expected an object as header")
        self.start = 8 + length
        self.entries = {
            name: self._entry(name, entry, size - self.start) for name, entry in header.items() if name != "__metadata__"
        }

    def _entry(self, name, entry, data_bytes):
        try:
            dtype, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
            whole = all(type(n) is int and n >= 0 for n in [*shape, begin, end])
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(f"{self.path}: the entry of {name} is damaged") from error
        if not whole or not begin <= end <= data_bytes:
            raise RunError(f"{self.path}: {name} lies outside the file")
        known = DTYPES.get(dtype)
        if known is not None and end - begin != math.prod(shape) * known.itemsize:
            raise RunError(f"{self.path}: {name} is {dtype} {shape}, but has {end - begin} bytes")
        return dtype, tuple(shape), begin

    def read(self, name, rows=None):
        """A tensor as float32, or its `rows` (from, to) along the first dimension alone."""
        dtype, shape, begin = self.entries[name]
        if dtype not in DTYPES:
            raise RunError(f"{self.path}: {name} is {dtype}, expected F32, F16 or BF16")
        if rows is not None:
            row = math.prod(shape[1:]) * DTYPES[dtype].itemsize
            begin, shape = begin + rows[0] * row, (rows[1] - rows[0], *shape[1:])
        data = bytearray(math.prod(shape) * DTYPES[dtype].itemsize)
        if not data:
            return torch.zeros(shape)
        with self.path.open("rb") as file:
            file.seek(self.start + begin)
            view, done = memoryview(data), 0
            while done < len(data):
                count = file.readinto(view[done:])
                if not count:
                    raise RunError(f"{self.path} is shorter than its header says")
                done += count
        values = torch.frombuffer(data, dtype=DTYPES[dtype]).reshape(shape).float()
        if not torch.isfinite(values).all():
            raise RunError(f"{self.path}: expected finite weights in {name}")
        return values


class Checkpoint:
    """config.json and safetensors in Hugging Face form: one file, or shards with their index."""

    def __init__(self, folder):
        self.folder = folder
        self.config = read_json(folder / "config.json")
        index = folder / "model.safetensors.index.json"
        files = ["model.safetensors"]
        if not (folder / files[0]).exists() and index.exists():
            placed = read_json(index).get("weight_map")
            if not isinstance(placed, dict):
                raise RunError(f"{index}: expected a weight_map")
            files = sorted({plain_name(name) for name in placed.values()})
            if not 0 < len(files) <= MAX_SHARDS:
                raise RunError(f"{index}: expected 1 to {MAX_SHARDS} files, received {len(files)}")
        self.files = {}
        for file in (TensorFile(folder / name) for name in files):
            self.files.update(dict.fromkeys(file.entries, file))

    def check(self, shapes):
        for name, shape in shapes.items():
            found = self.files[name].entries[name][1] if name in self.files else None
            if found != tuple(shape):
                what = "is missing" if found is None else f"has shape {list(found)}"
                raise RunError(f"{self.folder}: {name} {what}, expected {list(shape)}")

    def read(self, name, rows=None):
        return self.files[name].read(name, rows)


def tensor_bytes(tensor):
    """The memory of a CPU tensor, not copied (Tensor.numpy would need numpy)."""
    return (ctypes.c_char * (tensor.numel() * tensor.element_size())).from_address(tensor.data_ptr())


def write_tensor_file(path, shapes, values):
    """Float32 tensors to a new file, flushed to the disk. `values` gives them one at a time, in the order of `shapes`; with
    `path` None they are only taken: every process has to take part in gathering a tensor, one of them writes it."""
    if path is None:
        for _ in values:
            pass
        return
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in shapes.items():
        end = at + 4 * math.prod(shape)
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [at, end]}
        at = end
    encoded = json.dumps(header, separators=(",", ":")).encode()
    encoded += b" " * (-len(encoded) % 8)
    with path.open("xb") as file:
        file.write(struct.pack("<Q", len(encoded)) + encoded)
        for value in values:
            value = value.detach().to("cpu", torch.float32).contiguous()
            if value.numel() > 0:
                file.write(tensor_bytes(value))
        file.flush()
        os.fsync(file.fileno())


def into_shards(shapes, shard_bytes):
    """[{name: shape}, …], each of at most `shard_bytes` unless a single tensor is larger."""
    shards, size = [{}], 0
    for name, shape in shapes.items():
        count = 4 * math.prod(shape)
        if size > 0 and size + count > shard_bytes:
            shards.append({})
            size = 0
        shards[-1][name] = shape
        size += count
    return shards


# ------------------------------------------------------------------------------------------------------------- data

# The order of the windows is that of `dynamo train` (packages/train/src/data), number for number.


def mix(z):
    """Murmur3's finaliser, on 32 bits."""
    z &= 0xFFFFFFFF
    z = ((z ^ (z >> 16)) * 0x85EBCA6B) & 0xFFFFFFFF
    z = ((z ^ (z >> 13)) * 0xC2B2AE35) & 0xFFFFFFFF
    return z ^ (z >> 16)


def mix_keys(keys):
    state = 0
    for key in keys:
        state = mix((state + 0x9E3779B9) ^ (key & 0xFFFFFFFF))
        state = mix((state + 0x9E3779B9) ^ ((key >> 32) & 0xFFFFFFFF))
    return state


def permutation(length, keys):
    """A seeded pseudo-random order without a list of it: a Feistel network, and cycle walking."""
    half = 2
    while half * half < length:
        half *= 2
    round_keys = [mix_keys([*keys, number]) for number in range(8)]

    def encrypt(value):
        left, right = divmod(value, half)
        for key in round_keys:
            left, right = right, left ^ (mix(right ^ key) & (half - 1))
        return left * half + right

    def permute(index):
        value = encrypt(index)
        while value >= length:
            value = encrypt(value)
        return value

    return permute


class Dataset:
    """The token shards of a folder that `dynamo data prepare` wrote. Windows of consecutive tokens are its unit."""

    # EXTEND HERE, and in packages/train/src/export/supported.ts: a format with more than these keys has something in it that
    # this script would ignore, such as which tokens count in the loss.
    KEYS = {"format", "version", "tokenizer", "dtype", "heldOutFraction", "sources"}
    SOURCE_KEYS = {"name", "weight", "train", "held-out"}
    SPLIT_KEYS = {"documents", "tokens", "bytes", "shards"}

    def __init__(self, folder):
        self.folder = folder
        manifest = read_json(folder / "dataset.json")
        check_keys(manifest, self.KEYS, folder / "dataset.json")
        if manifest.get("format") != "dynamo-dataset" or manifest.get("version") != 1:
            raise RunError(f"{folder}: expected a dynamo-dataset of version 1")
        self.vocabulary = manifest["tokenizer"]["vocabularySize"]
        self.width = {"uint16": 2, "uint32": 4}[manifest["dtype"]]
        if not 1 <= self.vocabulary <= MAX_VOCABULARY:
            raise RunError(f"{folder}: a vocabulary of {self.vocabulary}")
        self.sources = manifest["sources"]
        for source in self.sources:
            check_keys(source, self.SOURCE_KEYS, folder / "dataset.json")
            for split in ("train", "held-out"):
                check_keys(source[split], self.SPLIT_KEYS, f"{folder}: {source['name']}/{split}")
                self._check_shards(source, split)

    def _check_shards(self, source, split):
        if len(source[split]["shards"]) > MAX_SHARDS:
            raise RunError(f"{self.folder}: more than {MAX_SHARDS} shards in {source['name']}")
        for i, shard in enumerate(source[split]["shards"]):
            # Files go by the one name that they can have: no path out of the folder.
            if shard["file"] != f"{plain_name(source['name'])}/{split}-{i:05}.bin":
                raise RunError(f"{self.folder}: a shard named {shard['file']!r}")
            path = self.folder / shard["file"]
            found = path.stat().st_size if path.is_file() else 0
            if found != shard["tokens"] * self.width:
                raise RunError(f"{path}: expected {shard['tokens'] * self.width} bytes, received {found}")

    def windows(self, split, length):
        """How many whole windows each source has."""
        return [source[split]["tokens"] // length for source in self.sources]

    def read(self, split, source, start, length):
        """int64 [length]: tokens of a source's packed stream."""
        parts = []
        for shard in self.sources[source][split]["shards"]:
            if start >= shard["tokens"]:
                start -= shard["tokens"]
                continue
            count = min(length, shard["tokens"] - start)
            with (self.folder / shard["file"]).open("rb") as file:
                file.seek(start * self.width)
                data = bytearray(file.read(count * self.width))
            if len(data) != count * self.width:
                raise RunError(f"{shard['file']} has become shorter")
            # The unsigned types know few operations: signed ones, masked, are the same bits.
            signed = torch.frombuffer(data, dtype=torch.int16 if self.width == 2 else torch.int32)
            parts.append(signed.long() & (2 ** (8 * self.width) - 1))
            start, length = 0, length - count
            if length == 0:
                break
        tokens = torch.cat(parts)
        if int(tokens.max()) >= self.vocabulary:
            raise RunError(f"{self.folder} holds the token {int(tokens.max())}: expected less than {self.vocabulary}")
        return tokens


class WindowOrder:
    """Which window comes next: sources in the proportion of their shares, each of its windows once an epoch, in an order that
    the seed, the source and the epoch decide. How many windows of each source were drawn says all about the place."""

    def __init__(self, dataset, length, seed, drawn=None):
        self.dataset, self.length, self.seed = dataset, length, seed
        self.windows = dataset.windows("train", length)
        weights = [float(source.get("weight", source["train"]["tokens"])) for source in dataset.sources]
        total = 0.0
        for weight in weights:  # not sum(): it rounds otherwise from Python 3.12 on
            total += weight
        self.shares = [weight / total for weight in weights]
        for source, windows, share in zip(dataset.sources, self.windows, self.shares):
            if windows == 0 and share > 0:
                raise RunError(f"source {source['name']} is smaller than a row of {length} tokens")
        self.drawn = list(drawn or [0] * len(weights))
        self.orders = {}

    def next(self):
        """(source, window): the source that lags most behind its share once one more is drawn; the first of equals."""
        total = 1 + sum(self.drawn)
        best, largest = 0, -math.inf
        for i, share in enumerate(self.shares):
            lag = share * total - self.drawn[i]
            if share > 0 and lag > largest:
                best, largest = i, lag
        epoch, index = divmod(self.drawn[best], self.windows[best])
        if best not in self.orders or self.orders[best][0] != epoch:
            self.orders[best] = (epoch, permutation(self.windows[best], [self.seed, best, epoch]))
        self.drawn[best] += 1
        return best, self.orders[best][1](index)

    def position(self):
        return {source["name"]: count for source, count in zip(self.dataset.sources, self.drawn)}


class Batches:
    """This process's rows of step after step, the next ones read in the background."""

    def __init__(self, order, rows_a_step, mine):
        """`mine` says which of a step's rows this process reads."""
        self.order, self.rows, self.mine = order, rows_a_step, mine
        self.reader = concurrent.futures.ThreadPoolExecutor(1)
        self.ahead = self.reader.submit(self._read)

    def _read(self):
        windows = [self.order.next() for _ in range(self.rows)]
        length = self.order.length
        rows = [self.order.dataset.read("train", source, at * length, length) for source, at in map(windows.__getitem__, self.mine)]
        return torch.stack(rows), self.order.position()

    def next(self):
        """int64 [rows, length], and the place in the data after this step."""
        rows = self.ahead.result()
        self.ahead = self.reader.submit(self._read)
        return rows

    def close(self):
        self.reader.shutdown(wait=True, cancel_futures=True)


def held_out_windows(dataset, length, most):
    """(source, window) of the first held-out rows, source by source, as they lie."""
    found = []
    for source, windows in enumerate(dataset.windows("held-out", length)):
        found += [(source, window) for window in range(min(windows, most - len(found)))]
    return found


# ------------------------------------------------------------------------------------------------------------ model


class Heads:
    """What config.json says of the token heads: how many, and the sizes of the conditional parts of those from the second on."""

    def __init__(self, config):
        # EXTEND HERE: more keys under "dynamo" mean heads of another kind than one decoder layer each.
        dynamo = config.get("dynamo") or {}
        check_keys(dynamo, {"token_heads", "untrained_heads", "conditional"}, "config.json: dynamo")
        self.count = int(dynamo.get("token_heads", 1))
        sizes = dynamo.get("conditional") or {}
        check_keys(sizes, {"pairs", "between"}, "config.json: dynamo.conditional")
        self.pairs, self.between = (sizes.get(key, 0) for key in ("pairs", "between"))
        for size in (self.pairs, self.between):
            if type(size) is not int or not 0 <= size <= MAX_CONDITIONAL:
                raise RunError(f"config.json: dynamo.conditional: expected sizes from 0 to {MAX_CONDITIONAL}, received {size!r}")

    @property
    def parts(self):
        """The heads that have a conditional part."""
        return range(2, self.count + 1) if self.pairs + self.between > 0 else range(0)

    def config(self):
        """As it stands in config.json, none of them untrained any more."""
        sizes = {"pairs": self.pairs, "between": self.between}
        return {"token_heads": self.count, **({"conditional": sizes} if self.parts else {})}


def is_parallel_neox(c):
    """Whether this file's own layers compute it: GPT-NeoX as Pythia has it."""
    rope = c.get("rope_parameters") or {}
    return (
        c.get("model_type") == "gpt_neox"
        and c.get("hidden_act", "gelu") == "gelu"
        and c.get("use_parallel_residual", True)
        and c.get("rope_scaling") is None
        and rope.get("rope_type", "default") == "default"
    )


class Shape:
    """config.json of GPT-NeoX (Pythia) and DynaMo checkpoints of it."""

    def __init__(self, json_config):
        c = json_config
        rope = c.get("rope_parameters") or {}
        self.raw = c
        self.heads = Heads(c)
        self.vocabulary, self.hidden, self.layers = c["vocab_size"], c["hidden_size"], c["num_hidden_layers"]
        self.attention_heads = c["num_attention_heads"]
        self.head_size = self.hidden // self.attention_heads
        self.intermediate = c.get("intermediate_size") or 4 * self.hidden
        share = c.get("rotary_pct") or rope.get("partial_rotary_factor") or 0.25
        self.rotary = int(self.head_size * share)
        self.rotary_base = rope.get("rope_theta") or c.get("rotary_emb_base") or c.get("rope_theta") or 10000
        self.epsilon = c.get("layer_norm_eps", 1e-5)
        self.context = c["max_position_embeddings"]
        self.tied = c.get("tie_word_embeddings", False)
        self.attention_bias = c.get("attention_bias", True)


def rotary_tables(shape, length, device):
    """Cosines and sines [T, rotary / 2] of position / base^(2i / rotary)."""
    pairs = torch.arange(0, shape.rotary, 2, dtype=torch.float64)
    angles = torch.arange(length, dtype=torch.float64)[:, None] * shape.rotary_base ** (-pairs / shape.rotary)
    return angles.cos().float().to(device), angles.sin().float().to(device)


def rotate(x, tables, dimensions):
    """Turns the first `dimensions` of [B, heads, T, size] in float32, in the half-split form."""
    cosines, sines = tables
    a, b, rest = x.split([dimensions // 2, dimensions // 2, x.shape[-1] - dimensions], dim=-1)
    a32, b32 = a.float(), b.float()
    turned = torch.cat([a32 * cosines - b32 * sines, b32 * cosines + a32 * sines], dim=-1)
    return torch.cat([turned.to(x.dtype), rest], dim=-1)


class Attention(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.shape = shape
        self.query_key_value = nn.Linear(shape.hidden, 3 * shape.hidden, bias=shape.attention_bias)
        self.dense = nn.Linear(shape.hidden, shape.hidden, bias=shape.attention_bias)

    def forward(self, x, tables):
        rows, length, hidden = x.shape
        # The fused projection is laid out [head, (query, key, value), size].
        fused = self.query_key_value(x).view(rows, length, self.shape.attention_heads, 3, self.shape.head_size)
        query, key, value = fused.permute(3, 0, 2, 1, 4)
        query, key = (rotate(part, tables, self.shape.rotary) for part in (query, key))
        attended = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        return self.dense(attended.transpose(1, 2).reshape(rows, length, hidden))


class Mlp(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.dense_h_to_4h = nn.Linear(shape.hidden, shape.intermediate)
        self.dense_4h_to_h = nn.Linear(shape.intermediate, shape.hidden)

    def forward(self, x):
        return self.dense_4h_to_h(F.gelu(self.dense_h_to_4h(x)))


class Layer(nn.Module):
    """x + attention(norm1(x)) + mlp(norm2(x)); a stem layer, head 1, or a token head from 2 on."""

    def __init__(self, shape, recompute):
        super().__init__()
        self.recompute = recompute
        self.input_layernorm = nn.LayerNorm(shape.hidden, shape.epsilon)
        self.post_attention_layernorm = nn.LayerNorm(shape.hidden, shape.epsilon)
        self.attention = Attention(shape)
        self.mlp = Mlp(shape)

    def forward(self, x, tables):
        # Inside the module, so that FSDP has the weights whole when the backward pass comes to compute it again.
        if self.recompute and self.training:
            return recomputed(self.compute, x, tables, use_reentrant=False)
        return self.compute(x, tables)

    def compute(self, x, tables):
        return x + self.attention(self.input_layernorm(x), tables) + self.mlp(self.post_attention_layernorm(x))


class ScaleGradient(torch.autograd.Function):
    """The identity, whose gradient is scaled: LR_MB / LR_B on the way from a token head into the stem."""

    @staticmethod
    def forward(context, x, scale):
        context.scale = scale
        return x.view_as(x)

    @staticmethod
    def backward(context, gradient):
        return gradient * context.scale, None


IGNORED = -100
# Inside the root of a token's mean square: embeddings of unused tokens may be zeros.
EMBEDDING_EPSILON = 1e-6


class Pairs(nn.Module):
    """What a token says of the next one: P·a(x)."""

    def __init__(self, shape, rank):
        super().__init__()
        self.embedding = nn.Embedding(shape.vocabulary, rank)
        self.output = nn.Linear(rank, shape.hidden, bias=False)

    def forward(self, ids):
        return self.output(self.embedding(ids))


class Between(nn.Module):
    """O·(silu(u) ⊙ g), (u, g) = W·s_n + V·s_1 + Σ_j U_j·e(x_j) + b, of n - 1 tokens between."""

    def __init__(self, shape, width, tokens):
        super().__init__()
        self.state = nn.Linear(shape.hidden, 2 * width)
        self.first = nn.Linear(shape.hidden, 2 * width, bias=False)
        for j in range(1, tokens + 1):
            setattr(self, f"token_{j}", nn.Linear(shape.hidden, 2 * width, bias=False))
        self.output = nn.Linear(width, shape.hidden, bias=False)

    def forward(self, own, first, embeddings):
        sums = self.state(own) + self.first(first)
        for j, embedding in enumerate(embeddings, 1):
            sums = sums + getattr(self, f"token_{j}")(embedding)
        u, g = sums.chunk(2, dim=-1)
        return self.output(F.silu(u) * g)


class Part(nn.Module):
    """A head's conditional part: what it says behind the true tokens between (packages/model: architectures/conditional.ts)."""

    def __init__(self, shape, head):
        super().__init__()
        if shape.heads.pairs > 0:
            self.pairs = Pairs(shape, shape.heads.pairs)
        if shape.heads.between > 0:
            self.between = Between(shape, shape.heads.between, head - 1)

    def forward(self, own, first, ids, embeddings):
        """The head's state and head 1's [B, T, D], the tokens between [n - 1, B, T] and their embeddings [B, T, D] each."""
        output = own
        if hasattr(self, "pairs"):
            output = output + self.pairs(ids[-1])
        if hasattr(self, "between"):
            output = output + self.between(own, first, embeddings)
        return output


def dynamo_modules(shape, layer):
    """What stands under `dynamo.` in a checkpoint: `layer()` makes a head's."""
    dynamo = nn.Module()
    dynamo.token_heads = nn.ModuleDict({str(n): layer() for n in range(2, shape.heads.count + 1)})
    if shape.heads.parts:
        dynamo.conditional = nn.ModuleDict({str(n): Part(shape, n) for n in shape.heads.parts})
    return dynamo


def parts_of(model):
    return model.dynamo.conditional.values() if model.shape.heads.parts else ()


def losses_of(model, states, targets):
    """Normalised states of the N heads [B, T, D] and targets [N, B, T]: the sums of what is minimised and of the cross entropies,
    float32 [L] each. Behind the N heads' losses stand those of heads 2..N behind the true tokens between, where they have parts."""
    told = list(enumerate(states, 1)) + list(zip(model.shape.heads.parts, behind_tokens(model, states, targets)))
    share = model.distillation if model.training else 0
    losses = []
    for head, state in told:
        # Head 1 predicts the same token n - 1 places further on; the last n - 1 places have no teacher, whatever stands there.
        teacher = states[0].roll(1 - head, dims=1) if share > 0 and head > 1 else None
        taught = torch.full(targets.shape[1:], float(share), device=targets.device)
        taught[:, max(0, targets.shape[2] - head + 1) :] = 0
        losses.append(model.loss(state, targets[head - 1], teacher, taught))
    objectives, entropies = zip(*losses)
    return torch.stack(objectives), torch.stack(entropies)


def behind_tokens(model, states, targets):
    """States of heads 2..N behind the true tokens between, of those that have a part."""
    if not model.shape.heads.parts:
        return []
    # A target that does not count, at a text's end or in a row that is not there, is between nothing that counts.
    ids = targets[:-1].clamp(min=0)
    first = ScaleGradient.apply(states[0], model.stem_gradient_scale)
    embeddings = [] if model.shape.heads.between == 0 else [token_embedding(model, own).type_as(first) for own in ids]
    return [
        part(states[n - 1], first, ids[: n - 1], embeddings[: n - 1])
        for n, part in zip(model.shape.heads.parts, parts_of(model))
    ]


def token_embedding(model, ids):
    """Tokens' rows of the base's embedding over their root mean square. What the embedding gives is not trained here."""
    rows = F.embedding(ids, model.embedding().weight.detach()).float()
    return rows * (rows.pow(2).mean(-1, keepdim=True) + EMBEDDING_EPSILON).rsqrt()


def head_loss(logits, targets, teacher, taught):
    """Logits [R, V], targets [R], the teacher's logits [R, V] or None, and its share of each target [R]: what is minimised, and the
    cross entropy with the targets alone, which runs report."""
    if teacher is None:
        loss = F.cross_entropy(logits, targets, ignore_index=IGNORED, reduction="sum")
        return loss, loss.detach()
    log_p = F.log_softmax(logits, dim=-1)
    hard = F.nll_loss(log_p, targets, ignore_index=IGNORED, reduction="none")
    soft = -(teacher.softmax(dim=-1) * log_p).sum(-1) * (targets != IGNORED)
    return torch.lerp(hard, soft, taught).sum(), hard.detach().sum()


class Model(nn.Module):
    """DynaMo on GPT-NeoX. Parameters have their names in the checkpoint: gpt_neox.…, embed_out.weight,
    dynamo.token_heads.{2..N}.…, dynamo.conditional.{2..N}.…"""

    def __init__(self, shape, stem_gradient_scale, distillation=0, recompute=False):
        super().__init__()
        self.shape, self.stem_gradient_scale, self.recompute = shape, stem_gradient_scale, recompute
        self.distillation = distillation
        self.gpt_neox = nn.Module()
        self.gpt_neox.embed_in = nn.Embedding(shape.vocabulary, shape.hidden)
        self.gpt_neox.layers = nn.ModuleList(Layer(shape, recompute) for _ in range(shape.layers))
        self.gpt_neox.final_layer_norm = nn.LayerNorm(shape.hidden, shape.epsilon)
        if not shape.tied:
            self.embed_out = nn.Linear(shape.hidden, shape.vocabulary, bias=False)
        self.dynamo = dynamo_modules(shape, lambda: Layer(shape, recompute))

    def forward(self, tokens, targets):
        """Tokens [B, T], targets [N, B, T]: sums of losses, as of `losses_of`. Targets of IGNORED do not count."""
        tables = rotary_tables(self.shape, tokens.shape[1], tokens.device)
        x = self.gpt_neox.embed_in(tokens)
        for layer in self.gpt_neox.layers[:-1]:
            x = layer(x, tables)
        outputs = [self.gpt_neox.layers[-1](x, tables)]
        for head in self.dynamo.token_heads.values():
            outputs.append(head(ScaleGradient.apply(x, self.stem_gradient_scale), tables))
        return losses_of(self, [self.gpt_neox.final_layer_norm(output) for output in outputs], targets)

    def embedding(self):
        return self.gpt_neox.embed_in

    def layers(self):
        return [*self.gpt_neox.layers, *self.dynamo.token_heads.values(), *parts_of(self)]

    def loss(self, *inputs):
        # Logits are the largest of all activations: of one head at a time when layers are computed again too.
        if self.recompute and self.training:
            return recomputed(self.compute_loss, *inputs, use_reentrant=False)
        return self.compute_loss(*inputs)

    def compute_loss(self, state, targets, teacher, taught):
        with torch.no_grad():
            lesson = None if teacher is None else self.logits(teacher)
        return head_loss(self.logits(state), targets.flatten(), lesson, taught.flatten())

    def logits(self, state):
        weight = self.gpt_neox.embed_in.weight if self.shape.tied else self.embed_out.weight
        return F.linear(state, weight).flatten(0, 1).float()


class OtherShape:
    """config.json of any other family."""

    def __init__(self, json_config):
        self.raw, self.heads = json_config, Heads(json_config)
        try:
            import transformers
        except ImportError as error:
            raise RunError(f"model_type {json_config.get('model_type')!r} needs the package transformers, 5.0 or later") from error
        known = {key: value for key, value in json_config.items() if key not in ("dynamo", "architectures", "torch_dtype")}
        # As in `dynamo train`, nothing is dropped.
        known |= {key: 0.0 for key in known if key.endswith(("dropout", "pdrop"))}
        # Nothing is padded, and torch would not train the embedding's row for it.
        known["pad_token_id"] = None
        self.config = transformers.AutoConfig.for_model(**known)
        self.vocabulary, self.context = self.config.vocab_size, self.config.max_position_embeddings
        self.hidden = self.config.hidden_size
        self.tied = bool(self.config.tie_word_embeddings)

    def base(self):
        import transformers

        return transformers.AutoModelForCausalLM.from_config(self.config, dtype=torch.float32)


class OtherModel(nn.Module):
    """DynaMo on the classes of transformers: parameters have their names in the checkpoint, heads are copies of the last layer."""

    def __init__(self, shape, stem_gradient_scale, distillation=0, recompute=False):
        super().__init__()
        if recompute:
            raise RunError("--activation-checkpointing: only for GPT-NeoX")
        self.shape, self.stem_gradient_scale, self.distillation = shape, stem_gradient_scale, distillation
        base = shape.base()
        self.prefix = base.base_model_prefix
        self.add_module(self.prefix, base.base_model)
        if not shape.tied:
            self.lm_head = base.get_output_embeddings()
        last = self.base_layers()[-1]
        self.dynamo = dynamo_modules(shape, lambda: copy.deepcopy(last))

    def backbone(self):
        return getattr(self, self.prefix)

    def base_layers(self):
        backbone = self.backbone()
        return backbone.layers if hasattr(backbone, "layers") else backbone.h

    def embedding(self):
        return self.backbone().get_input_embeddings()

    def layers(self):
        return [*self.base_layers(), *self.dynamo.token_heads.values(), *parts_of(self)]

    def forward(self, tokens, targets):
        """As of `Model`. Heads are called as the last layer is: with the same masks and rotations."""
        seen = []
        hook = self.base_layers()[-1].register_forward_pre_hook(lambda _, a, k: seen.append((a, k)), with_kwargs=True)
        outputs = [self.backbone()(input_ids=tokens, use_cache=False).last_hidden_state]
        hook.remove()
        (x, *others), named = seen[0]
        for head in self.dynamo.token_heads.values():
            result = head(ScaleGradient.apply(x, self.stem_gradient_scale), *others, **named)
            outputs.append(self.final_norm()(result[0] if isinstance(result, tuple) else result))
        # As `dynamo train` has it, the scale of the logits belongs to the states, which parts read.
        scaling = getattr(self.shape.config, "logits_scaling", 1.0)
        return losses_of(self, [output / scaling for output in outputs], targets)

    def final_norm(self):
        backbone = self.backbone()
        return next(getattr(backbone, name) for name in ("norm", "ln_f", "final_layer_norm", "embedding_norm") if hasattr(backbone, name))

    def loss(self, state, targets, teacher, taught):
        with torch.no_grad():
            lesson = None if teacher is None else self.logits(teacher)
        return head_loss(self.logits(state), targets.flatten(), lesson, taught.flatten())

    def logits(self, state):
        logits = F.linear(state, self.embedding().weight if self.shape.tied else self.lm_head.weight)
        cap = getattr(self.shape.config, "final_logit_softcapping", None)
        if cap is not None:
            logits = cap * torch.tanh(logits / cap)
        return logits.flatten(0, 1).float()


def shape_of(json_config):
    return Shape(json_config) if is_parallel_neox(json_config) else OtherShape(json_config)


@contextlib.contextmanager
def parameters_on_meta():
    """Modules made inside have parameters on no device, and buffers (frequencies, factors) with their values."""
    register = nn.Module.register_parameter

    def on_meta(module, name, parameter):
        if parameter is not None:
            parameter = nn.Parameter(parameter.to("meta"), requires_grad=parameter.requires_grad)
        register(module, name, parameter)

    nn.Module.register_parameter = on_meta
    try:
        yield
    finally:
        nn.Module.register_parameter = register


def targets_of(rows, heads):
    """Rows int64 [B, T + N]: tokens [B, T], and targets [N, B, T] in which head n has token t + n."""
    length = rows.shape[1] - heads
    return rows[:, :length], torch.stack([rows[:, n : n + length] for n in range(1, heads + 1)])


# -------------------------------------------------------------------------------------------------------- optimizer


def schedule_factor(step, shape, steps, warm_up_steps, floor):
    """The factor of every learning rate at a step, from 0."""
    if step < warm_up_steps:
        return (step + 1) / warm_up_steps
    if shape == "constant":
        return 1.0
    progress = min(1.0, (step - warm_up_steps) / max(1, steps - warm_up_steps))
    return floor + (1 - floor) * (1 + math.cos(math.pi * progress)) / 2


def is_head(name):
    return name.startswith("dynamo.")


# By run.json's `train`, whether a parameter is trained.
TRAINED = {
    "all": lambda name: True,
    "heads": is_head,
    "conditional": lambda name: name.startswith("dynamo.conditional."),
}


class AdamW:
    """Decoupled weight decay, global clipping, two learning rates. Each process updates its own part of every tensor, so that
    nothing is exchanged but the norm."""

    def __init__(self, parameters, beta1, beta2, epsilon, clip_norm, weight_decay, decay_all):
        """`parameters` by name: those that are trained."""
        self.parameters, self.beta1, self.beta2, self.epsilon, self.clip_norm = parameters, beta1, beta2, epsilon, clip_norm
        # Norms and biases are the vectors.
        self.decay = {name: weight_decay if decay_all or p.dim() > 1 else 0.0 for name, p in parameters.items()}
        self.moments1 = {name: torch.zeros_like(p) for name, p in parameters.items()}
        self.moments2 = {name: torch.zeros_like(p) for name, p in parameters.items()}

    @torch.no_grad()
    def step(self, number, rates, loss_scale=1.0):
        """Update `number`, from 0, at the rates (base, heads). Returns the gradients' norm; when that is not finite, nothing
        has changed."""
        squares = [local(p.grad).float().pow(2).sum() for p in self.parameters.values() if p.grad is not None]
        norm = math.sqrt(add_up(torch.stack(squares).sum().double())) / loss_scale
        if not math.isfinite(norm):
            return norm
        clip = min(1.0, self.clip_norm / (norm + 1e-6)) / loss_scale
        correction1, correction2 = (1 - beta ** (number + 1) for beta in (self.beta1, self.beta2))
        for name, parameter in self.parameters.items():
            if parameter.grad is None:
                continue
            rate = rates[1] if is_head(name) else rates[0]
            weight, m, v = (local(t) for t in (parameter, self.moments1[name], self.moments2[name]))
            gradient = local(parameter.grad).float() * clip
            m.mul_(self.beta1).add_(gradient, alpha=1 - self.beta1)
            v.mul_(self.beta2).addcmul_(gradient, gradient, value=1 - self.beta2)
            root = v.sqrt().div_(math.sqrt(correction2)).add_(self.epsilon)
            weight.mul_(1 - rate * self.decay[name]).addcdiv_(m, root, value=-rate / correction1)
        return norm

    def zero_gradients(self):
        for parameter in self.parameters.values():
            parameter.grad = None


class LossScale:
    """float16 has few exponents: the loss is scaled up before the backward pass, down again after an overflow."""

    def __init__(self, active, value=2.0**16, good_steps=0):
        self.active, self.value, self.good_steps = active, value if active else 1.0, good_steps

    def update(self, finite):
        """Raises when no scale is small enough: then it is not the scale."""
        if not finite:
            self.value, self.good_steps = self.value / 2, 0
            if self.value < 2.0**-14:
                raise RunError("training diverged: float16 overflows at every loss scale; the last checkpoint is as it was")
        else:
            self.good_steps += 1
            if self.good_steps % 2000 == 0:
                self.value *= 2


# ----------------------------------------------------------------------------------------------------- distribution


def world():
    return dist.get_world_size() if dist.is_initialized() else 1


def rank():
    return dist.get_rank() if dist.is_initialized() else 0


def add_up(value):
    """The sum over all processes; a number for a scalar, the tensor otherwise."""
    if dist.is_initialized():
        dist.all_reduce(value)
    return value.item() if value.dim() == 0 else value


def local(tensor):
    """This process's part of a tensor: the whole one when it is not sharded."""
    return tensor.to_local() if hasattr(tensor, "to_local") else tensor


def whole(tensor):
    """The whole tensor, gathered: every process has to call it."""
    return tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor


def local_rows(rows):
    """Which rows of a tensor's first dimension are this process's: FSDP cuts as torch.chunk does."""
    size = -(-rows // world())
    return min(rank() * size, rows), min((rank() + 1) * size, rows)


def start_processes():
    """The device of this process. Under torchrun with several processes they are connected first."""
    cuda = torch.cuda.is_available()
    number = int(os.environ.get("LOCAL_RANK", "0"))
    if cuda:
        torch.cuda.set_device(number)
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        dist.init_process_group("nccl" if cuda else "gloo")
    return torch.device("cuda", number) if cuda else torch.device("cpu")


HALF = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


def sharded(model, device, precision):
    """SHARD_GRAD_OP: weights are sharded outside of the passes and gathered layer by layer in the forward pass, where they
    stay until their gradients are done. Master weights, gradients' sums and moments are float32."""
    try:
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
    except ImportError as error:
        raise RunError(f"several processes need PyTorch 2.6 or later, received {torch.__version__}") from error
    mesh = init_device_mesh(device.type, (world(),))
    half = MixedPrecisionPolicy(param_dtype=HALF[precision], reduce_dtype=torch.float32)
    for layer in model.layers():
        fully_shard(layer, mesh=mesh, mp_policy=half, reshard_after_forward=False)
    fully_shard(model, mesh=mesh, mp_policy=half, reshard_after_forward=False)
    return model


def make_model(shape, device, *, stem_gradient_scale, distillation=0, train="all", precision="fp32", recompute=False):
    """Without values yet: made on no device, so that no process ever holds all of a large model."""
    with parameters_on_meta():
        model = (Model if isinstance(shape, Shape) else OtherModel)(shape, stem_gradient_scale, distillation, recompute)
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(TRAINED[train](name))
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise RunError(f"nothing to train: run.json's train is {train!r}, and the checkpoint has no such parameters")
    if world() > 1:
        sharded(model, device, precision)
    model.to_empty(device=device)
    for name, buffer in model.named_buffers():
        buffer.copy_(buffers[name])
    return model


@torch.no_grad()
def load(tensors, read):
    """Fills `tensors` by name; each process reads only its rows."""
    for name, tensor in tensors.items():
        part = local(tensor)
        if part.numel() > 0:
            part.copy_(read(name, local_rows(tensor.shape[0]) if world() > 1 else None))


# ------------------------------------------------------------------------------------------------------ checkpoints

CARRIED = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "generation_config.json")


def checkpoints_in(out):
    folder = out / "checkpoints"
    names = sorted(p.name for p in folder.iterdir() if p.name[:5] == "step-" and p.name[5:].isdigit()) if folder.is_dir() else []
    return [folder / name for name in names]


def write_checkpoint(out, model, optimizer, progress, *, texts_from, keep, shard_bytes):
    """Whole or not at all: written beside its place, flushed, renamed. Gathering is everybody's work, writing the first's."""
    first = rank() == 0
    target = out / "checkpoints" / f"step-{progress['step']:08}"
    folder = target.with_name(f".{target.name}.partial")
    if first:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    path = lambda name: folder / name if first else None
    parameters = dict(model.named_parameters())
    shards = into_shards({name: p.shape for name, p in parameters.items()}, shard_bytes)
    names = ["model.safetensors"]
    if len(shards) > 1:
        names = [f"model-{i + 1:05}-of-{len(shards):05}.safetensors" for i in range(len(shards))]
    for name, shard in zip(names, shards):
        write_tensor_file(path(name), shard, (whole(parameters[key]) for key in shard))
    moments = {f"moment1:{name}": m for name, m in optimizer.moments1.items()}
    moments.update({f"moment2:{name}": m for name, m in optimizer.moments2.items()})
    shapes = {name: m.shape for name, m in moments.items()}
    write_tensor_file(path("optimizer.safetensors"), shapes, (whole(m) for m in moments.values()))
    if not first:
        return target
    if len(shards) > 1:
        index = {
            "metadata": {"total_size": sum(4 * p.numel() for p in parameters.values())},
            "weight_map": {key: name for name, shard in zip(names, shards) for key in shard},
        }
        write_json(folder / "model.safetensors.index.json", index)
    for name in CARRIED:
        if (texts_from / name).is_file():
            shutil.copyfile(texts_from / name, folder / name)
    config = {**model.shape.raw, "torch_dtype": "float32", "dynamo": model.shape.heads.config()}
    write_json(folder / "config.json", config)
    write_json(folder / "training.json", {"version": 1, **progress})
    shutil.rmtree(target, ignore_errors=True)
    folder.rename(target)
    for old in checkpoints_in(out)[:-keep]:
        shutil.rmtree(old, ignore_errors=True)
    return target


def write_json(path, value):
    with path.open("x", encoding="utf-8") as file:
        file.write(json.dumps(value, indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())


def load_moments(folder, optimizer):
    file = TensorFile(folder / "optimizer.safetensors")
    for prefix, moments in (("moment1:", optimizer.moments1), ("moment2:", optimizer.moments2)):
        for name, moment in moments.items():
            found = file.entries.get(prefix + name)
            if found is None or found[1] != tuple(moment.shape):
                raise RunError(f"{file.path}: expected {prefix}{name} {list(moment.shape)}")
        load(moments, lambda name, rows, prefix=prefix: file.read(prefix + name, rows))


# ---------------------------------------------------------------------------------------------------------- the run

# EXTEND HERE, and in packages/train/src/export/supported.ts: what a run.json may say. Another key is something that this
# script would ignore, so it refuses.
CONFIG_KEYS = {
    "format", "version", "tokenHeads", "train", "steps", "batch", "microBatches", "sequence", "learningRate",
    "headLearningRate", "stemGradientScale", "distillation", "headWeights", "schedule", "warmUp", "floor", "weightDecay",
    "decayNormsAndBiases", "beta1", "beta2", "epsilon", "clipNorm", "seed", "evaluateEvery", "evaluationBatches",
    "checkpointEvery", "keepCheckpoints",
}  # fmt: skip


def check_keys(found, known, where):
    unknown = sorted(set(found) - set(known))
    if unknown:
        raise RunError(f"{where}: not supported by this script: {', '.join(unknown)}")


def read_config(folder):
    config = read_json(folder / "run.json")
    if config.get("format") != "dynamo-torch-run" or config.get("version") != 1:
        raise RunError(f"{folder / 'run.json'}: expected a dynamo-torch-run of version 1")
    check_keys(config, CONFIG_KEYS, folder / "run.json")
    missing = sorted(CONFIG_KEYS - set(config))
    if missing:
        raise RunError(f"{folder / 'run.json'}: {', '.join(missing)} missing")
    for key, known in (("train", TRAINED), ("schedule", ("cosine", "constant"))):
        if config[key] not in known:
            raise RunError(f"run.json: {key}: expected {' or '.join(known)}, received {config[key]!r}")
    if not 0 <= config["distillation"] <= 1:
        raise RunError(f"run.json: distillation: expected 0 to 1, received {config['distillation']!r}")
    return config


def rows_of_a_pass(rows_a_step, most):
    """Rows of a process's pass: the most that divide its part of a step evenly."""
    if rows_a_step % world() != 0:
        raise RunError(f"a step of {rows_a_step} rows cannot be divided among {world()} processes")
    own = rows_a_step // world()
    return max(n for n in range(1, min(own, most) + 1) if own % n == 0)


class Run:
    def __init__(self, folder, out, device, options):
        self.folder, self.out, self.device, self.options = folder, out, device, options
        self.config = config = read_config(folder)
        self.dataset = Dataset(folder / "data")
        newest = checkpoints_in(out)[-1:]
        if newest and not options.resume:
            raise RunError(f"{out} holds a run already: give --resume, or another --out")
        if options.resume and not newest:
            raise RunError(f"there is no checkpoint in {out} to go on from")
        start = newest[0] if newest else folder / "checkpoint"
        self.texts_from = folder / "checkpoint"
        saved = Checkpoint(start)
        self.shape = shape_of(saved.config)
        self._check_fit()
        self.model = make_model(
            self.shape,
            device,
            stem_gradient_scale=config["stemGradientScale"],
            distillation=config["distillation"],
            train=config["train"],
            precision=options.precision,
            recompute=options.activation_checkpointing,
        )
        parameters = dict(self.model.named_parameters())
        saved.check({name: p.shape for name, p in parameters.items()})
        load(parameters, saved.read)
        self.optimizer = AdamW(
            {name: p for name, p in parameters.items() if p.requires_grad},
            *(config[key] for key in ("beta1", "beta2", "epsilon", "clipNorm", "weightDecay", "decayNormsAndBiases")),
        )
        self.progress = {"step": 0, "tokens": 0, "seconds": 0.0, "position": {"drawn": {}}}
        self.loss_scale = LossScale(options.precision == "fp16")
        if newest:
            self._resume(newest[0])

    def _check_fit(self):
        config, shape = self.config, self.shape
        if shape.heads.count != config["tokenHeads"]:
            raise RunError(f"run.json has {config['tokenHeads']} token heads, the checkpoint {shape.heads.count}")
        if self.dataset.vocabulary > shape.vocabulary:
            raise RunError(f"the data has {self.dataset.vocabulary} tokens, the model {shape.vocabulary}")
        if config["sequence"] > shape.context:
            raise RunError(f"sequence: expected at most the context's {shape.context}, received {config['sequence']}")

    def _resume(self, folder):
        load_moments(folder, self.optimizer)
        progress = read_json(folder / "training.json")
        if progress.get("version") != 1:
            raise RunError(f"{folder / 'training.json'}: expected version 1")
        self.progress = {key: progress[key] for key in self.progress}
        self.loss_scale = LossScale(self.loss_scale.active, **progress.get("lossScale", {}))

    def train(self, stopped):
        """Until the last step, or until `stopped()` says so on any process."""
        config = self.config
        length = config["sequence"] + config["tokenHeads"]
        rows_a_step = config["batch"] * config["microBatches"]
        pass_rows = rows_of_a_pass(rows_a_step, self.options.rows or config["batch"])
        if sum(self.dataset.windows("train", length)) < config["batch"]:
            raise RunError(f"the training data is smaller than a batch of {config['batch']} rows of {length} tokens")
        drawn = self.progress["position"]["drawn"]
        order = WindowOrder(self.dataset, length, config["seed"], [drawn.get(s["name"], 0) for s in self.dataset.sources])
        self.progress["position"] = {"drawn": order.position()}
        batches = Batches(order, rows_a_step, range(rank(), rows_a_step, world()))
        last = config["steps"] if self.options.stop_after is None else min(config["steps"], self.options.stop_after)
        saved = self.progress["step"]
        due = lambda every: self.progress["step"] % every == 0 or self.progress["step"] == config["steps"]
        try:
            while self.progress["step"] < last:
                stop = self._step(batches, pass_rows, stopped())
                if due(config["evaluateEvery"]):
                    self.report(self.evaluate(pass_rows, length))
                if due(config["checkpointEvery"]):
                    self.checkpoint()
                    saved = self.progress["step"]
                if stop:
                    break
            if saved != self.progress["step"]:
                self.checkpoint()
        finally:
            batches.close()

    def _step(self, batches, pass_rows, stop):
        config, progress, begun = self.config, self.progress, time.monotonic()
        rows, position = batches.next()
        waited = time.monotonic() - begun
        factor = schedule_factor(
            progress["step"], config["schedule"], config["steps"], math.ceil(config["warmUp"] * config["steps"]), config["floor"]
        )
        rates = config["learningRate"] * factor, config["headLearningRate"] * factor
        (losses, behind), anybody = self._gradients(rows, pass_rows, stop)
        if not self.loss_scale.active and not all(map(math.isfinite, losses + behind)):
            raise self._diverged(f"the losses are {losses + behind}")
        norm = self.optimizer.step(progress["step"], rates, self.loss_scale.value)
        self.optimizer.zero_gradients()
        if not self.loss_scale.active and not math.isfinite(norm):
            raise self._diverged(f"the norm of the gradients is {norm}")
        if self.loss_scale.active:
            self.loss_scale.update(math.isfinite(norm))
        tokens = progress["tokens"] + config["batch"] * config["microBatches"] * config["sequence"]
        seconds = progress["seconds"] + time.monotonic() - begun
        self.progress = {
            "step": progress["step"] + 1, "tokens": tokens, "seconds": seconds, "position": {"drawn": position},
        }  # fmt: skip
        number = lambda value: value if math.isfinite(value) else None
        self.report({
            "kind": "step", "step": self.progress["step"], "losses": [number(loss) for loss in losses],
            **({"conditionalLosses": [number(loss) for loss in behind]} if behind else {}),
            "gradientNorm": number(norm), "learningRate": rates[0], "headLearningRate": rates[1], "tokens": tokens,
            "seconds": seconds, "dataSeconds": waited,
            **({"lossScale": self.loss_scale.value} if self.loss_scale.active else {}),
        })  # fmt: skip
        return anybody

    def _diverged(self, what):
        position = json.dumps(self.progress["position"])
        return RunError(f"step {self.progress['step'] + 1}, the batch at {position}: training diverged: {what}; lower the "
                        "learning rate, or clip more; the last checkpoint is as it was")  # fmt: skip

    def _gradients(self, rows, pass_rows, stop):
        """Adds up the gradients of this process's rows; the mean losses of all, and whether anybody wants to stop."""
        config = self.config
        self.model.train()
        # A conditional part counts as its head does.
        weights = config["headWeights"] + [config["headWeights"][n - 1] for n in self.shape.heads.parts]
        weights = torch.tensor(weights, dtype=torch.float32, device=self.device)
        passes = rows.split(pass_rows)
        totals = torch.zeros(len(weights) + 1, dtype=torch.float64, device=self.device)
        for part in passes:
            tokens, targets = targets_of(part.to(self.device), config["tokenHeads"])
            with self.precision():
                objectives, losses = self.model(tokens, targets)
            # FSDP averages over the processes; the passes of one are averaged here.
            (objectives @ weights * (self.loss_scale.value / (len(passes) * tokens.numel()))).backward()
            totals[:-1] += losses.double() / (len(passes) * world() * tokens.numel())
        totals[-1] += stop
        *losses, anybody = add_up(totals).tolist()
        return self._apart(losses), anybody > 0

    def _apart(self, losses):
        """Those of the heads, and of heads 2..N behind the true tokens between."""
        heads = self.config["tokenHeads"]
        return losses[:heads], losses[heads:]

    def precision(self):
        """A single process has no FSDP that casts its weights."""
        half = HALF[self.options.precision]
        return torch.autocast(self.device.type, half) if half and world() == 1 else contextlib.nullcontext()

    @torch.no_grad()
    def evaluate(self, pass_rows, length):
        """Mean losses over the first held-out batches: the same ones each time, as in `dynamo train`."""
        config = self.config
        self.model.eval()
        windows = held_out_windows(self.dataset, length, config["evaluationBatches"] * config["batch"])
        windows = windows[: len(windows) // config["batch"] * config["batch"]]
        if not windows:
            raise RunError(f"the held-out data is smaller than a batch of {config['batch']} rows of {length} tokens")
        heads = self.shape.heads
        sums = torch.zeros(heads.count + len(heads.parts), dtype=torch.float64, device=self.device)
        for start in range(0, len(windows), pass_rows * world()):
            # All processes make equally many passes: rows that are not there any more count nothing.
            mine = range(start + rank() * pass_rows, start + (rank() + 1) * pass_rows)
            rows = [self.dataset.read("held-out", s, w * length, length) for s, w in (windows[i % len(windows)] for i in mine)]
            tokens, targets = targets_of(torch.stack(rows).to(self.device), config["tokenHeads"])
            counted = torch.tensor([i < len(windows) for i in mine], device=self.device)
            with self.precision():
                sums += self.model(tokens, targets.masked_fill(~counted[None, :, None], IGNORED))[1].double()
        if world() > 1:
            self.model.reshard()
            for layer in self.model.layers():
                layer.reshard()
        losses, behind = self._apart((add_up(sums) / (len(windows) * config["sequence"])).tolist())
        exp_all = lambda values: [math.exp(value) for value in values]
        means = lambda values: [sum(values[: n + 1]) / (n + 1) for n in range(len(values))]
        conditional = {
            "conditionalLosses": behind, "conditionalPerplexities": exp_all(behind),
            "chainPerplexities": exp_all(means(losses[:1] + behind)[1:]),
        } if behind else {}  # fmt: skip
        return {
            "kind": "evaluation", "step": self.progress["step"], "losses": losses,
            "perplexities": exp_all(losses), "jointPerplexities": exp_all(means(losses)), **conditional,
        }  # fmt: skip

    def checkpoint(self):
        begun = time.monotonic()
        progress = dict(self.progress)
        if self.loss_scale.active:
            progress["lossScale"] = {"value": self.loss_scale.value, "good_steps": self.loss_scale.good_steps}
        target = write_checkpoint(
            self.out, self.model, self.optimizer, progress,
            texts_from=self.texts_from, keep=self.config["keepCheckpoints"], shard_bytes=self.options.shard_bytes,
        )  # fmt: skip
        seconds = time.monotonic() - begun
        self.report({"kind": "checkpoint", "step": progress["step"], "folder": str(target), "seconds": seconds})

    def report(self, metrics):
        """One line in metrics.jsonl, a shorter one on the screen."""
        if rank() != 0:
            return
        self.out.mkdir(parents=True, exist_ok=True)
        with (self.out / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(metrics) + "\n")
        show = lambda values: " ".join("overflow" if value is None else f"{value:.4f}" for value in values)
        if metrics["kind"] == "step":
            speed = metrics["tokens"] / max(metrics["seconds"], 1e-9)
            behind = f"  behind the tokens between {show(metrics['conditionalLosses'])}" if "conditionalLosses" in metrics else ""
            print(f"step {metrics['step']}  losses {show(metrics['losses'])}{behind}  {speed:.0f} tokens/s", flush=True)
        elif metrics["kind"] == "evaluation":
            given = metrics.get("conditionalPerplexities")
            behind = f"  behind the tokens between {show(given)}" if given else ""
            print(f"held-out at step {metrics['step']}  perplexities {show(metrics['perplexities'])}{behind}", flush=True)
        else:
            print(f"checkpoint {metrics['folder']}", flush=True)


def rewind_metrics(out, step):
    """Drops what a killed run did after its last checkpoint: those steps are about to be done again."""
    path = out / "metrics.jsonl"
    if not path.is_file():
        return
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines():
        with contextlib.suppress(ValueError):  # a process that was killed may have left half a line
            if json.loads(line)["step"] <= step:
                kept.append(line + "\n")
    path.write_text("".join(kept), encoding="utf-8")


# --------------------------------------------------------------------------------------------------- golden vectors

TOLERANCES = {"loss": 1e-4, "norm": 1e-3, "gradient": 1e-3, "weight": 1e-4}
# Float32 gradients agree to about 1e-7 of the largest one. AdamW moves every weight by about a learning rate, however small its
# gradient is: one below this part of the largest (a key's bias, which the softmax does not see) moves it where rounding decides.
ROUNDING = 1e-5


def check_vectors(folder, device):
    """Losses, gradients and weights against a reference implementation's: prints what fails, and 'N passed, M failed'."""
    vectors = read_json(folder / "training.json")
    saved = Checkpoint(folder)
    model = make_model(
        shape_of(saved.config),
        device,
        stem_gradient_scale=vectors["stem_gradient_scale"],
        distillation=vectors.get("distillation", 0),
    )
    parameters = dict(model.named_parameters())
    saved.check({name: p.shape for name, p in parameters.items()})
    load(parameters, saved.read)
    optimizer = AdamW(parameters, *vectors["betas"], vectors["epsilon"], math.inf, vectors["weight_decay"], True)
    expected_gradients = TensorFile(folder / "expected-gradients.safetensors")
    counts = [0, 0]

    def check(name, difference, allowed):
        passed = difference <= allowed
        counts[0 if passed else 1] += 1
        if not passed:
            print(f"{name}: {difference:.1e} of at most {allowed}")

    for i, step in enumerate(vectors["steps"]):
        objectives, losses = vector_losses(model, torch.tensor(step["tokens"], device=device))
        optimizer.zero_gradients()
        objectives.sum().backward()
        expected_losses = step["losses"] + step.get("conditional_losses", [])
        if len(expected_losses) != len(losses):
            raise RunError(f"{folder}: expected {len(losses)} losses of a step, received {len(expected_losses)}")
        heads = [*range(1, model.shape.heads.count + 1), *(f"{n} behind the tokens between" for n in model.shape.heads.parts)]
        for head, loss, expected in zip(heads, losses.tolist(), expected_losses):
            check(f"step {i + 1}: loss of head {head}", abs(loss - expected), TOLERANCES["loss"])
        for name, expected in step["gradient_norms"].items():
            norm = parameters[name].grad.norm().item()
            check(f"step {i + 1}: gradient norm of {name}", abs(norm - expected) / expected, TOLERANCES["norm"])
        if i == 0:
            for name, parameter in parameters.items():
                expected = expected_gradients.read(name)
                worst = (parameter.grad.cpu() - expected).abs().max() / expected.abs().max()
                check(f"step 1: gradient of {name}", worst.item(), TOLERANCES["gradient"])
        optimizer.step(i, (vectors["lr_base"], vectors["lr_heads"]))
    check_weights(folder, vectors, parameters, expected_gradients, check)
    print(f"{counts[0]} passed, {counts[1]} failed")
    return counts[1] == 0


def vector_losses(model, rows):
    """Rows without tokens to spare: the last n positions of each have no target for head n."""
    heads, length = model.shape.heads, rows.shape[1]
    targets = torch.full((heads.count, *rows.shape), IGNORED, device=rows.device)
    for n in range(1, heads.count + 1):
        targets[n - 1, :, : length - n] = rows[:, n:]
    counts = (targets != IGNORED).sum((1, 2))
    counts = torch.stack([*counts, *(counts[n - 1] for n in heads.parts)])
    objectives, losses = model(rows, targets)
    return objectives / counts, losses / counts


def check_weights(folder, vectors, parameters, gradients, check):
    count = len(vectors["steps"])
    expected_weights = TensorFile(folder / f"expected-after-{count}-steps.safetensors")
    for name, parameter in parameters.items():
        difference = (parameter.detach().cpu() - expected_weights.read(name)).abs()
        gradient = gradients.read(name).abs()
        decided = gradient > ROUNDING * gradient.max()
        worst = difference[decided].max().item() if decided.any() else 0.0
        check(f"after {count} steps: {name}", worst, TOLERANCES["weight"])
        undecided = difference[~decided].max().item() if not decided.all() else 0.0
        rate = vectors["lr_heads"] if is_head(name) else vectors["lr_base"]
        check(f"after {count} steps: {name}, where the gradient is rounding alone", undecided, 2 * count * rate)


# ------------------------------------------------------------------------------------------------- the command line


def options_of(arguments):
    parser = argparse.ArgumentParser(description="Trains the DynaMo run of a folder that `dynamo train --export-torch` wrote.")
    parser.add_argument("--run", type=Path, default=Path(__file__).resolve().parent, help="the folder (default: this file's)")
    parser.add_argument("--out", type=Path, help="where checkpoints and metrics go (default: the folder's result/)")
    parser.add_argument("--resume", action="store_true", help="go on from the newest checkpoint in --out")
    parser.add_argument("--precision", choices=[*HALF], default="fp32", help="of the passes; weights and moments stay fp32")
    parser.add_argument("--activation-checkpointing", action="store_true", help="compute layers again in the backward pass")
    parser.add_argument("--rows", type=int, help="rows of a process's pass at most (default: run.json's batch)")
    parser.add_argument("--shard-bytes", type=float, default=5e9, help="start another weight file at this size")
    parser.add_argument("--stop-after", type=int, metavar="STEP", help="write a checkpoint there and stop")
    parser.add_argument("--device", choices=["auto", "cpu"], default="auto")
    parser.add_argument("--check-vectors", type=Path, metavar="FOLDER", help="check the arithmetic against golden vectors")
    parser.add_argument("--print-batches", type=int, metavar="STEPS", help="the tokens of the first steps as JSON")
    return parser.parse_args(arguments)


def print_batches(folder, steps):
    config = read_config(folder)
    order = WindowOrder(Dataset(folder / "data"), config["sequence"] + config["tokenHeads"], config["seed"])
    rows = config["batch"] * config["microBatches"]
    batches = Batches(order, rows, range(rows))
    taken = [batches.next() for _ in range(steps)]
    batches.close()
    print(json.dumps([{"tokens": tokens.tolist(), "drawn": drawn} for tokens, drawn in taken]))


def main(arguments):
    options = options_of(arguments)
    if options.print_batches is not None:
        return print_batches(options.run, options.print_batches)
    device = torch.device("cpu") if options.device == "cpu" else None
    if device is None or int(os.environ.get("WORLD_SIZE", "1")) > 1:
        device = start_processes()
    if options.check_vectors is not None:
        return None if check_vectors(options.check_vectors, device) else 1
    # A scheduler takes a machine back with SIGTERM, a person with Ctrl-C: the step under way is finished and saved.
    asked = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked.append(True))
    run = Run(options.run, options.out or options.run / "result", device, options)
    if rank() == 0:
        rewind_metrics(run.out, run.progress["step"])
    run.train(lambda: bool(asked))
    if rank() == 0:
        newest = checkpoints_in(run.out)[-1]
        done = run.progress["step"] >= run.config["steps"]
        print(f"{'finished' if done else 'stopped'} at step {run.progress['step']}: dynamo convert {newest} --out my-model")
    return None


if __name__ == "__main__":
    try:
        code = main(sys.argv[1:])
    except RunError as error:
        print(f"error: {error}", file=sys.stderr)
        code = 1
    finally:
        several = dist.is_initialized()
        if several:
            dist.destroy_process_group()
    if several:
        # Gloo's threads may still hold tensors: letting go of one while the interpreter is torn down aborts a process that has done
        # all its work (https://github.com/pytorch/pytorch/pull/179291).
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code or 0)
    sys.exit(code)
