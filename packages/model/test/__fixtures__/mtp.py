"""Writes mtp/: a tiny Qwen 3, one multi-token-prediction module for it in three namings, and its logits with the true tokens between.
Needs torch 2, transformers 5 and safetensors: python mtp.py"""
import json, os, torch
from safetensors.torch import save_file
from transformers import Qwen3Config, Qwen3ForCausalLM
from transformers.models.qwen3.modeling_qwen3 import Qwen3DecoderLayer, Qwen3RMSNorm

here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "mtp")
os.makedirs(here, exist_ok=True)
torch.manual_seed(7)
h, V, T = 16, 40, 12
# A state is no whole number of attention heads wide.
config = Qwen3Config(vocab_size=V, hidden_size=h, intermediate_size=20, num_hidden_layers=2, num_attention_heads=2,
                     num_key_value_heads=1, head_dim=6, max_position_embeddings=64, rms_norm_eps=1e-5, tie_word_embeddings=True,
                     bos_token_id=1, eos_token_id=2, attn_implementation="eager")
base = Qwen3ForCausalLM(config).eval()
layer = Qwen3DecoderLayer(config, 0).eval()
embedding_norm, hidden_norm, output_norm = (Qwen3RMSNorm(h, 1e-5) for _ in range(3))
projection = torch.randn(h, 2 * h) * 0.3
for module in [base, layer, embedding_norm, hidden_norm, output_norm]:
    for name, p in module.named_parameters():
        is_norm = p.dim() == 1
        torch.nn.init.normal_(p, 1 if is_norm else 0, 0.2 if is_norm else 0.35)
tokens = torch.randint(3, V, (2, T + 2))

def run(z):
    n = z.shape[1]
    positions = torch.arange(n)[None]
    mask = torch.full((n, n), float("-inf")).triu(1)[None, None]
    out = layer(z, attention_mask=mask, position_ids=positions, position_embeddings=base.model.rotary_emb(z, positions))
    return out[0] if isinstance(out, tuple) else out

def pair(ids, states):
    return torch.cat([embedding_norm(base.model.embed_tokens(ids)), hidden_norm(states)], -1) @ projection.T

logits = lambda states: base.lm_head(states).contiguous()
with torch.no_grad():
    states = base.model(tokens[:, :T]).last_hidden_state
    z = pair(tokens[:, 1 : T + 1], states)
    u = run(z)
    expected = {"head_1": logits(states), "mtp_1": logits(output_norm(u))}
    for name, fed_back in [("normed", output_norm(u)), ("layer", u)]:
        # The second token behind place t: the module's pairs up to t, then its own output with the next token.
        second = [run(torch.cat([z[:, : t + 1], pair(tokens[:, t + 2 : t + 3], fed_back[:, t : t + 1])], 1))[:, -1] for t in range(T)]
        expected[f"mtp_2_{name}"] = logits(output_norm(torch.stack(second, 1)))

def save(name, tensors):
    save_file({key: value.detach().clone().contiguous() for key, value in tensors.items()}, os.path.join(here, name + ".safetensors"))

own = dict(layer.named_parameters())
norms = [embedding_norm.weight, hidden_norm.weight, output_norm.weight]
def named(prefix, names, matrix):
    return {**{f"{prefix}.{k}": v for k, v in own.items()}, **dict(zip(names, [*norms, matrix]))}

save("base", {k: v for k, v in base.named_parameters()})
save("qwen", named("mtp.layers.0", ["mtp.pre_fc_norm_embedding.weight", "mtp.pre_fc_norm_hidden.weight", "mtp.norm.weight", "mtp.fc.weight"], projection))
m = "model.mtp_layers.0"
save("mimo", named(m, [f"{m}.token_layernorm.weight", f"{m}.hidden_layernorm.weight", f"{m}.final_layernorm.weight", f"{m}.input_proj.weight"],
                   torch.cat([projection[:, h:], projection[:, :h]], 1)))
d = "model.layers.2"
save("deepseek", {**named(d, [f"{d}.enorm.weight", f"{d}.hnorm.weight", f"{d}.shared_head.norm.weight", f"{d}.eh_proj.weight"], projection),
                  f"{d}.embed_tokens.weight": base.model.embed_tokens.weight, f"{d}.shared_head.head.weight": base.lm_head.weight})
save("expected-logits", expected)
with open(os.path.join(here, "config.json"), "w") as f:
    json.dump({**{k: v for k, v in config.to_diff_dict().items() if not k.startswith("_")}, "architectures": ["Qwen3ForCausalLM"], "num_nextn_predict_layers": 1}, f, indent=1)
    f.write("\n")
with open(os.path.join(here, "tokens.json"), "w") as f:
    json.dump({"tokens": tokens[:, :T].tolist(), "next_tokens": tokens[:, T:].tolist()}, f)
    f.write("\n")
