//! Whether both engines compute the same model: `rival perplexity` over a text, `rival greedy` from prompts.
//!
//! Both are fed the ids of llama.cpp's tokenizer; whether Ocelli's tokenizer gives the same ids is said beside.

use crate::bench::Contender;
use crate::{Result, llama, ocelli};
use clap::Args;
use ocelli_engine::tokenizer::EncodeOptions;
use std::path::PathBuf;

/// Perplexity of a text in both, and how far their distributions are apart.
#[derive(Args)]
pub struct Perplexity {
    /// The file.
    #[arg(long)]
    model: PathBuf,
    /// The text.
    #[arg(long, default_value = "text.txt")]
    text: PathBuf,
    /// Tokens of a chunk; the last one, where it is shorter, is left out.
    #[arg(long, default_value_t = 512)]
    chunk: usize,
    /// Threads of each.
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

/// Greedy continuations of fixed prompts in both.
#[derive(Args)]
pub struct Greedy {
    /// The file.
    #[arg(long)]
    model: PathBuf,
    /// Tokens of a continuation.
    #[arg(short = 'n', long, default_value_t = 64)]
    generate: usize,
    /// Threads of each.
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

const PROMPTS: [&str; 10] = [
    "The capital of France is",
    "Once upon a time, in a village by the sea,",
    "Water boils at a lower temperature on a mountain because",
    "def fibonacci(n):\n",
    "The three primary colours are",
    "Dear Sir or Madam,\n\nI am writing to",
    "1, 2, 3, 5, 8, 13,",
    "Q: Why is the sky blue?\nA:",
    "A recipe for bread: flour, water, salt and",
    "Les oiseaux chantent dans le",
];

/// Logits as log-probabilities.
fn log_softmax(logits: &[f32]) -> Vec<f64> {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|x| f64::from(x - most).exp()).sum();
    let norm = f64::from(most) + sum.ln();
    logits.iter().map(|x| f64::from(*x) - norm).collect()
}

/// Sums over the positions of a text.
#[derive(Default)]
struct Sums {
    tokens: usize,
    llama: f64,
    ocelli: f64,
    divergence: f64,
    same_best: usize,
}

impl Sums {
    fn add(&mut self, theirs: &[f64], logits: &[f32], next: u32) {
        let ours = log_softmax(logits);
        let best = |p: &[f64]| p.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map(|(i, _)| i);
        self.tokens += 1;
        self.llama -= theirs[next as usize];
        self.ocelli -= ours[next as usize];
        self.divergence += theirs.iter().zip(&ours).map(|(t, o)| t.exp() * (t - o)).sum::<f64>();
        self.same_best += usize::from(best(theirs) == best(&ours));
    }

