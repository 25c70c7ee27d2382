"""T5 in a GGUF as llama.cpp's converter writes it, against transformers.

    python t5_gguf.py OCELLI

Small random T5 of both kinds (1.0: relu and a tied head; 1.1: gated, an own head, another depth of the decoder) around the
SentencePiece model "rules" of unigram.json, written with gguf-py by the rules of llama.cpp's convert_hf_to_gguf.py: names of
tensors from gguf-py's own table, the pieces' texts, scores and types, [PAD…] for rows without a piece, added tokens with the
score -1000 as user-defined, special tokens by SpecialVocab. The program's ids, log-probabilities of continuations and greedy
texts must be those of transformers; the file of an encoder alone must be refused by its name.

Made with gguf 0.17.1, transformers 4.57.6, sentencepiece 0.2.3.
"""
import json
import subprocess
import sys
import tempfile
import warnings

import gguf
import numpy as np
import torch
import transformers
from sentencepiece import SentencePieceProcessor
from sentencepiece import sentencepiece_model_pb2 as proto
from transformers import T5Config, T5ForConditionalGeneration, T5Tokenizer

import t5

CONFIGS = {
    "plain": dict(d_model=60, num_heads=6, d_kv=8, d_ff=160, num_layers=3, num_decoder_layers=3, feed_forward_proj="relu"),
    "gated": dict(d_model=64, num_heads=4, d_kv=16, d_ff=128, num_layers=2, num_decoder_layers=4, feed_forward_proj="gated-gelu",
                  tie_word_embeddings=False, relative_attention_num_buckets=16, relative_attention_max_distance=128),
}
PROMPTS = ["A photo of two cats.", "", "Question: naïve ﬁne　text  is it? <extra_id_0> Answer:", "long " * 100]
TEXTS = ["a cat", " two dogs</s>", "№ ½"]
# Tables of llama.cpp: the shared table may have any of these names, and the first is taken.
SHARED = ["decoder.embed_tokens.weight", "encoder.embed_tokens.weight", "shared.weight"]


def vocabulary(writer, folder, rows):
    path = f"{folder}/spiece.model"
    spec = proto.ModelProto()
    spec.ParseFromString(open(path, "rb").read())
    assert spec.trainer_spec.model_type == 1
    pieces = SentencePieceProcessor(model_file=path)
    kind = gguf.TokenType
    tokens, scores, types = [f"[PAD{i}]".encode() for i in range(rows)], [-10000.0] * rows, [kind.UNUSED] * rows
    for i in range(pieces.vocab_size()):
        tokens[i], scores[i] = pieces.id_to_piece(i).encode(), pieces.get_score(i)
        found = [k for k, has in [(kind.UNKNOWN, pieces.is_unknown(i)), (kind.CONTROL, pieces.is_control(i)), (kind.UNUSED, pieces.is_unused(i)), (kind.BYTE, pieces.is_byte(i))] if has]
        types[i] = found[0] if found else kind.NORMAL
    for token, i in json.load(open(f"{folder}/added_tokens.json")).items():
        tokens[i], scores[i], types[i] = token.encode(), -1000.0, kind.USER_DEFINED
    writer.add_tokenizer_model("t5")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_scores(scores)
    writer.add_token_types(types)
    writer.add_add_space_prefix(spec.normalizer_spec.add_dummy_prefix)
    writer.add_remove_extra_whitespaces(spec.normalizer_spec.remove_extra_whitespaces)
    if spec.normalizer_spec.precompiled_charsmap:
        writer.add_precompiled_charsmap(spec.normalizer_spec.precompiled_charsmap)
    gguf.SpecialVocab(folder, n_vocab=rows).add_to_gguf(writer)


