"""Writes rope.json: inverse frequencies as transformers computes them. Run with transformers 5.18 installed: python rope.py"""
import copy, json
import torch, transformers
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding
from transformers.models.phi3.modeling_phi3 import Phi3RotaryEmbedding
from transformers.models.gemma3.modeling_gemma3 import Gemma3RotaryEmbedding
from transformers.models.gpt_neox.modeling_gpt_neox import GPTNeoXRotaryEmbedding

llama = dict(model_type="llama", vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=1,
             num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=128, bos_token_id=1, eos_token_id=2)
phi3 = {**llama, "model_type": "phi3", "original_max_position_embeddings": 64, "pad_token_id": 0}
gemma = dict(model_type="gemma3_text", vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=6, head_dim=16,
             num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=128, bos_token_id=1, eos_token_id=2)
neox = dict(model_type="gpt_neox", vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=1,
            num_attention_heads=2, max_position_embeddings=128, bos_token_id=1, eos_token_id=2)
llama3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32)
without = lambda case, key: {name: value for name, value in case.items() if name != key}
short = [1.0 + 0.1 * i for i in range(6)]

cases = {
    "llama default": {**llama, "rope_theta": 500000.0},
    "llama, newer spelling": {**llama, "rope_parameters": {"rope_type": "default", "rope_theta": 1234.0}},
    "llama linear": {**llama, "rope_theta": 10000.0, "rope_scaling": {"type": "linear", "factor": 4.0}},
    "llama dynamic": {**llama, "rope_theta": 10000.0, "rope_scaling": {"rope_type": "dynamic", "factor": 4.0}},
    "llama 3.1": {**llama, "rope_theta": 500000.0, "rope_scaling": llama3},
    "llama, another head size": {**llama, "head_dim": 24, "rope_theta": 10000.0},
    "phi3, some dimensions": {**phi3, "original_max_position_embeddings": 128, "partial_rotary_factor": 0.75, "rope_theta": 10000.0},
    "phi3 longrope": {**phi3, "partial_rotary_factor": 0.75, "rope_theta": 10000.0,
                      "rope_scaling": {"type": "longrope", "short_factor": short, "long_factor": [4.0] * 6}},
    "phi3 longrope, an older name and a factor of its own": {**phi3, "rope_theta": 10000.0, "rope_scaling": {
        "type": "su", "short_factor": [1.1] * 8, "long_factor": [3.0] * 8, "factor": 4.0, "attention_factor": 1.5,
        "original_max_position_embeddings": 64}},
    "phi3 longrope, called yarn": {**phi3, "rope_theta": 10000.0, "rope_scaling": {
        "type": "yarn", "short_factor": [1.1] * 8, "long_factor": [3.0] * 8}},
    # The class has a default of its own, which stands before the settings'.
    "phi3 longrope, its first length among the settings": {**without(phi3, "original_max_position_embeddings"), "rope_scaling": {
        "type": "longrope", "short_factor": [1.1] * 8, "long_factor": [3.0] * 8, "original_max_position_embeddings": 32}},
    "llama longrope": {**llama, "rope_theta": 10000.0, "rope_scaling": {"rope_type": "longrope", "short_factor": [1.1] * 8,
                       "long_factor": [3.0] * 8, "original_max_position_embeddings": 32}},
    "llama yarn": {**llama, "rope_theta": 10000.0, "rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32}},
    "llama yarn, its first length unsaid": {**llama, "rope_theta": 500000.0, "rope_scaling": {"rope_type": "yarn", "factor": 2.0}},
    "llama yarn, all settings": {**llama, "rope_theta": 10000.0, "rope_scaling": {
        "rope_type": "yarn", "factor": 8.0, "original_max_position_embeddings": 64, "beta_fast": 16.0, "beta_slow": 2.0,
        "mscale": 0.7, "mscale_all_dim": 1.2, "truncate": False}},
    "llama yarn, a factor of attention": {**llama, "rope_theta": 10000.0, "head_dim": 64, "rope_scaling": {
        "rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32, "attention_factor": 0.8}},
    "qwen2 yarn": {**llama, "model_type": "qwen2", "hidden_size": 64, "rope_theta": 1000000.0, "max_position_embeddings": 32768,
                   "rope_scaling": {"factor": 4.0, "original_max_position_embeddings": 32768, "type": "yarn"}},
    "gemma3, older spelling": {**gemma, "rope_theta": 1e6, "rope_local_base_freq": 10000.0, "rope_scaling": {"rope_type": "linear", "factor": 8.0}},
    "gemma3, newer spelling": {**gemma, "rope_parameters": {
        "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6},
        "sliding_attention": {"rope_type": "default", "rope_theta": 20000.0}}},
    "gemma3, one plain spelling": {**gemma, "rope_theta": 1e6, "rope_local_base_freq": 10000.0},
    "gpt-neox": {**neox, "rotary_pct": 0.25, "rotary_emb_base": 7000},
    "gpt-neox linear": {**neox, "rotary_pct": 0.5, "rope_scaling": {"type": "linear", "factor": 2.0}},
}
classes = {"llama": LlamaRotaryEmbedding, "qwen2": LlamaRotaryEmbedding, "phi3": Phi3RotaryEmbedding, "gemma3_text": Gemma3RotaryEmbedding, "gpt_neox": GPTNeoXRotaryEmbedding}

def long_of(config, rope):
    """LongRoPE's other frequencies, and the length up to which they do not hold."""
    if getattr(rope, "rope_type", "") != "longrope":
        return {}
    behind = config.rope_parameters["original_max_position_embeddings"]
    if behind >= config.max_position_embeddings:
        return {}
    rope(torch.zeros(1), torch.tensor([[behind]]))
    return {"long": {"behind": behind, "frequencies": rope.inv_freq.double().tolist()}}

out = {}
for name, case in cases.items():
    # The settings are changed in place.
    config = transformers.AutoConfig.for_model(**copy.deepcopy(case))
    rope = classes[case["model_type"]](config)
    layers = []
    for i in range(case["num_hidden_layers"]):
        kind = getattr(config, "layer_types", None)
        prefix = f"{kind[i]}_" if case["model_type"] == "gemma3_text" else ""
        layers.append({"frequencies": getattr(rope, f"{prefix}inv_freq").double().tolist(),
                       "scale": float(getattr(rope, f"{prefix}attention_scaling")), **long_of(config, rope)})
    out[name] = {"config": case, "layers": layers}
json.dump(out, open("rope.json", "w"), indent=1)
