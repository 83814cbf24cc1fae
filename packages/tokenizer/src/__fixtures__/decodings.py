"""decodings.json: random ids and their text by Rust's tokenizers (pip install tokenizers==0.23.2). python decodings.py decodings.json"""
import json, random, sys
from tokenizers import Tokenizer
random.seed(7)
out=[]
SP=lambda i,c,**k: dict({"id":i,"content":c,"single_word":False,"lstrip":False,"rstrip":False,"normalized":False,"special":True},**k)
words=["<unk>","<s>","▁","▁the","▁cat","s","##s","##able","un","</w>","cat</w>","a</w>b","|","<pad>","e","e","Ġ","Ġthe","東京",".","▁.","'s"," .","<0x41>","<0xE2>","<0x82>","<0xAC>","ð","Ł","▁▁"]
words=list(dict.fromkeys(words))
def tok(decoder, **over):
    vocab={w:i for i,w in enumerate(words)}
    j={"version":"1.0","truncation":None,"padding":None,"added_tokens":[SP(1,"<s>")],"normalizer":None,"pre_tokenizer":None,"post_processor":None,"decoder":decoder,"model":{"type":"WordLevel","vocab":vocab,"unk_token":"<unk>"}}
    j.update(over); return j
decs=[None,{"type":"ByteLevel","add_prefix_space":True,"trim_offsets":True,"use_regex":True},{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":True},{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":True},{"type":"Metaspace","replacement":"▁","prepend_scheme":"never","split":True},
{"type":"WordPiece","prefix":"##","cleanup":True},{"type":"WordPiece","prefix":"##","cleanup":False},{"type":"BPEDecoder","suffix":"</w>"},{"type":"CTC","pad_token":"<pad>","word_delimiter_token":"|","cleanup":True},{"type":"CTC","pad_token":"<pad>","word_delimiter_token":"|","cleanup":False},{"type":"Fuse"},{"type":"ByteFallback"},{"type":"Replace","pattern":{"String":"e"},"content":"EE"},{"type":"Replace","pattern":{"Regex":"[a-c]+"},"content":"-"},
{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]},
{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"Fuse"},{"type":"Strip","content":" ","start":2,"stop":1}]},
{"type":"Sequence","decoders":[{"type":"Fuse"},{"type":"Replace","pattern":{"String":"▁"},"content":" "}]},
{"type":"Sequence","decoders":[{"type":"Fuse"},{"type":"Replace","pattern":{"Regex":"s▁+"},"content":"S "},{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":True}]},
{"type":"Sequence","decoders":[{"type":"BPEDecoder","suffix":"</w>"},{"type":"Replace","pattern":{"String":"t "},"content":"T_"}]},
{"type":"Sequence","decoders":[{"type":"Strip","content":"s","start":1,"stop":1},{"type":"Fuse"}]},
{"type":"Sequence","decoders":[{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":True},{"type":"ByteLevel","add_prefix_space":True,"trim_offsets":True,"use_regex":True}]},
]
for d in decs:
    j=tok(d); t=Tokenizer.from_str(json.dumps(j))
    cases=[]
    tries=0
    while len(cases)<25:
        ids=[random.randrange(len(words)+1) for _ in range(random.randrange(1,9))]
        ids=[i for i in ids]
        # runs that mix whole characters with broken bytes are decoded otherwise, as documented
        toks=[words[i] if i<len(words) else "" for i in ids]
        if "<0x41>" in toks and any(b in toks for b in ("<0xE2>","<0x82>","<0xAC>")): continue
        try: text=t.decode(ids,skip_special_tokens=True)
        except BaseException as e:
            tries+=1
            if tries>50: break
            continue
        cases.append([ids,text])
    out.append({"decoder":d,"cases":cases})
json.dump({"tokens":words,"decoders":out},open(sys.argv[1],"w"),ensure_ascii=False)
