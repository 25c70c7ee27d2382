"""Tokenizers and originals of versions.py: each of these classes builds a checkpoint with `build`, and reads it again as anybody
would, to give logits of a prompt with `rows`.
"""
import copy
import json
import os
import shutil

from versions_cases import read, write

PROMPT = "Question: how many people are in the old house by the river, with the light of the evening on the water? Answer:"
CONTINUATIONS = [" two, a cat and a dog.", " it is white and red, as they were", " the people on the street"]


def transformers_version():
    import transformers

    return transformers.__version__


def major():
    return int(transformers_version().split(".")[0])


BLANK = "\u2581"
LLAMA3_SPLIT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def added(id, content, special=True, normalized=False):
    return dict(id=id, content=content, single_word=False, lstrip=False, rstrip=False, normalized=normalized, special=special)


def template(bos, id):
    return dict(type="TemplateProcessing", single=[{"SpecialToken": dict(id=bos, type_id=0)}, {"Sequence": dict(id="A", type_id=0)}],
                pair=[{"Sequence": dict(id="A", type_id=0)}, {"Sequence": dict(id="B", type_id=1)}], special_tokens={bos: dict(id=bos, ids=[id], tokens=[bos])})


def bytes_file(llama3):
    """GPT-NeoX's kind, or llama 3's."""
    import opt_tokenizer

    vocab, merges = opt_tokenizer.learn()
    plain = dict(type="ByteLevel", add_prefix_space=False, trim_offsets=True, use_regex=not llama3)
    split = dict(type="Split", pattern=dict(Regex=LLAMA3_SPLIT), behavior="Isolated", invert=False)
    return dict(version="1.0", truncation=None, padding=None, added_tokens=[added(i, t) for i, t in enumerate(vocab[:4])], normalizer=None,
                pre_tokenizer=dict(type="Sequence", pretokenizers=[split, plain]) if llama3 else plain,
                post_processor=template("<s>", 0) if llama3 else dict(plain, type="ByteLevel"), decoder=dict(plain, type="ByteLevel"),
                model=dict(type="BPE", dropout=None, unk_token=None, continuing_subword_prefix=None, end_of_word_suffix=None, fuse_unk=False, byte_fallback=False,
                           ignore_merges=llama3, vocab={t: i for i, t in enumerate(vocab)}, merges=[list(m) for m in merges]))


def pieces_file(scheme, marks=()):
    """SentencePiece's kind as tokenizer.json: `always` by a normalizer as older ones have it, the others by Metaspace, or Gemma's."""
    import opt_tokenizer
    import tokenizers

    learner = tokenizers.Tokenizer(tokenizers.models.BPE())
    learner.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
    learner.train_from_iterator([opt_tokenizer.SENTENCES, PROMPT, *CONTINUATIONS], tokenizers.trainers.BpeTrainer(vocab_size=120, show_progress=False))
    learnt = json.loads(learner.to_str())["model"]
    heads = ["<pad>", "<eos>", "<bos>", "<unk>"] if scheme == "gemma" else ["<unk>", "<s>", "</s>"]
    vocab = [*heads, *(f"<0x{b:02X}>" for b in range(256)), *sorted(learnt["vocab"], key=learnt["vocab"].get)]
    bos = heads.index("<bos>" if scheme == "gemma" else "<s>")
    replace = dict(type="Replace", pattern=dict(String=" "), content=BLANK)
    metaspace = dict(type="Metaspace", replacement=BLANK, prepend_scheme=scheme, split=False)
    decoders = [dict(replace, pattern=dict(String=BLANK), content=" "), dict(type="ByteFallback"), dict(type="Fuse")]
    if scheme != "gemma" and scheme != "never":
        decoders.append(dict(type="Strip", content=" ", start=1, stop=0))
    prepend = dict(type="Sequence", normalizers=[dict(type="Prepend", prepend=BLANK), replace])
    return dict(version="1.0", truncation=None, padding=None, added_tokens=[added(i, t) for i, t in enumerate([*vocab, *marks]) if i < len(heads) or i >= len(vocab)],
                normalizer={"always": prepend, "gemma": replace}.get(scheme),
                pre_tokenizer={"always": None, "gemma": dict(type="Split", pattern=dict(String=" "), behavior="MergedWithPrevious", invert=False)}.get(scheme, metaspace),
                post_processor=template(heads[bos], bos), decoder=dict(type="Sequence", decoders=decoders),
                model=dict(type="BPE", dropout=None, unk_token="<unk>", continuing_subword_prefix=None, end_of_word_suffix=None, fuse_unk=True, byte_fallback=True,
                           ignore_merges=False, vocab={t: i for i, t in enumerate(vocab)}, merges=learnt["merges"]))


