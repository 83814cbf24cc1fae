"""components.json: what Rust's tokenizers (pip install tokenizers==0.23.2) make of texts, component by component.
python components.py components.json"""
import json, sys
from tokenizers import Tokenizer

texts = [
    "", " ", "  two  spaces ", "The cat's 12 toys, wait... don't!", "naïve café e\u0301 Å ﬁ Ⅷ ½ ２ ſ", "ΟΔΥΣΣΕΥΣ Σ İstanbul ẞ",
    "東京は2,020年。𠀀𪛖 한국어 ㍿ ｶﾞ", "ไทยกำ हिन्दी नमस्ते עִבְרִית العربية ١٢٣", "👩‍🚀👍🏽 🇫🇷 ❤️ \U0001FAE8",
    "tab\there\r\nnew\n\nline\u0085nel\u2028ls\u00a0nbsp\u3000wide\u200bzw\ufeffbom\u2003em", "a\u0000b\u0007c\u007fd\u00ade\ue000f\u0378g\ufffdh",
    "x=1; if(a<b){c+=$d^2|~`e`}", "snake_case-kebab‿tie ²³¼ ①", "aaa  bbb", "I've we're HE'S they'LL", "—“quotes”… ¿qué? §¶ ©®",
    "▁under ▁", "<s>x</s>", "a1b22c333", "word", "  ", "\n", "e\u0323\u0302 \u1100\u1161\u11a8",
]
nothing = {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}
def tokenizer(**parts):
    return Tokenizer.from_str(json.dumps({"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
        "pre_tokenizer": None, "post_processor": None, "decoder": None, "model": nothing, **parts}))