def write(path, folder, model, encoder):
    c = model.config
    arch = gguf.MODEL_ARCH.T5ENCODER if encoder else gguf.MODEL_ARCH.T5
    writer = gguf.GGUFWriter(path, gguf.MODEL_ARCH_NAMES[arch])
    writer.add_name("random")
    writer.add_context_length(c.n_positions)
    writer.add_embedding_length(c.d_model)
    writer.add_feed_forward_length(c.d_ff)
    writer.add_block_count(c.num_layers)
    if not encoder:
        # Newer versions have add_decoder_block_count().
        writer.add_uint32(f"{writer.arch}.decoder_block_count", c.num_decoder_layers)
    writer.add_head_count(c.num_heads)
    writer.add_key_length(c.d_kv)
    writer.add_value_length(c.d_kv)
    writer.add_layer_norm_eps(c.layer_norm_epsilon)
    writer.add_relative_attn_buckets_count(c.relative_attention_num_buckets)
    writer.add_layer_norm_rms_eps(c.layer_norm_epsilon)
    if not encoder:
        writer.add_decoder_start_token_id(c.decoder_start_token_id)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    vocabulary(writer, folder, c.vocab_size)
    names = gguf.get_tensor_name_map(arch, max(c.num_layers, c.num_decoder_layers))
    shared = False
    for name, tensor in model.state_dict().items():
        if encoder and name.startswith(("decoder.", "lm_head.")) or name == "lm_head.weight" and c.tie_word_embeddings:
            continue
        if name in SHARED:
            if shared:
                continue
            name, shared = "shared.weight", True
        new = names.get_name(name, try_suffixes=(".weight", ".bias"))
        assert new, name
        writer.add_tensor(new, tensor.numpy().astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def program(ocelli, *args):
    ended = subprocess.run([ocelli, *args], capture_output=True, text=True)
    return ended.returncode, ended.stdout, ended.stderr


def check(ocelli, name, config, folder):
    t5.own_tokenizer(folder)
    # llama.cpp does as the library does, and so does the class around it.
    tokenizer = T5Tokenizer(f"{folder}/spiece.model", legacy=True)
    pieces = SentencePieceProcessor(model_file=f"{folder}/spiece.model").vocab_size()
    # What directories of T5 have beside their pieces.
    added = {f"<extra_id_{i}>": pieces + 99 - i for i in range(100)}
    json.dump(added, open(f"{folder}/added_tokens.json", "w"))
    json.dump({"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}, open(f"{folder}/special_tokens_map.json", "w"))
    made = T5Config(vocab_size=len(tokenizer) + 12, decoder_start_token_id=0, pad_token_id=0, eos_token_id=1, n_positions=512, **config)
    made.save_pretrained(folder)
    model = t5.fill(T5ForConditionalGeneration(made), 77, "float32")
    path = f"{folder}/model.gguf"
    write(path, folder, model, False)
    worst, count = 0.0, 0
    for prompt in PROMPTS:
        ids = tokenizer(prompt)["input_ids"]
        run = t5.Run(model, 0, input_ids=torch.tensor([ids]))
        code, out, err = program(ocelli, "score", "-m", path, "--json", "-q", "-p", prompt, *(x for text in TEXTS for x in ("-c", text)))
        assert code == 0, err
        found = json.loads(out)
        assert found["prompt_ids"] == ids, (prompt, found["prompt_ids"], ids)
        for text, got in zip(TEXTS, found["continuations"]):
            wanted = tokenizer(text, add_special_tokens=False)["input_ids"]
            assert got["ids"] == wanted, (text, got["ids"], wanted)
            logs = torch.log_softmax(run.rows(wanted), -1)[torch.arange(len(wanted)), torch.tensor(wanted)].tolist()
            worst = max([worst, *(abs(a - b) / max(1.0, abs(b)) for a, b in zip(got["logprobs"], logs))])
            count += len(wanted)
        greedy = model.generate(torch.tensor([ids]), max_new_tokens=12, do_sample=False, use_cache=False)[0].tolist()[1:]
        code, out, err = program(ocelli, "run", "-m", path, "--json", "-q", "-n", "12", "--beams", "1", "-p", prompt or "")
        if prompt:
            assert code == 0 and json.loads(out)["ids"] == greedy, (prompt, out, err, greedy)
    assert worst < 1e-4, worst
    write(f"{folder}/encoder.gguf", folder, model, True)
    code, _, err = program(ocelli, "run", "-m", f"{folder}/encoder.gguf", "-p", "x")
    assert code != 0 and "t5encoder" in err, err
    print(f"{name}: {len(PROMPTS)} prompts, {count} tokens of continuations, off by {worst:.1e} at most; greedy texts are the same")


def main(args):
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    warnings.filterwarnings("ignore")
    for name, config in CONFIGS.items():
        with tempfile.TemporaryDirectory() as folder:
            check(args[0], name, config, folder)


if __name__ == "__main__":
    main(sys.argv[1:])