MARKS = ["<fake_token_around_image>", "<image>"]


def tokenizer(kind, directory, chat=None):
    """A tokenizer as it is published, taken in and saved again by this version."""
    from transformers import AddedToken, AutoTokenizer

    base = directory + ".published"
    os.makedirs(base)
    scheme = kind.partition("_")[2]
    names = dict(bos_token="<s>", eos_token="</s>", unk_token="<unk>", model_max_length=256)
    if kind == "opt":
        import opt_tokenizer

        vocab, merges = opt_tokenizer.learn()
        write(f"{base}/vocab.json", {t: i for i, t in enumerate(vocab)})
        with open(f"{base}/merges.txt", "w") as f:
            f.write("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
        names = dict(tokenizer_class="GPT2Tokenizer", add_bos_token=True, add_prefix_space=False, errors="replace", bos_token="</s>", eos_token="</s>",
                     unk_token="</s>", pad_token="<pad>", model_max_length=256)
    elif kind.startswith("bytes"):
        write(f"{base}/tokenizer.json", bytes_file(scheme == "llama3"))
        names |= dict(tokenizer_class="PreTrainedTokenizerFast", pad_token="<pad>")
    elif kind == "pieces_gemma":
        write(f"{base}/tokenizer.json", pieces_file("gemma"))
        names |= dict(tokenizer_class="GemmaTokenizer", bos_token="<bos>", eos_token="<eos>", pad_token="<pad>", add_bos_token=True, add_eos_token=False)
    else:
        marks = MARKS if scheme == "idefics" else []
        scheme = "always" if marks else scheme
        write(f"{base}/tokenizer.json", pieces_file(scheme, marks))
        names |= dict(tokenizer_class="LlamaTokenizer", legacy=scheme == "always", add_bos_token=True, add_eos_token=False)
        if scheme == "never" and major() > 4:  # 4 would make it from tokenizer.model
            names |= dict(add_prefix_space=False)
        if marks:
            names |= dict(additional_special_tokens=marks, pad_token="<unk>")
    if chat:
        names |= dict(chat_template=chat)
    write(f"{base}/tokenizer_config.json", names)
    made = AutoTokenizer.from_pretrained(base, use_fast=True)
    if kind == "opt":
        made.add_tokens([AddedToken("<image>", normalized=False, special=True)], special_tokens=True)
    made.save_pretrained(directory)
    shutil.rmtree(base)
    return made


def fill(parameters, seed, dtype):
    """Formulas for all of them, rounded to the stored type."""
    import formula
    import torch

    with torch.no_grad():
        for name, p in parameters:
            p.copy_(torch.from_numpy(formula.tensor(seed, name, list(p.shape))).to(dtype))


def picture(directory, spec):
    import formula
    from PIL import Image

    image = Image.fromarray(formula.picture(spec["seed"], *spec["picture"]))
    image.save(f"{directory}/picture.png")
    return image


def unset():
    """transformers' context in which a new model's weights are left as they are."""
    try:
        from transformers.initialization import no_init_weights
    except ImportError:
        from transformers.modeling_utils import no_init_weights
    return no_init_weights()


def tokens_of(directory):
    """The tokenizer as tokenizer.json has it. The LlamaTokenizer of transformers 5 makes another from vocabulary and merges by
    `legacy`, which it does not save, so that what it loads is not what it had saved."""
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    found = AutoTokenizer.from_pretrained(directory)
    return PreTrainedTokenizerFast.from_pretrained(directory) if type(found).__name__ == "LlamaTokenizer" else found


def processors(kind, directory):
    """A processor whose pictures are resized by Pillow; torchvision's resizing, the default of transformers 5, is another by a level."""
    import transformers

    processor = kind.from_pretrained(directory)
    pillow = getattr(transformers, type(processor.image_processor).__name__ + "Pil", None)
    if pillow:
        processor.image_processor = pillow.from_pretrained(directory)
    processor.tokenizer = tokens_of(directory)
    return processor


class Text:
    """A language model by itself."""

    def build(directory, spec, tokens):
        from transformers import AutoConfig, AutoModelForCausalLM

        config = dict(spec["config"])
        config["vocab_size"] = len(tokens) + (config.pop("rows", None) or 0)
        ids = dict(bos_token_id=tokens.bos_token_id, eos_token_id=tokens.eos_token_id, pad_token_id=tokens.pad_token_id) | spec.get("ids", {})
        return AutoModelForCausalLM.from_config(AutoConfig.for_model(spec["family"], **ids | config), attn_implementation="eager")

    def __init__(self, directory, spec):
        import torch
        from transformers import AutoModelForCausalLM

        self.model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32, attn_implementation="eager").eval()
        self.tokens = tokens_of(directory)
        self.inputs = dict(self.tokens(PROMPT, return_tensors="pt"))
        self.inputs.pop("token_type_ids", None)

    def rows(self, more):
        """Logits of the prompt and `more` behind it."""
        return self.model(**self.longer(more)).logits[0]

    def longer(self, more):
        import torch

        ids = torch.cat([self.inputs["input_ids"], torch.tensor([more], dtype=torch.long)], 1)
        return self.inputs | dict(input_ids=ids, attention_mask=torch.ones_like(ids))