bert = lambda **o: {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True, **o}
replace = lambda p, c: {"type": "Replace", "pattern": p, "content": c}
normalizers = [{"type": t} for t in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Nmt", "ByteLevel")] + [
    {"type": "Strip", "strip_left": l, "strip_right": r} for l in (True, False) for r in (True, False)] + [
    bert(), bert(lowercase=False), bert(strip_accents=False), bert(clean_text=False), bert(handle_chinese_chars=False), bert(lowercase=False, strip_accents=True),
    {"type": "Prepend", "prepend": "▁"}, replace({"String": " "}, "▁"), replace({"String": ""}, "-"), replace({"Regex": " {2,}"}, " "),
    replace({"Regex": "a*"}, "<>"), replace({"Regex": "(?i)[a-e]+"}, "_"),
    {"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "StripAccents"}, {"type": "Lowercase"}, {"type": "Prepend", "prepend": "> "}]},
]
# SentencePiece's table of a few rules (pip install sentencepiece==0.2.2), among them one of a whole grapheme and one that removes.
def charsmap(rules):
    import base64, tempfile, os
    import sentencepiece
    from sentencepiece import sentencepiece_model_pb2
    folder = tempfile.mkdtemp()
    hexes = lambda t: " ".join(f"{ord(c):X}" for c in t)
    open(os.path.join(folder, "rules.tsv"), "w").write("".join(f"{hexes(a)}\t{hexes(b)}\n" for a, b in rules))
    open(os.path.join(folder, "text.txt"), "w").write("a b c d e f g h\n" * 50)
    sentencepiece.SentencePieceTrainer.train(input=os.path.join(folder, "text.txt"), model_prefix=os.path.join(folder, "m"), vocab_size=13, normalization_rule_tsv=os.path.join(folder, "rules.tsv"), minloglevel=3, hard_vocab_limit=False)
    model = sentencepiece_model_pb2.ModelProto()
    model.ParseFromString(open(os.path.join(folder, "m.model"), "rb").read())
    return base64.b64encode(model.normalizer_spec.precompiled_charsmap).decode()
normalizers += [{"type": "Precompiled", "precompiled_charsmap": charsmap([("ﬁ", "fi"), ("é", "e"), ("e\u0301", "E"), ("①", "1"), ("\u00a0", " "), ("\u200b", ""), ("東京", "TOKYO"), ("が", "か"), ("\u3000", " "), ("ｶ", "カ"), ("ｶﾞ", "ガ"), ("👍", "+1"), ("ab", "X")])}]
behaviours = ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous")
split = lambda p, b, i: {"type": "Split", "pattern": p, "behavior": b, "invert": i}
byte_level = lambda **o: {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True, **o}
meta = lambda scheme, s=True: {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": s}
gpt4 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
gpt4o = "|".join([r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?", r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+"])
bloom = " ?[^(\\s|[.,!?…。，、।۔،])]+"
deepseek = r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
patterns = [{"String": " "}, {"String": ""}, {"String": "..."}] + [{"Regex": r} for r in (
    "[a-z]+", r"\w+", r"\W", r"\d", r"\D+", r"\s+", r"\S+", r"\b", r"\h+", "[[:punct:]]", "[[:alpha:]]+", "[[:^alpha:]]", "^", "$", "^.", r"\A\w", r"\p{Han}+", "[一-龥ぁ-ん]+",
    "(?=[A-Z])", "(?<=,) ?", "a*", "(?>a+)b?", "x++|y", r"\R", r"[\p{L}&&[^a-z]]+", r"\p{^L}+", r"(?<q>['‘])\w", gpt4, gpt4o, bloom, deepseek, r"\p{N}{1,3}", r"(?:\r\n|\n)", r"[^\p{Ll}\s]", "(?i)THE|ſ")]
pre_tokenizers = ([split(p, b, i) for p in patterns[:6] for b in behaviours for i in (False, True)]
    + [split(p, "Isolated", False) for p in patterns[6:]] + [split({"Regex": gpt4}, "Removed", True)]
    + [{"type": "Punctuation", "behavior": b} for b in behaviours] + [{"type": "Digits", "individual_digits": d} for d in (True, False)]
    + [{"type": t} for t in ("Whitespace", "WhitespaceSplit", "BertPreTokenizer")] + [{"type": "CharDelimiterSplit", "delimiter": "a"}, {"type": "FixedLength", "length": 3}]
    + [meta(s, p) for s in ("always", "first", "never") for p in (True, False)]
    + [byte_level(add_prefix_space=a, use_regex=u) for a in (True, False) for u in (True, False)]
    + [{"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, meta(s)]} for s in ("always", "first")]
    + [{"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, {"type": "Punctuation", "behavior": "Contiguous"}, byte_level()]}])

def words(config):
    t = tokenizer(pre_tokenizer=config).pre_tokenizer
    return [[text, [word for word, _ in t.pre_tokenize_str(text)]] for text in texts]

def tried(make):
    try: return make()
    except BaseException as error: return str(error)[:80]

result = {
    "normalizers": [{"config": c, "cases": [[t, tokenizer(normalizer=c).normalizer.normalize_str(t)] for t in texts]} for c in normalizers],
    "preTokenizers": [{"config": c, "cases": tried(lambda: words(c))} for c in pre_tokenizers],
}

# Whole tokenizers: models, and added tokens.
def added(id, content, **o):
    return {"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False, **o}
def vocab(tokens): return {t: i for i, t in enumerate(tokens)}
def bpe(tokens, merges, **o):
    return {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": False,
        "byte_fallback": False, "ignore_merges": False, "vocab": vocab(tokens), "merges": merges, **o}
bytes_ = [f"<0x{b:02X}>" for b in range(256)]
letters = list("abcdefghijklmnop")
small = ["<unk>", *letters, "ab", "abc", "bc", "cd", "abcd", "ee", "eeee"]
merges = [["b", "c"], ["a", "b"], ["a", "bc"], ["abc", "d"], ["e", "e"], ["ee", "ee"], ["c", "d"]]
suffixed = ["<unk>", *letters, *[l + "</w>" for l in letters], "ab", "ab</w>", "abc</w>"]
prefixed = ["<unk>", *letters, *["##" + l for l in letters], "ab", "##bc", "abc"]
pieces = ["[UNK]", "un", "##believ", "##able", "##a", "the", "a", "##b", "👍", "##🏽", "東"]
scores = [["<unk>", 0.0], ["▁", -3.0], ["▁the", -2.5], ["t", -4.0], ["h", -4.5], ["e", -3.9], ["he", -5.0], ["cat", -6.5], ["c", -5.0], ["a", -4.2], ["▁a", -3.5], ["at", -4.9], ["👍", -7.0]]
unigram = lambda **o: {"type": "Unigram", "unk_id": 0, "vocab": scores, "byte_fallback": False, **o}
space = {"type": "WhitespaceSplit"}
model_texts = ["abcd", "abcabcd", "bcd ab", "eeeeeee", "aé€b", "xyz", "zaz", "é", "ab", "abc", "b", "", "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee", "abcdabcdbcdabcabcdeeebcdabcdabcdbcdabcabcdeeebcd"]
wholes = []
def whole(what, texts_, special_tokens=None, **parts):
    t = tokenizer(**parts)
    t.encode_special_tokens = special_tokens == "text"
    cases = []
    for text in texts_:
        try: ids = t.encode(text, add_special_tokens=False).ids
        except Exception as error: ids = str(error)
        cases.append([text, ids])
    wholes.append({"what": what, "parts": parts, "specialTokens": special_tokens or "recognise", "cases": cases})
whole("BPE", model_texts, model=bpe(small, merges, unk_token="<unk>"))
whole("BPE without an unknown token", model_texts, model=bpe(small, merges))
whole("BPE with an unknown token that is not there", model_texts, model=bpe(small, merges, unk_token="<no>"))
whole("BPE that fuses unknown characters", model_texts, model=bpe(small, merges, unk_token="<unk>", fuse_unk=True))
whole("BPE with bytes", model_texts, model=bpe(small + bytes_, merges, unk_token="<unk>", byte_fallback=True))
whole("BPE with some bytes, fusing", model_texts, model=bpe(small + bytes_[0xC0:], merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True))
whole("BPE that takes words whole", model_texts, model=bpe(small + ["bcd ab", "xyz"], merges, unk_token="<unk>", ignore_merges=True))
whole("BPE with merges as texts", model_texts, model=bpe(small, [" ".join(m) for m in merges], unk_token="<unk>"))
whole("BPE with word ends", model_texts, pre_tokenizer=space, model=bpe(suffixed, [["a", "b"], ["a", "b</w>"], ["ab", "c</w>"]], unk_token="<unk>", end_of_word_suffix="</w>"))
whole("BPE with continuations", model_texts, pre_tokenizer=space, model=bpe(prefixed, [["a", "##b"], ["##b", "##c"], ["a", "##bc"]], unk_token="<unk>", continuing_subword_prefix="##"))
whole("WordPiece", ["unbelievable", "the a", "ab unab", "👍🏽 東", "zzz", "ab" * 60, "unknown"], pre_tokenizer=space,
    model={"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": vocab(pieces)})
whole("WordLevel", ["a the zzz", "[UNK] un"], pre_tokenizer=space, model={"type": "WordLevel", "unk_token": "[UNK]", "vocab": vocab(pieces)})
uni_texts = ["the cat", "thecat at hat", "xyz the", "👍👍🏽", "t", "", "a a at the", "éé cat"]
whole("Unigram", uni_texts, pre_tokenizer=meta("always"), model=unigram())
whole("Unigram with bytes", uni_texts, pre_tokenizer=meta("first"), model=unigram(vocab=scores + [[b, -20.0] for b in bytes_], byte_fallback=True))
whole("Unigram without an unknown token", uni_texts, pre_tokenizer=meta("never"), model=unigram(unk_id=None))
characters = bpe(["<unk>", *"abcdefghijklmnopqrstuvwxyzABC.,!<>/|[] \n\t▁é_1", "time"], [], unk_token="<unk>")
n = len(characters["vocab"])
tokens = [added(n, "<s>", special=True), added(n + 1, "<sp>", lstrip=True, rstrip=True, special=True), added(n + 2, "one", single_word=True), added(n + 3, "<s><s>"),
    added(n + 4, "LOW", normalized=True), added(n + 5, "<n>", normalized=True, special=True, lstrip=True), added(n + 6, "  ")]
added_texts = ["a<s>b", "<s><s><s>", "x <sp> y", "  <sp>  <sp> z", "one none one1 one, éone one", "LOW low Low aLOWb", "a <n> b<N>c", "a  b   c", "<s", "<sp>", " <n>", "one", "time<s> time"]
whole("added tokens", added_texts, added_tokens=tokens, model=characters)
whole("special tokens as text", added_texts, special_tokens="text", added_tokens=tokens, model=characters)
whole("special tokens as text behind a normaliser", added_texts, special_tokens="text", added_tokens=tokens, model=characters, normalizer={"type": "Lowercase"})
whole("added tokens and a normaliser", added_texts, added_tokens=tokens, model=characters, normalizer={"type": "Lowercase"})
whole("added tokens, a prefix and Metaspace", added_texts, added_tokens=tokens, model=characters, normalizer={"type": "Prepend", "prepend": "▁"}, pre_tokenizer=meta("first"))
whole("Metaspace at the beginning only", [" a", "a b", "<s>a b", "a<s>b", " <s> b", "\ta"], added_tokens=tokens, model=characters, pre_tokenizer=meta("first"), normalizer={"type": "Strip", "strip_left": True, "strip_right": False})
whole("Metaspace at the beginning of a text without double spaces", ["  a", " a", "a  b", "<s>  a"], added_tokens=tokens[:1], model=characters, pre_tokenizer=meta("first"), normalizer=replace({"Regex": " {2,}"}, " "))
result["wholes"] = wholes
# Classes of characters: which of a sample they match. What Unicode has got since 15.1 is left to the reader's own Unicode.
import unicodedata
sample = "".join(dict.fromkeys(chr(c) for c in [*range(0x250), *range(0x250, 0x11000, 37), *range(0x11000, 0x20000, 211), 0x3007, 0x4E00, 0x20000, 0x2028, 0x200D, 0xFEFF, 0x24B6, 0x1F130, 0xFF11, 0x00AD, 0x0345, 0x2160]
    if not 0xD800 <= c < 0xE000 and unicodedata.category(chr(c)) != "Cn"))
classes = [r"\w", r"[\w]", r"\W", r"[^\w]", r"[\W]", r"\s", r"\S", r"\d", r"\D", r"\h", r"\H", r"\p{L}", r"\p{M}", r"\p{N}", r"\p{P}", r"\p{S}", r"\p{Z}", r"\p{C}", r"\p{Lu}", r"\p{Ll}", r"\p{Lt}", r"\p{Lm}", r"\p{Lo}",
    r"\p{Han}", r"\p{Alphabetic}", r"\p{Uppercase}", r"\p{White_Space}", r"\p{Word}", r"\p{Alnum}", r"\p{Punct}", r"\p{Digit}", r"\p{Space}", "[[:alpha:]]", "[[:alnum:]]", "[[:punct:]]", "[[:word:]]", "[[:upper:]]", "[[:lower:]]", "[[:space:]]",
    "[[:blank:]]", "[[:cntrl:]]", "[[:digit:]]", "[[:xdigit:]]", "[[:graph:]]", "[[:print:]]", "[[:ascii:]]", "[[:^space:]]", ".", r"\R", "(?i)[a-k]", "(?i)ſ", "(?i)\u00df", r"\p{^L}", r"\P{L}", r"[\p{L}&&[^\p{Lu}]]", r"[^\s\p{L}\p{N}]"]
def matched(regex):
    split = tokenizer(pre_tokenizer=split_(regex)).pre_tokenizer
    return "".join(c for c in sample if split.pre_tokenize_str(c) == [])
split_ = lambda r: split({"Regex": r}, "Removed", False)
result["classes"] = {"sample": sample, "matched": [[c, tried(lambda: matched(c))] for c in classes]}
json.dump(result, open(sys.argv[1], "w"), ensure_ascii=False)
