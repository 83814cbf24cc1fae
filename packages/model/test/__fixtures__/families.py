"""Writes families/<name>/: tiny random checkpoints of every family, and what transformers computes from them.

Run with torch, transformers 5.18 and safetensors installed, in this folder: python families.py [name ...]
Weights are bfloat16, as published files mostly are; expected values are those of the same weights in float32. Norms are off 1
and biases off 0, so that a mistake shows. A head from the second on is one decoder layer of the base's own class in the place
of its last. The wanted logits are those of two rows of tokens; the greedy text begins with half of the first. The gradients are
those of the mean cross-entropies of both heads on these rows, added up; of each tensor's gradient g stand Σ g·sin(i + 1) over its
elements i = 0, 1, … and √Σ g².
"""
import copy, json, os, sys, zlib
import torch, transformers
from safetensors.torch import save_file

llama = dict(vocab_size=60, hidden_size=24, intermediate_size=20, num_hidden_layers=3, num_attention_heads=4,
             num_key_value_heads=2, max_position_embeddings=64, bos_token_id=1, eos_token_id=2, rms_norm_eps=1e-5)
llama3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=16)
hybrid = {**{key: value for key, value in llama.items() if key != "rms_norm_eps"}, "num_hidden_layers": 4, "pad_token_id": 0}
absent = object()
# name: (model_type, settings, keys of the older spelling that stand in config.json instead of rope_parameters and of absent ones)
cases = {
    "gpt_neox": ("gpt_neox", dict(vocab_size=60, hidden_size=24, intermediate_size=20, num_hidden_layers=3, num_attention_heads=3,
                 max_position_embeddings=64, rotary_pct=0.5, bos_token_id=0, eos_token_id=0), None),
    "gpt_neox-sequential": ("gpt_neox", dict(vocab_size=60, hidden_size=24, intermediate_size=20, num_hidden_layers=3,
                 num_attention_heads=3, max_position_embeddings=64, rotary_pct=1.0, use_parallel_residual=False,
                 hidden_act="gelu_fast", tie_word_embeddings=True, bos_token_id=0, eos_token_id=0), None),
    "llama": ("llama", dict(**llama, head_dim=8, attention_bias=True, mlp_bias=True, rope_parameters=dict(rope_type="default", rope_theta=500.0)),
              dict(rope_theta=500.0, rope_scaling=None)),
    "llama-3": ("llama", dict(**llama, tie_word_embeddings=True, rope_parameters=dict(rope_theta=5000.0, **llama3)),
                dict(rope_theta=5000.0, rope_scaling=llama3)),
    "qwen2": ("qwen2", dict(**llama, use_sliding_window=True, sliding_window=5, max_window_layers=1, tie_word_embeddings=True), None),
    "qwen3": ("qwen3", dict(**llama, head_dim=10), None),
    "mistral": ("mistral", dict(**llama, head_dim=8, sliding_window=6), None),
    "gemma2": ("gemma2", dict(**{**llama, "num_hidden_layers": 4}, head_dim=8, sliding_window=6, query_pre_attn_scalar=11,
               attn_logit_softcapping=1.5, final_logit_softcapping=3.0), None),
    "gemma3": ("gemma3_text", dict(**{**llama, "num_hidden_layers": 4}, head_dim=8, sliding_window=6, query_pre_attn_scalar=11,
               layer_types=["sliding_attention", "full_attention", "sliding_attention", "full_attention"]), None),
    # transformers caps logits, and not the scores of attention, whatever attn_logit_softcapping says.
    "gemma3-capped": ("gemma3_text", dict(**llama, head_dim=8, sliding_window=6, query_pre_attn_scalar=8, final_logit_softcapping=2.0,
                      attn_logit_softcapping=0.5, layer_types=["sliding_attention", "full_attention", "sliding_attention"]), None),
    "smollm3": ("smollm3", dict(**{**llama, "num_hidden_layers": 4}, no_rope_layers=[1, 0, 1, 1], pad_token_id=0), None),
    "granite": ("granite", dict(**llama, embedding_multiplier=3.0, attention_multiplier=0.3, residual_multiplier=0.4,
                logits_scaling=2.5, attention_bias=True), None),
    "olmo2": ("olmo2", dict(**{**llama, "num_key_value_heads": 2}, pad_token_id=0), None),
    "phi3": ("phi3", dict(**llama, pad_token_id=0, sliding_window=7, original_max_position_embeddings=64,
             rope_parameters=dict(rope_type="default", rope_theta=10000.0, partial_rotary_factor=0.67)), None),
    "lfm2": ("lfm2", dict(**hybrid, layer_types=["conv", "full_attention", "conv", "conv"], block_auto_adjust_ff_dim=False), None),
    # As LiquidAI wrote them first: the feed-forward is int(2 * 40 / 3) · 0.7 = 18, rounded up to 24.
    "lfm2-biases": ("lfm2", dict(**{**hybrid, "intermediate_size": 40}, layer_types=["conv", "full_attention", "conv", "full_attention"],
                    conv_L_cache=4, conv_bias=True, block_multiple_of=8, block_ffn_dim_multiplier=0.7, tie_word_embeddings=False,
                    rope_parameters=dict(rope_type="default", rope_theta=500.0)),
                    dict(rope_theta=500.0, layer_types=absent, full_attn_idxs=[1, 3], intermediate_size=absent, block_ff_dim=40,
                    tie_word_embeddings=absent, tie_embedding=False)),
    # All of its rows are longer than the 11 positions that it was first trained with; expected-short.safetensors has what is not.
    "phi3-longrope": ("phi3", dict(**llama, pad_token_id=0, original_max_position_embeddings=11, tie_word_embeddings=True,
                      rope_parameters=dict(rope_type="longrope", rope_theta=10000.0, partial_rotary_factor=0.67,
                                           short_factor=[1.0, 1.3], long_factor=[1.5, 5.0])), None),
    "starcoder2": ("starcoder2", dict(vocab_size=60, hidden_size=24, intermediate_size=20, num_hidden_layers=3, num_attention_heads=4,
                   num_key_value_heads=2, max_position_embeddings=64, bos_token_id=1, eos_token_id=2, sliding_window=6), None),
    "gpt2": ("gpt2", dict(vocab_size=60, n_embd=24, n_head=3, n_layer=3, n_inner=20, n_positions=64, bos_token_id=1, eos_token_id=1), None),
}

