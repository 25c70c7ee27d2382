//! The tasks of a file: how prompts are worded and answers chosen in the papers' evaluations and the makers' code (LAVIS,
//! OpenFlamingo's evaluation, and those of KOSMOS-1 and -2). A file has them whatever its generation settings are, so each task says all of its own.
//!
//! The non-obvious thing: LAVIS counts the token that T5's texts begin with, so that its least length of 1 holds nothing back
//! there.

use crate::keys::Keys;

/// Of BLIP-2 as trained, of models that follow instructions, of the first stage by itself, of OpenFlamingo, of KOSMOS with places of
/// a grid and without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Blip2,
    Instruct,
    FirstStage,
    OpenFlamingo,
    Kosmos { points: bool },
}

struct Task {
    name: &'static str,
    prompt: Option<&'static str>,
    begin: Option<&'static str>,
    beams: u32,
    new_tokens: u32,
    least: u32,
    length_penalty: f32,
    repetition_penalty: f32,
    ngram: u32,
    stop: &'static [&'static str],
}

const CAPTION: Task = Task {
    name: "caption",
    prompt: Some("a photo of"),
    begin: None,
    beams: 5,
    new_tokens: 30,
    least: 1,
    length_penalty: 1.0,
    repetition_penalty: 1.0,
    ngram: 0,
    stop: &[],
};

const VQA: Task =
    Task { name: "vqa", prompt: Some("Question: {} Short answer:"), new_tokens: 10, length_penalty: -1.0, ..CAPTION };

/// OPT's answers end with their line.
const LINE: &[&str] = &["\n"];

/// Beams, and most and least new tokens of a caption of the first stage; the original counts the token that begins it as well.
pub(crate) const FIRST: (u32, u32, u32) = (3, 30 - 1, 10 - 1);

/// Of KOSMOS' papers: what is written is ended by the model.
const WRITTEN: Task = Task { beams: 1, new_tokens: 64, least: 0, ..CAPTION };

/// Name and prompt of what is asked with candidates for the answer, one of which is the likeliest. A picture of Raven's test stands
/// at each mark, the last one being a candidate.
const CHOICES: [(&str, &str); 7] = [
    ("classify", "The photo of the"),
    ("sentiment", "Question: what is the sentiment of the opinion? Answer:"),
    ("hateful", "Question: does this picture contain real hate speech? Answer:"),
    ("choose", "Question: {} Answer:"),
    ("raven3", "Here are three images:<image><image><image> The following image is:<image> Is it correct?"),
    ("raven4", "Here are four images:<image><image><image><image> The following image is:<image> Is it correct?"),
    (
        "raven8",
        "Here are eight images:<image><image><image><image><image><image><image><image> The following image is:<image> Is it \
         correct?",
    ),
];

/// The tasks of KOSMOS-1, and of KOSMOS-2 those that point.
fn of_kosmos(points: bool) -> Vec<Task> {
    let task = |name, prompt| Task { name, prompt: Some(prompt), ..WRITTEN };
    let mut tasks = vec![
        Task { beams: 5, ..task("caption", "An image of") },
        Task { new_tokens: 10, ..task("vqa", "Question: {} Answer:") },
        Task { new_tokens: 256, ngram: 3, ..task("introduce", "Introduce this picture in detail:") },
    ];
    tasks.extend(CHOICES.map(|(name, prompt)| Task { new_tokens: 10, ..task(name, prompt) }));
    if points {
        let pointing = |name, prompt| Task { begin: Some("<grounding>"), ..task(name, prompt) };
        tasks.extend([
            Task { new_tokens: 128, ..pointing("ground", "An image of") },
            Task { new_tokens: 256, ngram: 3, ..pointing("describe", "Describe this image in detail:") },
            Task { new_tokens: 32, ..pointing("find", "<phrase>{}</phrase>") },
            pointing("refer", "<phrase> It</phrase>{} is"),
        ]);
    }
    tasks
}

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
        Protocol::Kosmos { points } => of_kosmos(points),
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
        if let Some(begin) = task.begin {
            keys.set(format!("{at}.begin"), begin);
        }
        keys.set(format!("{at}.num_beams"), task.beams);
        keys.set(format!("{at}.max_new_tokens"), task.new_tokens);
        keys.set(format!("{at}.min_new_tokens"), task.least);
        keys.set(format!("{at}.length_penalty"), task.length_penalty);
        keys.set(format!("{at}.repetition_penalty"), task.repetition_penalty);
        keys.set(format!("{at}.no_repeat_ngram_size"), task.ngram);
        // Whatever else the checkpoint's generation_config.json says is not the task's.
        keys.set(format!("{at}.early_stopping"), false);
        keys.set(format!("{at}.min_length"), 0u32);
        if !task.stop.is_empty() {
            keys.set(format!("{at}.stop_strings"), task.stop.iter().map(|stop| (*stop).to_owned()).collect::<Vec<_>>());
        }
    }
}
