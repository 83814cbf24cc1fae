"""Writes conditional/<name>/: tiny models whose heads have conditional parts, and what torch makes of three steps of training them.

Run with torch, transformers 5 and safetensors installed, in this folder: python conditional.py [name ...]
Every head is a model of its own class that shares all but the last layer with the base; parts are the formula of
packages/model/src/architectures/conditional.ts, line by line. All is computed in float64, from float32 weights. The loss is the sum
over heads, and over heads behind the true tokens between, of means over the positions that have a target. `distillation` a:
a position's target is (1 - a) of its token and a of head 1's distribution n - 1 positions further on, where the row has that position.
"""
import copy, json, os, sys, zlib
import torch, transformers
from safetensors.torch import save_file

sizes = dict(vocab_size=29, hidden_size=8, intermediate_size=12, num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=32)
llama = dict(**sizes, num_key_value_heads=1, rms_norm_eps=1e-5, pad_token_id=None)
# name: (model_type, settings, heads, conditional, distillation)
cases = {
    "neox": ("gpt_neox", dict(**sizes, rotary_pct=0.5), 3, dict(pairs=3, between=4), 0),
    "llama": ("llama", llama, 2, dict(pairs=5, between=0), 0.7),
    # Its logits are scaled, and its embedding too; the output embedding is the input's.
    "granite": ("granite", dict(**llama, embedding_multiplier=3.0, attention_multiplier=0.3, residual_multiplier=0.4,
                logits_scaling=2.5, tie_word_embeddings=True), 3, dict(pairs=0, between=4), 1),
}
steps, scale, rate_base, rate_heads, decay, betas, epsilon = 3, 0.1, 1e-3, 1e-2, 0.01, (0.9, 0.95), 1e-8

def scaled(x):
    return x.detach() * (1 - scale) + x * scale

def layers_of(model):
    return model.gpt_neox.layers if hasattr(model, "gpt_neox") else model.model.layers

def prefix_of(model):
    return "gpt_neox.layers" if hasattr(model, "gpt_neox") else "model.layers"

def shake(parameters, generator):
    for name, p in parameters:
        noise = torch.randn(p.shape, generator=generator)
        p.data = ((1.0 if "norm" in name and name.endswith("weight") else 0.0) + (0.3 if p.dim() == 1 else 0.4) * noise).double()

def head_of(model, last):
    """The model with another last layer, everything else being the same parameters; what enters that layer goes back scaled."""
    head = copy.copy(model)
    head._modules = dict(model._modules)
    name = model.base_model_prefix
    backbone = copy.copy(getattr(model, name))
    backbone._modules = dict(backbone._modules)
    backbone._modules["layers"] = torch.nn.ModuleList([*backbone.layers[:-1], last])
    head._modules[name] = backbone
    last.register_forward_pre_hook(lambda _, inputs: (scaled(inputs[0]), *inputs[1:]))
    return head

def part_shapes(n, V, H, pairs, between):
    shapes = {}
    if pairs:
        shapes |= {"pairs.embedding.weight": (V, pairs), "pairs.output.weight": (H, pairs)}
    if between:
        shapes |= {"between.state.weight": (2 * between, H), "between.state.bias": (2 * between,), "between.first.weight": (2 * between, H),
                   **{f"between.token_{j}.weight": (2 * between, H) for j in range(1, n)}, "between.output.weight": (H, between)}
    return shapes

def behind(p, n, own, first, tokens, table):
    """s'_n behind the tokens x_1..x_{n-1}: own, first [B, T, H], tokens a list of [B, T]."""
    result = own
    if "pairs.output.weight" in p:
        result = result + p["pairs.embedding.weight"][tokens[-1]] @ p["pairs.output.weight"].T
    if "between.output.weight" in p:
        ug = own @ p["between.state.weight"].T + scaled(first) @ p["between.first.weight"].T + p["between.state.bias"]
        for j, x in enumerate(tokens, 1):
            e = table.detach()[x]
            ug = ug + e / (e.square().mean(-1, keepdim=True) + 1e-6).sqrt() @ p[f"between.token_{j}.weight"].T
        w = ug.shape[-1] // 2
        result = result + torch.nn.functional.silu(ug[..., :w]) * ug[..., w:] @ p["between.output.weight"].T
    return result

