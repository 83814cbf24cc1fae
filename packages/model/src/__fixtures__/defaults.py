"""Writes defaults.json: what families have where config.json says nothing. Run with transformers 5.18 installed: python defaults.py"""
import json
import transformers

sizes = dict(vocab_size=64, hidden_size=64, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
             max_position_embeddings=128, bos_token_id=1, eos_token_id=2, pad_token_id=0)
out = {}
for kind in ("llama", "mistral", "qwen2", "qwen3", "gemma2", "gemma3_text", "smollm3", "granite", "olmo2", "phi3"):
    config = transformers.AutoConfig.for_model(kind, **sizes)
    rope = config.rope_parameters
    rope = rope.get("full_attention", rope)
    out[kind] = {"config": {**sizes, "model_type": kind}, "epsilon": config.rms_norm_eps, "theta": rope["rope_theta"],
                 "activation": getattr(config, "hidden_activation", None) or config.hidden_act,
                 "head_size": getattr(config, "head_dim", None) or 32, "tied": config.tie_word_embeddings}
json.dump(out, open("defaults.json", "w"), indent=1)
