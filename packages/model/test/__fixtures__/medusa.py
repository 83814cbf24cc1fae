"""Writes medusa/: a tiny Llama, Medusa heads for it in two layouts, and their logits. Needs torch 2, transformers 5 and safetensors:
python medusa.py"""
import json, os, torch
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "medusa")
torch.manual_seed(5)
h, V, T = 16, 40, 12
config = LlamaConfig(vocab_size=V, hidden_size=h, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
                     num_key_value_heads=1, max_position_embeddings=64, rms_norm_eps=1e-5, tie_word_embeddings=False,
                     bos_token_id=1, eos_token_id=2)
base = LlamaForCausalLM(config).eval()
for name, p in base.named_parameters():
    torch.nn.init.normal_(p, 1 if "norm" in name else 0, 0.2 if "norm" in name else 0.3)
tokens = torch.randint(3, V, (2, T))
with torch.no_grad():
    state = base.model(tokens).last_hidden_state
    head_1 = base(tokens).logits

def run(blocks, output):
    x = state
    for w, b in blocks:
        x = x + torch.nn.functional.silu(x @ w.T + (0 if b is None else b))
    return (x @ output.T).contiguous()

def folder(name): 
    path = os.path.join(here, name)
    os.makedirs(path, exist_ok=True)
    return path

def write_json(path, value):
    with open(path, "w") as f:
        json.dump(value, f, indent=1)
        f.write("\n")

weight = lambda: torch.randn(h, h) * 0.3
base.save_pretrained(folder("base"))
for extra in ["generation_config.json"]:
    path = os.path.join(here, "base", extra)
    if os.path.exists(path):
        os.remove(path)
expected = {"head_1": head_1.contiguous()}

# FasterDecoding: two blocks with biases, an output matrix for each of two heads.
tensors = {}
for i in range(2):
    blocks = [(weight(), torch.randn(h) * 0.3) for _ in range(2)]
    output = torch.randn(V, h) * 0.3
    for j, (w, b) in enumerate(blocks):
        tensors[f"{i}.{j}.linear.weight"], tensors[f"{i}.{j}.linear.bias"] = w, b
    tensors[f"{i}.2.weight"] = output
    expected[f"fasterdecoding_{i}"] = run(blocks, output)
save_file(tensors, os.path.join(folder("fasterdecoding"), "medusa_lm_head.safetensors"))
write_json(os.path.join(here, "fasterdecoding", "config.json"),
           {"base_model_name_or_path": "../base", "medusa_num_heads": 2, "medusa_num_layers": 2})

# vLLM: four heads of one block without bias, and the base's own output embedding for all of them, in the place of the first's.
tensors = {"medusa_heads.lm_heads.0.weight": base.lm_head.weight.detach().clone()}
for i in range(4):
    w = weight()
    tensors[f"medusa_heads.blocks.{i}.layers.0.weight"] = w
    expected[f"vllm_{i}"] = run([(w, None)], base.lm_head.weight.detach())
save_file(tensors, os.path.join(folder("vllm"), "model.safetensors"))
write_json(os.path.join(here, "vllm", "config.json"),
           {"model_type": "medusa", "hidden_size": h, "vocab_size": V, "num_heads": 4, "num_hidden_layers": 1, "original_lm_head": True})

save_file(expected, os.path.join(here, "expected-logits.safetensors"))
write_json(os.path.join(here, "tokens.json"), {"tokens": tokens.tolist()})