class Blip2(Text):
    def build(directory, spec, tokens):
        from transformers import AutoConfig, Blip2ForConditionalGeneration, Blip2Processor, BlipImageProcessor

        config = copy.deepcopy(spec["config"])
        text = config["text_config"]
        text["vocab_size"] = len(tokens) + text.pop("rows", 0)
        text.setdefault("word_embed_proj_dim", text["hidden_size"])
        config["text_config"] = dict(model_type="opt") | text
        size = config["vision_config"]["image_size"]
        images = BlipImageProcessor(size=dict(height=size, width=size), **spec.get("processor", {}))
        Blip2Processor(images, tokens, num_query_tokens=config["num_query_tokens"]).save_pretrained(directory)
        config = AutoConfig.for_model("blip-2", image_token_index=tokens.convert_tokens_to_ids("<image>"), **config)
        with unset():  # OPT's own initialisation fails on a LayerNorm without weights.
            model = Blip2ForConditionalGeneration(config)
        model.tie_weights()
        return model

    def __init__(self, directory, spec):
        import torch
        from transformers import Blip2ForConditionalGeneration, Blip2Processor

        self.model = Blip2ForConditionalGeneration.from_pretrained(directory, dtype=torch.float32, attn_implementation="eager").eval()
        processor = processors(Blip2Processor, directory)
        self.tokens = processor.tokenizer
        self.inputs = dict(processor(images=picture(directory, spec), text=PROMPT, return_tensors="pt"))

    def rows(self, more):
        if more and self.model.config.image_token_id in more:
            raise ValueError("an <image> among the continuations")
        return super().rows(more)


class NarrowBlip2(Blip2):
    """Without a picture: rows narrower than the stream are broken in the original."""

    def __init__(self, directory, spec):
        super().__init__(directory, spec)
        self.model = self.model.language_model
        self.inputs = dict(self.tokens(PROMPT, return_tensors="pt"))

    rows = Text.rows


