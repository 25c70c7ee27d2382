//! The tasks of a file: how prompts are worded and answers chosen in the papers' evaluations and the makers' code (LAVIS, and
//! OpenFlamingo's evaluation). A file has them whatever its generation settings are, so each task says all of its own.
//!
//! The non-obvious thing: LAVIS counts the token that T5's texts begin with, so that its least length of 1 holds nothing back
//! there.

use crate::keys::Keys;

/// Of BLIP-2 as trained, of models that follow instructions, of the first stage by itself, of OpenFlamingo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Blip2,
    Instruct,
    FirstStage,
    OpenFlamingo,
}

struct Task {
    name: &'static str,
    prompt: Option<&'static str>,
    beams: u32,
    new_tokens: u32,
    least: u32,
    length_penalty: f32,
    repetition_penalty: f32,
    stop: &'static [&'static str],
}

const CAPTION: Task = Task {
    name: "caption",
    prompt: Some("a photo of"),
    beams: 5,
    new_tokens: 30,
    least: 1,
    length_penalty: 1.0,
    repetition_penalty: 1.0,
    stop: &[],
};

const VQA: Task =
    Task { name: "vqa", prompt: Some("Question: {} Short answer:"), new_tokens: 10, length_penalty: -1.0, ..CAPTION };

/// OPT's answers end with their line.
const LINE: &[&str] = &["\n"];

/// Beams, and most and least new tokens of a caption of the first stage; the original counts the token that begins it as well.
pub(crate) const FIRST: (u32, u32, u32) = (3, 30 - 1, 10 - 1);

/// The tasks of a protocol with a language model of an architecture.
fn tasks(protocol: Protocol, architecture: &str) -> Vec<Task> {
    let encodes = architecture == "t5";
    let least = u32::from(!encodes);
    match protocol {
        Protocol::Blip2 => {
            let stop = if architecture == "opt" { LINE } else { &[] };
            vec![Task { least, stop, ..CAPTION }, Task { least, stop, ..VQA }]
        }
        Protocol::Instruct => {
            let penalised = |task| Task { least, repetition_penalty: 1.5, ..task };
            let prompt = Some("A short image description:");
            let length_penalty = if encodes { -1.0 } else { 0.0 };
            vec![penalised(Task { prompt, new_tokens: 256, ..CAPTION }), penalised(Task { length_penalty, ..VQA })]
        }
        Protocol::FirstStage => {
            let (beams, new_tokens, least) = FIRST;
            vec![Task { prompt: None, beams, new_tokens, least, ..CAPTION }]
        }
        Protocol::OpenFlamingo => {
            let own = |task| Task { beams: 3, least: 0, length_penalty: 0.0, ..task };
            let asked = Some("Question:{} Short answer:");
            vec![
                own(Task { prompt: Some("Output:"), new_tokens: 20, stop: &["Output"], ..CAPTION }),
                own(Task { prompt: asked, new_tokens: 5, stop: &["Question", "Answer", "Short"], ..VQA }),
            ]
        }
    }
}

/// Sets the keys.
pub(crate) fn keys(protocol: Protocol, architecture: &str, keys: &mut Keys) {
    let tasks = tasks(protocol, architecture);
    keys.set("ocelli.tasks", tasks.iter().map(|task| task.name.to_owned()).collect::<Vec<_>>());
    for task in tasks {
        let at = format!("ocelli.task.{}", task.name);
        if let Some(prompt) = task.prompt {
            keys.set(format!("{at}.prompt"), prompt);
        }
        keys.set(format!("{at}.num_beams"), task.beams);
        keys.set(format!("{at}.max_new_tokens"), task.new_tokens);
        keys.set(format!("{at}.min_new_tokens"), task.least);
        keys.set(format!("{at}.length_penalty"), task.length_penalty);
        keys.set(format!("{at}.repetition_penalty"), task.repetition_penalty);
        // Whatever else the checkpoint's generation_config.json says is not the task's.
        keys.set(format!("{at}.no_repeat_ngram_size"), 0u32);
        keys.set(format!("{at}.early_stopping"), false);
        keys.set(format!("{at}.min_length"), 0u32);
        if !task.stop.is_empty() {
            keys.set(format!("{at}.stop_strings"), task.stop.iter().map(|stop| (*stop).to_owned()).collect::<Vec<_>>());
        }
    }
}
