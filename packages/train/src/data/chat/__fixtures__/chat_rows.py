"""Writes chat-rows.json: small tokenizers of the kinds that families have, and what transformers makes of conversations with them.

Run with transformers 5.18 and its tokenizers installed, in this folder: python chat_rows.py
Templates are those of published models (@dynamo/tokenizer's src/jinja/__fixtures__/templates). The mask of an answer's tokens is
apply_chat_template(return_assistant_tokens_mask=True) of the same template with {% generation %} around its answers, which
renders the same text. Rows end with the last answer's end.
"""
import json, os
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

templates = "../../../../../tokenizer/src/jinja/__fixtures__/templates"
text = """The cat sat on the mat. Why is the sky blue? The sky is blue because light scatters. Who are you? I am a small model.
Name a colour: red, green or blue. A colour is red. You answer in one sentence. user assistant system model
What is two and two? It is four, and that is all there is to it. Good morning! Good morning to you, too.
"""

def learned(size, **settings):
    """Vocabulary and merges of a small text."""
    tokenizer = Tokenizer(models.BPE())
    for key, value in settings.items():
        setattr(tokenizer, key, value)
    alphabet = pre_tokenizers.ByteLevel.alphabet() if isinstance(settings["pre_tokenizer"], pre_tokenizers.Sequence) else []
    tokenizer.train_from_iterator([text], trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False))
    model = json.loads(tokenizer.to_str())["model"]
    return model["vocab"], [tuple(pair) if isinstance(pair, list) else tuple(pair.split(" ")) for pair in model["merges"]]

def special(names):
    return [AddedToken(name, special=True, normalized=False) for name in names]

def byte_level(names, plain=()):
    """As Qwen and Llama 3 have it."""
    pattern = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    from tokenizers import Regex
    split = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"),
                                     pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    vocab, merges = learned(340, pre_tokenizer=split)
    tokenizer = Tokenizer(models.BPE(vocab, merges))
    tokenizer.pre_tokenizer, tokenizer.decoder = split, decoders.ByteLevel()
    tokenizer.add_tokens(special(names))
    tokenizer.add_tokens([AddedToken(name, special=False, normalized=False) for name in plain])
    return tokenizer