class Idefics(Text):
    def build(directory, spec, tokens):
        from transformers import AutoConfig, IdeficsForVisionText2Text, IdeficsImageProcessor, IdeficsProcessor

        config = copy.deepcopy(spec["config"])
        images = IdeficsImageProcessor(image_size=config["vision_config"]["image_size"], **spec.get("processor", {}))
        IdeficsProcessor(images, tokens, image_size=config["vision_config"]["image_size"]).save_pretrained(directory)
        config = AutoConfig.for_model("idefics", vocab_size=len(tokens) - len(MARKS), attn_implementation="eager", **config)
        return IdeficsForVisionText2Text(config)

    def __init__(self, directory, spec):
        import torch
        from transformers import IdeficsForVisionText2Text, IdeficsProcessor

        self.model = IdeficsForVisionText2Text.from_pretrained(directory, dtype=torch.float32, attn_implementation="eager").eval()
        processor = processors(IdeficsProcessor, directory)
        self.tokens = processor.tokenizer
        self.inputs = dict(processor(text=[[picture(directory, spec), PROMPT]], return_tensors="pt"))

    def longer(self, more):
        import torch

        mask = self.inputs["image_attention_mask"]
        return super().longer(more) | dict(image_attention_mask=torch.cat([mask, mask[:, -1:].expand(-1, len(more), -1)], 1))


class Frozen:
    """frozen.py's reference, with the language model's configuration as this version writes it."""

    def build(directory, spec, tokens):
        from transformers import AutoConfig, CLIPVisionConfig

        c = spec["config"]
        text = AutoConfig.for_model(**c["text"], vocab_size=len(tokens), bos_token_id=0, eos_token_id=2, pad_token_id=1)
        config = dict(model_type="frozen", text_config=text.to_dict(), vision_config=CLIPVisionConfig(**c["vision"]).to_dict(), prefix_length=c["rows"], pool=c["pool"])
        write(f"{directory}/config.json", config)
        return Frozen.empty(directory)

    def empty(directory):
        import transformers.modeling_utils

        transformers.modeling_utils.no_init_weights = unset  # where the goldens' scripts look for it
        import frozen

        model = frozen.Frozen(read(f"{directory}/config.json"))
        if not hasattr(model.tower, "vision_model"):  # transformers 5 has one module less
            object.__setattr__(model.tower, "vision_model", model.tower)
            names = model.names
            model.names = lambda: {k if "." in k and k.split(".")[0] in ("model", "lm_head", "prefix") else f"vision_model.{k}": p for k, p in names().items()}
        return model

    def save(model, directory, **_):
        from safetensors.torch import save_file

        save_file({k: p.detach().contiguous() for k, p in model.names().items()}, f"{directory}/model.safetensors")

    def __init__(self, directory, spec):
        import frozen
        import torch
        from safetensors.torch import load_file
        from transformers import AutoTokenizer

        self.frozen, self.tokens = Frozen.empty(directory).eval(), AutoTokenizer.from_pretrained(directory)
        weights = load_file(f"{directory}/model.safetensors")
        with torch.no_grad():
            for k, p in self.frozen.names().items():
                p.copy_(weights[k])
        pixels = frozen.prepare(picture(directory, spec), spec["config"]["vision"]["image_size"])
        ids = self.tokens(PROMPT, add_special_tokens=False)["input_ids"]
        self.inputs = dict(input_ids=torch.tensor([ids]))
        self.items = [pixels, ids]

    def rows(self, more):
        return self.frozen.logits(self.items, more)


