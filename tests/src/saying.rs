//! A model that says what a test wants: a LLaMA whose layers add nothing and whose head knows what follows each token.

use ocelli_quant::TensorType;
use ocelli_quant::gguf::{MetaValue, Writer};

/// Width of the model, and most tokens: each has a dimension of its own.
const WIDTH: usize = 288;
/// A turn of ChatML, in which messages are texts.
const CHATML: &str = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}\
    {% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

/// A text model that says `chain` behind a prompt whose last token is the first of it, and then ends. Tokens are written
/// in GPT-2's alphabet, none twice; every byte is one, and so are two control tokens.
///
/// # Panics
/// For more tokens than it has width.
#[must_use]
pub fn saying(chain: &[&str]) -> Vec<u8> {
    saying_in(512, chain)
}

/// The same with another number of positions.
///
/// # Panics
/// For more tokens than it has width.
#[must_use]
pub fn saying_in(context: u32, chain: &[&str]) -> Vec<u8> {
    let mut tokens: Vec<String> = ["</s>", "<|im_start|>", "<|im_end|>"].map(str::to_owned).to_vec();
    let control = tokens.len();
    tokens.extend((0..=255u8).map(|byte| alphabet(byte).to_string()));
    for token in chain {
        if !tokens.iter().any(|known| known == token) {
            tokens.push((*token).to_owned());
        }
    }
    assert!(tokens.len() <= WIDTH, "{} tokens", tokens.len());
    let id = |text: &str| tokens.iter().position(|token| token == text).unwrap();
    let (mut embedding, mut head) = (vec![0f32; tokens.len() * WIDTH], vec![0f32; tokens.len() * WIDTH]);
    for token in 0..tokens.len() {
        embedding[token * WIDTH + token] = 1.0;
        let at = chain.iter().position(|text| id(text) == token);
        // What ends a turn follows what has no successor.
        let next = at.and_then(|at| chain.get(at + 1)).map_or(2, |text| id(text));
        head[next * WIDTH + token] = 1.0;
    }
    let mut writer = Writer::new();
    writer.set("general.architecture", MetaValue::from("llama"));
    for (key, value) in [
        ("context_length", context),
        ("embedding_length", WIDTH as u32),
        ("block_count", 1),
        ("feed_forward_length", 32),
        ("attention.head_count", 9),
    ] {
        writer.set(format!("llama.{key}"), MetaValue::from(value));
    }
    writer.set("llama.attention.layer_norm_rms_epsilon", MetaValue::from(1e-5f32));
    writer.set("tokenizer.chat_template", MetaValue::from(CHATML));
    writer.set("tokenizer.ggml.model", MetaValue::from("gpt2"));
    writer.set("tokenizer.ggml.pre", MetaValue::from("gpt-2"));
    writer.set("tokenizer.ggml.merges", MetaValue::from(Vec::<String>::new()));
    let types: Vec<i32> = (0..tokens.len()).map(|at| if at < control { 3 } else { 1 }).collect();
    writer.set("tokenizer.ggml.token_type", MetaValue::from(types));
    writer.set("tokenizer.ggml.eos_token_id", MetaValue::from(2u32));
    let rows = tokens.len() as u64;
    writer.set("tokenizer.ggml.tokens", MetaValue::from(tokens));
    let (width, narrow) = (WIDTH as u64, 32);
    let zeros = |n: u64| vec![0f32; n as usize];
    let ones = || vec![1f32; WIDTH];
    let tensors = [
        ("token_embd.weight", vec![width, rows], embedding),
        ("output.weight", vec![width, rows], head),
        ("output_norm.weight", vec![width], ones()),
        ("blk.0.attn_norm.weight", vec![width], ones()),
        ("blk.0.ffn_norm.weight", vec![width], ones()),
        ("blk.0.attn_q.weight", vec![width, width], zeros(width * width)),
        ("blk.0.attn_k.weight", vec![width, width], zeros(width * width)),
        ("blk.0.attn_v.weight", vec![width, width], zeros(width * width)),
        ("blk.0.attn_output.weight", vec![width, width], zeros(width * width)),
        ("blk.0.ffn_gate.weight", vec![width, narrow], zeros(width * narrow)),
        ("blk.0.ffn_up.weight", vec![width, narrow], zeros(width * narrow)),
        ("blk.0.ffn_down.weight", vec![narrow, width], zeros(width * narrow)),
    ];
    for (name, shape, _) in &tensors {
        writer.tensor(*name, shape, TensorType::F32);
    }
    let mut body = writer.begin(Vec::new()).unwrap();
    for (.., data) in &tensors {
        body.write(&data.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<_>>()).unwrap();
    }
    body.finish().unwrap()
}

/// The character of a byte in GPT-2's alphabet.
fn alphabet(byte: u8) -> char {
    let printable = |b: u8| matches!(b, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    let others = (0..byte).filter(|&b| !printable(b)).count();
    if printable(byte) { char::from(byte) } else { char::from_u32(256 + others as u32).unwrap() }
}