def layers_of(model):
    for path in ("model.layers", "gpt_neox.layers", "transformer.h"):
        parent, name = path.split(".")
        if hasattr(model, parent):
            return getattr(getattr(model, parent), name), f"{path}."
    raise SystemExit("no layers")

def shaken(module, generator):
    for name, weight in module.named_parameters():
        noise = torch.randn(weight.shape, generator=generator)
        is_gain = "norm" in name and name.endswith("weight") or ".ln_" in f".{name}" and name.endswith("weight")
        offset = 0.0 if "gemma" in type(module).__name__.lower() or not is_gain else 1.0
        weight.data = (offset + (0.3 if weight.dim() == 1 else 0.25) * noise).to(torch.bfloat16).float()

def logits(model, rows):
    with torch.no_grad():
        return model(torch.tensor(rows)).logits.float().contiguous()

def gradients(model, head, rows, prefix):
    """Both heads share all but the last layer."""
    own, base = layers_of(head)[0], layers_of(model)[0]
    last = own[-1]
    for module, child in model.named_children():
        setattr(head, module, child)
    shared = copy.copy(getattr(model, prefix.split(".")[0]))
    shared._modules = dict(shared._modules)
    stack = torch.nn.ModuleList([*base[:-1], last])
    setattr(shared, prefix.split(".")[1], stack)
    setattr(head, prefix.split(".")[0], shared)
    tokens = torch.tensor(rows)
    length = tokens.shape[1] - 2
    total = 0
    for n, each in ((1, model), (2, head)):
        out = each(tokens[:, :length]).logits
        total = total + torch.nn.functional.cross_entropy(out.flatten(0, 1), tokens[:, n : n + length].flatten())
    model.zero_grad()
    total.backward()
    found = {key: value.grad for key, value in model.named_parameters()}
    found |= {f"dynamo.token_heads.2.{key}": value.grad for key, value in last.named_parameters()}
    def line(g):
        flat = g.double().flatten()
        return [float((flat * torch.sin(torch.arange(1, flat.numel() + 1, dtype=torch.float64))).sum()), float(flat.norm())]
    return {"loss": float(total), "gradients": {key: line(g) for key, g in found.items()}}

for name in sys.argv[1:] or cases:
    kind, settings, older = cases[name]
    generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    config = transformers.AutoConfig.for_model(kind, **settings)
    config._attn_implementation = "eager"
    model = transformers.AutoModelForCausalLM.from_config(config).eval()
    shaken(model, generator)
    model.tie_weights()
    head = copy.deepcopy(model)
    layers, prefix = layers_of(head)
    shaken(layers[-1], generator)
    rows = torch.randint(3, 60, (2, 24), generator=generator).tolist()
    weights = {key: value.to(torch.bfloat16).contiguous() for key, value in model.state_dict().items()
               if not (config.tie_word_embeddings and key in ("lm_head.weight", "embed_out.weight"))}
    weights |= {f"dynamo.token_heads.2.{key}": value.to(torch.bfloat16).contiguous() for key, value in layers[-1].state_dict().items()}
    folder = f"families/{name}"
    os.makedirs(folder, exist_ok=True)
    save_file(weights, f"{folder}/model.safetensors")
    text = config.to_dict()
    if older is not None:
        del text["rope_parameters"]
        text = {key: value for key, value in {**text, **older}.items() if value is not absent}
    text["architectures"] = [type(model).__name__]
    text["dynamo"] = {"token_heads": 2}
    for key in ("transformers_version", "_attn_implementation_autoset"):
        text.pop(key, None)
    json.dump(text, open(f"{folder}/config.json", "w"), indent=1, sort_keys=True)
    json.dump({"tokens": rows}, open(f"{folder}/tokens.json", "w"))
    save_file({"head_1": logits(model, rows), "head_2": logits(head, rows)}, f"{folder}/expected-logits.safetensors")
    trained_with = text.get("original_max_position_embeddings", 64)
    if trained_with < len(rows[0]):
        short = [row[:trained_with] for row in rows]
        save_file({"head_1": logits(model, short), "head_2": logits(head, short)}, f"{folder}/expected-short.safetensors")
    prompt, written, margin = rows[0][:12], [], float("inf")
    for _ in range(16):
        best = logits(model, [prompt + written])[0, -1].topk(2)
        margin = min(margin, float(best.values[0] - best.values[1]))
        written.append(int(best.indices[0]))
    json.dump({"prompt": prompt, "tokens": written}, open(f"{folder}/expected-greedy.json", "w"))
    trained = gradients(model, head, rows, prefix)
    if kind == "gpt_neox" and not config.tie_word_embeddings:  # as published files call it
        trained["gradients"]["embed_out.weight"] = trained["gradients"].pop("lm_head.weight")
    json.dump(trained, open(f"{folder}/expected-gradients.json", "w"), indent=1)
    print(name, sum(v.numel() for v in weights.values()), f"smallest margin {margin:.3f}")