def losses(models, parts, rows, distillation):
    """Of each head, then of each head behind the tokens between: what is minimised, and the cross entropy with the tokens."""
    T = rows.shape[1]
    scaling = getattr(models[0].config, "logits_scaling", 1.0)
    states = [each.base_model(rows).last_hidden_state / scaling for each in models]
    output, table = models[0].get_output_embeddings().weight, models[0].get_input_embeddings().weight
    teacher = (states[0] @ output.T).detach().log_softmax(-1)
    told = list(enumerate(states, 1))
    for n, p in parts.items():
        # Past the row's end any token will do: no target is left there.
        tokens = [torch.cat([rows[:, j:], rows[:, :j]], 1) for j in range(1, n)]
        told.append((n, behind(p, n, states[n - 1], states[0], tokens, table)))
    minimised, reported = [], []
    for n, state in told:
        log_p = (state @ output.T).log_softmax(-1)
        goals, entropies = [], []
        for t in range(T - n):
            hard = -log_p[range(len(rows)), t, rows[:, t + n]]
            entropies.append(hard)
            soft = -(teacher[:, t + n - 1].exp() * log_p[:, t]).sum(-1)
            goals.append(hard if n == 1 else (1 - distillation) * hard + distillation * soft)
        minimised.append(torch.stack(goals).mean())
        reported.append(torch.stack(entropies).mean())
    return sum(minimised), reported

for name in sys.argv[1:] or cases:
    kind, settings, heads, conditional, distillation = cases[name]
    generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    config = transformers.AutoConfig.for_model(kind, **settings)
    config._attn_implementation = "eager"
    base = transformers.AutoModelForCausalLM.from_config(config).double().eval()
    shake(base.named_parameters(), generator)
    base.tie_weights()
    lasts = {n: copy.deepcopy(layers_of(base)[-1]) for n in range(2, heads + 1)}
    parameters = {"embed_out.weight" if kind == "gpt_neox" and key == "lm_head.weight" else key: p for key, p in base.named_parameters()}
    parts = {}
    for n, last in lasts.items():
        shake(last.named_parameters(), generator)
        parameters |= {f"dynamo.token_heads.{n}.{key}": p for key, p in last.named_parameters()}
        shapes = part_shapes(n, config.vocab_size, config.hidden_size, **conditional)
        parts[n] = {key: torch.nn.Parameter(torch.zeros(shape)) for key, shape in shapes.items()}
        shake(parts[n].items(), generator)
        parameters |= {f"dynamo.conditional.{n}.{key}": p for key, p in parts[n].items()}
    models = [base, *(head_of(base, last) for last in lasts.values())]
    folder = os.path.join("conditional", name)
    os.makedirs(folder, exist_ok=True)
    save = lambda file, tensors: save_file({key: t.detach().float().clone().contiguous() for key, t in tensors.items()}, f"{folder}/{file}.safetensors")
    save("model", parameters)
    text = {key: value for key, value in config.to_dict().items() if key not in ("transformers_version", "_attn_implementation_autoset")}
    text |= {"architectures": [type(base).__name__], "dynamo": {"token_heads": heads, "conditional": conditional}}
    json.dump(text, open(f"{folder}/config.json", "w"), indent=1, sort_keys=True)
    is_head = lambda key: key.startswith("dynamo.")
    adamw = torch.optim.AdamW([
        {"params": [p for key, p in parameters.items() if not is_head(key)], "lr": rate_base},
        {"params": [p for key, p in parameters.items() if is_head(key)], "lr": rate_heads},
    ], betas=betas, eps=epsilon, weight_decay=decay)
    record = []
    for step in range(steps):
        rows = torch.randint(0, config.vocab_size, (2, 9), generator=generator)
        total, reported = losses(models, parts, rows, distillation)
        adamw.zero_grad()
        total.backward()
        if step == 0:
            save("expected-gradients", {key: p.grad for key, p in parameters.items()})
        values = [loss.item() for loss in reported]
        record.append({"tokens": rows.tolist(), "losses": values[:heads], "conditional_losses": values[heads:],
                       "gradient_norms": {key: float(p.grad.norm()) for key, p in parameters.items()}})
        adamw.step()
    save(f"expected-after-{steps}-steps", parameters)
    json.dump({"stem_gradient_scale": scale, "distillation": distillation, "lr_base": rate_base, "lr_heads": rate_heads, "weight_decay": decay,
               "betas": betas, "epsilon": epsilon, "schedule": "constant", "steps": record}, open(f"{folder}/training.json", "w"), indent=1)
    print(name, sum(p.numel() for p in parameters.values()), record[0]["losses"], record[0]["conditional_losses"])