def pieces(names, prepend):
    """As Gemma has it (spaces become ▁), or Llama 2 (and one more before each text); bytes for unknown characters."""
    steps = [normalizers.Replace(" ", "▁")]
    normalizer = normalizers.Sequence([normalizers.Prepend("▁"), *steps]) if prepend else steps[0]
    found, merges = learned(120, normalizer=steps[0], pre_tokenizer=pre_tokenizers.Split("▁", "merged_with_next"))
    vocab = {name: i for i, name in enumerate(["<unk>", "<s>", "</s>"] if prepend else ["<pad>", "<eos>", "<bos>", "<unk>"])}
    for name in [*(f"<0x{byte:02X}>" for byte in range(256)), *found]:
        vocab.setdefault(name, len(vocab))
    tokenizer = Tokenizer(models.BPE(vocab, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizer
    ends = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence([*ends, decoders.Strip(" ", 1, 0)] if prepend else ends)
    tokenizer.add_tokens(special(list(vocab)[: 3 if prepend else 4] + names))
    return tokenizer

tokenizers = {
    "qwen": byte_level(["<|endoftext|>", "<|im_start|>", "<|im_end|>"], ["<think>", "</think>"]),
    "llama-3": byte_level(["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]),
    "gemma": pieces(["<start_of_turn>", "<end_of_turn>"], prepend=False),
    "llama-2": pieces([], prepend=True),
    "phi-3": pieces(["<|endoftext|>", "<|assistant|>", "<|system|>", "<|end|>", "<|user|>"], prepend=True),
}

def answered(head, answer, tail):
    """The parts of a turn, with the answer's in a generation block."""
    return ("{{" + head + "}}{% if message['role'] == 'assistant' %}{% generation %}{{" + answer + "}}{% endgeneration %}{% else %}{{"
            + answer + "}}{% endif %}{{" + tail + "}}")

marked = lambda what: "{% generation %}{{- " + what + " }}{% endgeneration %}"
think = r"'<think>\n' + reasoning_content.strip('\n') + '\n</think>\n\n' + content.lstrip('\n')"
# name: (tokenizer, begin and end of text, what to put into the template instead of what, whether a system message is refused)
cases = {
    "chatml": ("qwen", "<|endoftext|>", "<|im_end|>", [
        (r"{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}",
         answered(r"'<|im_start|>' + message['role'] + '\n'", "message['content'] + '<|im_end|>'", r"'\n'"))]),
    "qwen2_5": ("qwen", None, "<|im_end|>", [
        (r"{{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>' + '\n' }}",
         "{%- if true %}" + answered(r"'<|im_start|>' + message.role + '\n'", "message.content + '<|im_end|>'", r"'\n'") + "{%- endif %}")]),
    "qwen3": ("qwen", None, "<|im_end|>", [
        (r"{{- '<|im_start|>' + message.role + '\n<think>\n' + reasoning_content.strip('\n') + '\n</think>\n\n' + content.lstrip('\n') }}",
         r"{{- '<|im_start|>' + message.role + '\n' }}" + marked(think)),
        ("        {{- '<|im_end|>\\n' }}\n    {%- elif message.role == \"tool\" %}",
         "        " + marked("'<|im_end|>'") + "{{- '\\n' }}\n    {%- elif message.role == \"tool\" %}")]),
    "llama3": ("llama-3", "<|begin_of_text|>", "<|eot_id|>", [
        ("{{ content }}", r"{% if message['role'] == 'assistant' %}{{ '<|start_header_id|>assistant<|end_header_id|>" + "\n\n" + r"' }}"
         "{% generation %}{{ message['content'] | trim + '<|eot_id|>' }}{% endgeneration %}{% else %}{{ content }}{% endif %}")]),
    "phi3": ("phi-3", "<s>", "<|endoftext|>", [
        ("{{'<|assistant|>\n' + message['content'] + '<|end|>\n'}}",
         "{{'<|assistant|>\n'}}{% generation %}{{ message['content'] + '<|end|>' }}{% endgeneration %}{{ '\n' }}")]),
    "inst": ("llama-2", "<s>", "</s>", [
        ("{{- ' ' + content | trim + ' ' + eos_token -}}", "{%- generation -%}{{- ' ' + content | trim + ' ' + eos_token -}}{%- endgeneration -%}")]),
    "gemma": ("gemma", "<bos>", "<eos>", [
        ("{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}",
         answered("'<start_of_turn>' + role + '\n'", "message['content'] | trim + '<end_of_turn>'", "'\n'"))]),
    "gemma3": ("gemma", "<bos>", "<eos>", [
        ("        {{ message['content'] | trim }}",
         "        {%- if message['role'] == 'assistant' -%}{% generation %}{{ message['content'] | trim }}{% endgeneration %}"
         "{%- else -%}{{ message['content'] | trim }}{%- endif -%}"),
        ("    {{ '<end_of_turn>\n' }}", "    {%- if message['role'] == 'assistant' -%}{% generation %}{{ '<end_of_turn>' }}{% endgeneration %}"
         "{%- else -%}{{ '<end_of_turn>' }}{%- endif -%}{{ '\n' }}")]),
}
user, assistant = (lambda content: {"role": "user", "content": content}), (lambda content: {"role": "assistant", "content": content})
conversations = {
    "one answer": [user("Why is the sky blue?"), assistant("Because light scatters.")],
    "two answers": [user("Who are you? Ω"), assistant("I am a small model."), user("Name a colour:\n\nred or blue"), assistant("blue\n\nA colour is blue.")],
    "a system message": [{"role": "system", "content": "You answer in one sentence."}, user("What is two and two?"), assistant("It is four.")],
}

def row(tokenizer, marked_template, messages):
    """Ids and mask, cut behind the last answer."""
    plain = tokenizer.apply_chat_template(messages, tokenize=True, return_dict=True)["input_ids"]
    out = tokenizer.apply_chat_template(messages, chat_template=marked_template, tokenize=True, return_dict=True, return_assistant_tokens_mask=True)
    ids, mask = out["input_ids"], out["assistant_masks"]
    assert ids == plain, (tokenizer.decode(ids), tokenizer.decode(plain))
    end = len(mask) - mask[::-1].index(1)
    return {"ids": ids[:end], "counted": mask[:end]}

def last_only(own):
    """The flags of the last answer alone."""
    first = max(i + 1 for i, flag in enumerate(own["counted"]) if flag == 0)
    return {**own, "counted": [int(i >= first) for i in range(len(own["ids"]))]}

out = {"tokenizers": {name: json.loads(each.to_str()) for name, each in tokenizers.items()}, "cases": []}
for name, (kind, begin, end, changes) in cases.items():
    template = open(f"{templates}/{name}.jinja").read()
    marked_template = template
    for old, new in changes:
        assert marked_template.count(old) == 1, (name, old, marked_template.count(old))
        marked_template = marked_template.replace(old, new)
    named = {"eos_token": end, **({} if begin is None else {"bos_token": begin})}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=tokenizers[kind], chat_template=template, **named)
    for what, messages in conversations.items():
        case = {"template": name, "tokenizer": kind, "config": named, "conversation": what, "messages": messages}
        try:
            answers = [i for i, each in enumerate(messages) if each["role"] == "assistant"]
            own = [row(tokenizer, marked_template, messages[: i + 1]) for i in answers]
            # A template that renders an earlier answer otherwise: a text for each answer.
            goes_on = own[-1]["ids"][: len(own[0]["ids"])] == own[0]["ids"]
            case["rows"] = own[-1:] if goes_on else [last_only(each) for each in own]
            case["prompt"] = tokenizer.apply_chat_template(messages[:-1], tokenize=True, return_dict=True, add_generation_prompt=True)["input_ids"]
        except Exception as error:
            if "not supported" not in str(error): raise
            case["refused"] = str(error)
        out["cases"].append(case)
        print(name, what, case.get("refused", [len(each["ids"]) for each in case.get("rows", [])]))
json.dump(out, open("chat-rows.json", "w"), ensure_ascii=False, separators=(",", ":"))