    fn perplexities(&self) -> (f64, f64) {
        let n = self.tokens as f64;
        ((self.llama / n).exp(), (self.ocelli / n).exp())
    }
}

impl Perplexity {
    /// Runs it.
    pub fn run(&self) -> Result<()> {
        let text = std::fs::read_to_string(&self.text).map_err(|e| format!("{}: {e}", self.text.display()))?;
        let model = llama::Model::open(&self.model)?;
        let mut context = model.context(self.chunk, self.threads)?;
        let mut session = ocelli::session(&self.model, self.chunk, self.threads)?;
        let ids = model.tokenize(&text)?;
        let options = EncodeOptions { add_special: true, parse_special: true };
        let same = session.model().tokenizer().encode(&text, options)? == ids;
        let mut tokens = session.tokens();
        let mut sums = Sums::default();
        for chunk in ids.chunks_exact(self.chunk) {
            let mut theirs = Vec::new();
            context.clear();
            context.feed_each(chunk, &mut |_, logits| theirs.push(log_softmax(logits)))?;
            tokens.clear();
            tokens.feed_each(chunk, &mut |i, logits| {
                if let Some(&next) = chunk.get(i + 1) {
                    sums.add(&theirs[i], logits, next);
                }
            })?;
        }
        if sums.tokens == 0 {
            return Err(format!("{} tokens are less than a chunk of {}", ids.len(), self.chunk).into());
        }
        let (llama, ocelli) = sums.perplexities();
        let n = sums.tokens as f64;
        println!(
            "{}: {} tokens in chunks of {}; tokenizers {}",
            self.model.file_name().unwrap_or_default().display(),
            sums.tokens,
            self.chunk,
            if same { "agree" } else { "DISAGREE" }
        );
        println!("perplexity  llama.cpp {llama:.4}  Ocelli {ocelli:.4}  {:+.3} %", (ocelli / llama - 1.0) * 100.0);
        println!(
            "mean divergence {:.3e} nats, same best token {:.2} %",
            sums.divergence / n,
            sums.same_best as f64 / n * 100.0
        );
        Ok(())
    }
}

/// The two greatest logits and their ids.
fn top_two(logits: &[f32]) -> [(u32, f32); 2] {
    let mut top = [(0, f32::NEG_INFINITY); 2];
    for (id, &logit) in (0u32..).zip(logits) {
        if logit > top[0].1 {
            top = [(id, logit), top[0]];
        } else if logit > top[1].1 {
            top[1] = (id, logit);
        }
    }
    top
}

/// Tokens and, for each, the two greatest logits it was chosen from.
fn continue_greedily(contender: &mut dyn Contender, prompt: &[u32], count: usize) -> Result<Vec<[(u32, f32); 2]>> {
    contender.clear();
    let mut chosen = vec![top_two(contender.feed(prompt)?)];
    while chosen.len() < count {
        let last = chosen[chosen.len() - 1][0].0;
        chosen.push(top_two(contender.feed(&[last])?));
    }
    Ok(chosen)
}

impl Greedy {
    /// Runs it.
    pub fn run(&self) -> Result<()> {
        let model = llama::Model::open(&self.model)?;
        let prompts = PROMPTS.iter().map(|p| model.tokenize(p)).collect::<Result<Vec<_>>>()?;
        let room = self.generate + prompts.iter().map(Vec::len).max().unwrap_or(0);
        let mut context = model.context(room, self.threads)?;
        let mut session = ocelli::session(&self.model, room, self.threads)?;
        let options = EncodeOptions { add_special: true, parse_special: true };
        let tokenizer = session.model().tokenizer();
        let ours = PROMPTS.iter().map(|p| tokenizer.encode(p, options)).collect::<std::result::Result<Vec<_>, _>>()?;
        let alike = ours.iter().zip(&prompts).filter(|(a, b)| a == b).count();
        let mut tokens = session.tokens();
        let mut equal = 0;
        for (text, prompt) in PROMPTS.iter().zip(&prompts) {
            let theirs = continue_greedily(&mut context, prompt, self.generate)?;
            let ours = continue_greedily(&mut tokens, prompt, self.generate)?;
            match theirs.iter().zip(&ours).position(|(t, o)| t[0].0 != o[0].0) {
                None => equal += 1,
                Some(at) => {
                    let show = |top: [(u32, f32); 2]| -> Result<String> {
                        let part = |(id, logit): (u32, f32)| -> Result<String> {
                            Ok(format!("{:?} {logit:.3}", model.detokenize(&[id])?))
                        };
                        Ok(format!("{}, {}", part(top[0])?, part(top[1])?))
                    };
                    println!("{text:?} differs at token {at}:");
                    println!("  llama.cpp {}", show(theirs[at])?);
                    println!("  Ocelli    {}", show(ours[at])?);
                }
            }
        }
        println!(
            "{}: {equal} of {} continuations of {} tokens equal; {alike} of {} prompts tokenised alike",
            self.model.file_name().unwrap_or_default().display(),
            PROMPTS.len(),
            self.generate,
            PROMPTS.len()
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_sum_to_one_and_tops_are_found() {
        let p = log_softmax(&[1000.0, 999.0, -5.0]);
        assert!((p.iter().map(|x| x.exp()).sum::<f64>() - 1.0).abs() < 1e-12);
        assert_eq!(top_two(&[1.0, 5.0, 3.0, 4.0]), [(1, 5.0), (3, 4.0)]);
        assert_eq!(top_two(&[5.0, 1.0]), [(0, 5.0), (1, 1.0)]);
    }

    #[test]
    fn equal_logits_do_not_diverge() {
        let logits = [0.5, -1.0, 2.0];
        let mut sums = Sums::default();
        sums.add(&log_softmax(&logits), &logits, 2);
        assert!(sums.divergence.abs() < 1e-12 && sums.same_best == 1);
        let (llama, ocelli) = sums.perplexities();
        assert!(llama == ocelli && llama > 1.0);
    }
}
