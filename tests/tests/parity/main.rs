//! Families against transformers: each golden's checkpoint is made from the formula, converted to f32, run, and compared.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod blip2;
mod blip2_itm;
mod chat;
mod instructblip;
mod kosmos;
mod lavis;
mod llava;
mod mixed;
mod qwen_vl;
mod text;

use ocelli_engine::{Event, GenerateOptions, Prompt, Sampling, Session};
use ocelli_tests::golden::{Generation, Logits, Score, Settings};
use std::ops::ControlFlow;

/// The bar for every number that is compared: difference over the largest magnitude of the reference.
const TOLERANCE: f32 = 1e-4;

fn close(got: &[f32], want: &[f32], what: &str) {
    assert_eq!(got.len(), want.len(), "{what}: lengths");
    let scale = want.iter().fold(0f32, |m, v| m.max(v.abs()));
    let worst = got.iter().zip(want).map(|(g, w)| (g - w).abs()).fold(0f32, f32::max);
    assert!(worst <= TOLERANCE * scale, "{what}: off by {worst} of {scale}");
}

fn quiet(_: Event<'_>) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn check_logits(all: &[f32], want: &[Logits], what: &str) {
    for row in want {
        let n = row.values.len();
        let got = &all[row.position * n..(row.position + 1) * n];
        close(got, &row.values, &format!("{what}: logits at {}", row.position));
    }
}

fn options(generation: &Generation) -> GenerateOptions {
    let s = &generation.settings;
    GenerateOptions {
        max_new_tokens: generation.max_new_tokens,
        beams: s.num_beams.unwrap_or(1),
        length_penalty: s.length_penalty.unwrap_or(1.0),
        early_stopping: s.early_stopping.unwrap_or(false),
        sampling: sampling(s, 0.0),
        ..GenerateOptions::default()
    }
}

fn sampling(s: &Settings, temperature: f32) -> Sampling {
    Sampling {
        temperature: s.temperature.unwrap_or(temperature),
        top_k: s.top_k.unwrap_or(0),
        top_p: s.top_p.unwrap_or(1.0),
        min_p: s.min_p.unwrap_or(0.0),
        repetition_penalty: s.repetition_penalty.unwrap_or(1.0),
        no_repeat_ngram: s.no_repeat_ngram_size.unwrap_or(0),
        min_new_tokens: s.min_new_tokens.unwrap_or(0),
        seed: 0,
        ..Sampling::default()
    }
}

fn check_generations(session: &mut Session, prompt: &Prompt, want: &[Generation], what: &str) {
    for want in want {
        let mut streamed = String::new();
        let got = session
            .generate(prompt, &options(want), &mut |event| {
                if let Event::Piece(piece) = event {
                    streamed.push_str(piece);
                }
                ControlFlow::Continue(())
            })
            .unwrap();
        let what = format!("{what}: {}, narrowest decision {}", want.name, want.gap);
        assert_eq!(got.ids, want.ids, "{what}");
        assert_eq!(got.text, want.text, "{what}");
        assert_eq!(streamed, want.text, "{what}: the stream");
        let ended = got.finish == ocelli_engine::Finish::Eos;
        assert_eq!(ended, want.ended, "{what}: finish");
    }
}

fn check_scores(session: &mut Session, prompt: &Prompt, want: &[Score], what: &str) {
    let texts: Vec<&str> = want.iter().map(|s| s.text.as_str()).collect();
    let got = session.score(prompt, &texts, &mut quiet).unwrap();
    for (got, want) in got.iter().zip(want) {
        let what = format!("{what}: score of {:?}", want.text);
        assert_eq!(got.ids, want.ids, "{what}");
        close(&got.logprobs, &want.logprobs, &what);
        let sum: f64 = want.logprobs.iter().map(|&p| f64::from(p)).sum();
        assert!((got.sum() - sum).abs() <= f64::from(TOLERANCE) * sum.abs(), "{what}: {} for {sum}", got.sum());
    }
}
