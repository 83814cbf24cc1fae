"""golden.json: the ids and texts that Rust's tokenizers (pip install tokenizers==0.23.2) give for ../../src/__fixtures__/torture.txt and texts.json,
by each tokenizer.json that an npm package ships. python golden.py FOLDER_OF_PACKAGES golden.json"""
import hashlib, json, os, random, sys
from tokenizers import Tokenizer
here = os.path.dirname(os.path.abspath(__file__))
texts = open(os.path.join(here, "../../src/__fixtures__/torture.txt"), encoding="utf8", newline="").read().split("\n") + json.load(open(os.path.join(here, "texts.json"), encoding="utf8"))
digest = lambda value: hashlib.sha256(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()[:16]
golden = {}
for name in sorted(os.listdir(sys.argv[1])):
    folder = os.path.join(sys.argv[1], name, "package")
    path = os.path.join(folder, "models/tokenizer.json")
    content = open(path, "rb").read()
    package = json.load(open(os.path.join(folder, "package.json")))
    tokenizer = Tokenizer.from_str(content.decode("utf8"))
    tokenizer.no_truncation(); tokenizer.no_padding()
    random.seed(name)
    special = [t.content for t in tokenizer.get_added_tokens_decoder().values()]
    own = [f"a{t} b {t}{t}c" for t in random.sample(special, min(6, len(special)))]
    encoded = [tokenizer.encode(t, add_special_tokens=False).ids for t in texts + own]
    random_ids = [[random.randrange(tokenizer.get_vocab_size()) for _ in range(12)] for _ in range(20)]
    golden[package["name"]] = {
        "version": package["version"], "sha256": hashlib.sha256(content).hexdigest(), "special": own,
        # A hash per text, not the ids: they would be megabytes.
        "ids": [digest(ids) for ids in encoded],
        "texts": [digest(tokenizer.decode(ids, skip_special_tokens=True)) for ids in encoded],
        "random": [[ids, tokenizer.decode(ids, skip_special_tokens=True)] for ids in random_ids],
    }
json.dump(golden, open(sys.argv[2], "w"), ensure_ascii=False, indent=1)