class Flamingo:
    """OpenFlamingo's classes around a language model and a tower that lie in directories of their own."""

    def build(directory, spec, tokens):
        import torch
        from transformers import CLIPVisionConfig, CLIPVisionModel

        c = spec["config"]
        language = dict(c["language"])
        lm = Text.build(f"{directory}/language", dict(spec, family=language.pop("model_type"), config=language), tokens)
        tower = CLIPVisionModel(CLIPVisionConfig(**c["vision"], hidden_act="quick_gelu"))
        for model, part in ((lm, "language"), (tower, "vision")):
            fill(model.named_parameters(), spec["seed"], torch.float32)
            model.save_pretrained(f"{directory}/{part}")
        return Flamingo.assemble(directory, spec)[0]

    def assemble(directory, spec):
        """The model with tower and language model as they lie there, and its tokenizer."""
        import torch
        from open_flamingo.src.flamingo import Flamingo as Class
        from open_flamingo.src.flamingo_lm import FlamingoLMMixin
        from open_flamingo.src.helpers import GatedCrossAttentionBlock, PerceiverResampler
        from open_flamingo.src.utils import extend_instance
        from transformers import AutoModelForCausalLM, AutoTokenizer, CLIPVisionModel

        class Mixin(FlamingoLMMixin):
            """The original's signature needs attention_mask, which transformers 5 leaves out where it is all ones."""

            def forward(self, input_ids=None, attention_mask=None, **kw):
                return super().forward(input_ids, attention_mask, **kw)

        class Rows(torch.nn.Module):
            """What open_clip up to 2.22 hands on as tokens."""

            def __init__(self, tower):
                super().__init__()
                self.tower = tower

            def forward(self, pixels):
                return None, self.tower(pixels, output_hidden_states=True).hidden_states[-1][:, 1:]

        c = spec["config"]
        tokens = AutoTokenizer.from_pretrained(f"{directory}/language")
        tokens.add_special_tokens(dict(additional_special_tokens=["<|endofchunk|>", "<image>"]))
        lm = AutoModelForCausalLM.from_pretrained(f"{directory}/language", dtype=torch.float32, attn_implementation="eager")
        lm.resize_token_embeddings(len(tokens))
        blocks = {"llama": "model.layers", "mpt": "transformer.blocks", "gpt_neox": "gpt_neox.layers"}[c["language"]["model_type"]]
        extend_instance(lm, Mixin)
        lm.set_decoder_layers_attr_name(blocks)
        outer = torch.nn.Module()
        outer.visual = Rows(CLIPVisionModel.from_pretrained(f"{directory}/vision", dtype=torch.float32))
        width, d = c["vision"]["hidden_size"], lm.config.hidden_size
        end, image = (tokens.convert_tokens_to_ids(t) for t in ("<|endofchunk|>", "<image>"))
        model = Class(outer, lm, end, image, vis_dim=width, cross_attn_every_n_layers=c["every"])
        latents, depth, heads, head, cross_heads, cross_head = c["sizes"]  # which are fixed in the class
        model.perceiver = PerceiverResampler(dim=width, depth=depth, dim_head=head, heads=heads, num_latents=latents)
        for i, g in enumerate(lm.gated_cross_attn_layers):
            if g is not None:
                lm.gated_cross_attn_layers[i] = GatedCrossAttentionBlock(dim=d, dim_visual=width, dim_head=cross_head, heads=cross_heads)
        lm.init_flamingo_layers(False)
        return model.eval(), tokens

    def trained(model):
        """What a release holds."""
        # transformers 5 calls GPT-NeoX's head as LLaMA's in its class, and as ever in its files.
        kept = ("perceiver.", "gated_cross_attn_layer.", "embed_tokens.", "wte.", "embed_in.", "embed_out.", "lm_head.")
        name = lambda k: k.replace("lm_head", "embed_out") if model.lang_encoder.config.model_type == "gpt_neox" else k
        return {name(k): p for k, p in model.named_parameters() if any(part in k for part in kept) and "vision_encoder" not in k and "old_decoder" not in k}

    def save(model, directory, **_):
        import torch

        torch.save({k: p.detach().clone() for k, p in Flamingo.trained(model).items()}, f"{directory}/checkpoint.pt")

    def __init__(self, directory, spec):
        import torch
        from open_clip.transform import image_transform

        self.model, self.tokens = Flamingo.assemble(directory, spec)
        state = torch.load(f"{directory}/checkpoint.pt")
        with torch.no_grad():
            for k, p in Flamingo.trained(self.model).items():
                p.copy_(state[k])
        transform = image_transform(spec["config"]["vision"]["image_size"], is_train=False, mean=(0.48145466, 0.4578275, 0.40821073), std=(0.26862954, 0.26130258, 0.27577711))
        self.pixels = transform(picture(directory, spec))[None, None, None]
        self.inputs = dict(self.tokens("<image>" + PROMPT, return_tensors="pt"))

    def rows(self, more):
        import torch

        ids = torch.cat([self.inputs["input_ids"], torch.tensor([more], dtype=torch.long)], 1)
        return self.model(vision_x=self.pixels, lang_x=ids, attention_mask=torch.ones_like(ids)).logits[0]


ORIGINALS = {"blip-2": Blip2, "idefics": Idefics, "frozen": Frozen, "open_flamingo": Flamingo}


def original(spec):
    return NarrowBlip2 if spec.get("picture_less") else ORIGINALS.get(spec["family"], Text)
