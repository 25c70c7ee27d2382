//! ScienceQA's prompts (Lu et al. 2022, section 5.1), letter by letter as the code that came with the paper makes them, and
//! the wordings that LLaVA and Multimodal-CoT made of them.
//!
//! The non-obvious things: the output AL brings the solution and AE the lecture, the other way round than their letters say;
//! blanks in pairs become one in one pass over the whole example, questions and all; line breaks of lectures and
//! solutions are written as the two characters `\n`, so that an answer ends where a line does.

use super::Problem;

/// Letters of choices.
const LETTERS: [char; 26] = [
    'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', 'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W',
    'X', 'Y', 'Z',
];

/// The letter of a choice.
pub fn letter(choice: usize) -> char {
    LETTERS.get(choice).copied().unwrap_or('?')
}

/// What stands before the answer.
const INPUTS: [&str; 8] = ["QCM", "CQM", "QCML", "QCME", "QCMLE", "QCLM", "QCEM", "QCLEM"];
/// What the answer of a demonstration brings.
const OUTPUTS: [&str; 12] = ["A", "AL", "AE", "ALE", "AEL", "LA", "EA", "LEA", "ELA", "E", "LE", "LEPA"];

/// A format such as QCM-ALE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    pub input: &'static str,
    pub output: &'static str,
}

impl Format {
    /// Reads `INPUT-OUTPUT`; the paper's arrow stands for the dash.
    pub fn parse(text: &str) -> Result<Self, String> {
        let plain = text.replace('→', "-").to_ascii_uppercase();
        let of = |known: &[&'static str], part: &str| known.iter().find(|one| **one == part).copied();
        let parts = plain.split_once('-').and_then(|(i, o)| Some((of(&INPUTS, i.trim())?, of(&OUTPUTS, o.trim())?)));
        let (input, output) = parts.ok_or_else(|| {
            let (inputs, outputs) = (INPUTS.join(", "), OUTPUTS.join(", "));
            format!("'{text}' is no format: expected INPUT-OUTPUT, of the inputs {inputs} and the outputs {outputs}")
        })?;
        Ok(Self { input, output })
    }

    /// As it is written.
    pub fn name(self) -> String {
        format!("{}-{}", self.input, self.output)
    }
}

/// Whose wording it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// The paper's.
    Official,
    /// LLaVA's of models that were trained on ScienceQA.
    Tuned,
    /// LLaVA 1.5's of models that were not.
    Directly,
    /// Multimodal-CoT's: letters of answers in brackets, a rationale before the answer.
    MmCot,
}

impl Style {
    pub const ALL: [(&'static str, Self); 4] =
        [("official", Self::Official), ("llava", Self::Tuned), ("llava-1.5", Self::Directly), ("mm-cot", Self::MmCot)];
}

/// The instruction behind a question that LLaVA 1.5 was not trained on.
const DIRECTLY: &str = "Answer with the option's letter from the given choices directly.";

/// The lines of an example before its answer, each part where the format puts it; `rationale` is a line of its own behind all.
fn lines(input: &str, problem: &Problem, caption: Option<&str>, rationale: Option<&str>) -> String {
    let question = &problem.question;
    let context = context(problem, caption);
    let options = options(problem);
    let (lecture, solution) = (one_line(&problem.lecture), one_line(&problem.solution));
    let mut text = match input {
        "CQM" => format!("Context: {context}\nQuestion: {question}\nOptions: {options}\n"),
        "QCML" => format!("Question: {question}\nContext: {context}\nOptions: {options}\nBECAUSE: {lecture}\n"),
        "QCME" => format!("Question: {question}\nContext: {context}\nOptions: {options}\nBECAUSE: {solution}\n"),
        "QCMLE" => {
            format!("Question: {question}\nContext: {context}\nOptions: {options}\nBECAUSE: {lecture} {solution}\n")
        }
        "QCLM" => format!("Question: {question}\nContext: {context}\nBECAUSE: {lecture}\nOptions: {options}\n"),
        "QCEM" => format!("Question: {question}\nContext: {context}\nBECAUSE: {solution}\nOptions: {options}\n"),
        "QCLEM" => {
            format!("Question: {question}\nContext: {context}\nBECAUSE: {lecture} {solution}\nOptions: {options}\n")
        }
        _ => format!("Question: {question}\nContext: {context}\nOptions: {options}\n"),
    };
    if let Some(rationale) = rationale {
        text.push_str(rationale);
        text.push('\n');
    }
    text
}

/// What is known besides the question: the hint and perhaps what a caption says of the picture.
fn context(problem: &Problem, caption: Option<&str>) -> String {
    let joined = format!("{} {}", problem.hint, caption.unwrap_or_default());
    match strip(&joined) {
        "" => "N/A".to_owned(),
        text => text.to_owned(),
    }
}

fn options(problem: &Problem) -> String {
    let choices = problem.choices.iter().enumerate();
    choices.map(|(i, choice)| format!("({}) {choice}", letter(i))).collect::<Vec<_>>().join(" ")
}

fn one_line(text: &str) -> String {
    text.replace('\n', "\\n")
}

/// Python's `strip`, which takes four separators more than Rust's `trim`.
pub fn strip(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c))
}

/// Pairs of blanks to one, ends cut, and an explanation that is not there not announced.
fn tidied(text: &str) -> String {
    let text = text.replace("  ", " ");
    let text = strip(&text);
    if text.ends_with("BECAUSE:") { strip(&text.replace("BECAUSE:", "")).to_owned() } else { text.to_owned() }
}

/// The answer of a demonstration.
fn told(output: &str, style: Style, problem: &Problem) -> String {
    let (lecture, solution) = (one_line(&problem.lecture), one_line(&problem.solution));
    let answer = letter(problem.answer);
    let answer = if style == Style::MmCot { format!("({answer})") } else { answer.to_string() };
    match output {
        "AL" => format!("Answer: The answer is {answer}. BECAUSE: {solution}"),
        "AE" => format!("Answer: The answer is {answer}. BECAUSE: {lecture}"),
        "ALE" => format!("Answer: The answer is {answer}. BECAUSE: {lecture} {solution}"),
        "AEL" => format!("Answer: The answer is {answer}. BECAUSE: {solution} {lecture}"),
        "LA" => format!("Answer: {lecture} The answer is {answer}."),
        "EA" => format!("Answer: {solution} The answer is {answer}."),
        "LEA" => format!("Answer: {lecture} {solution} The answer is {answer}."),
        "ELA" => format!("Answer: {solution} {lecture} The answer is {answer}."),
        "E" => format!("Solution: {solution}"),
        "LE" => format!("Solution: {lecture} {solution}."),
        "LEPA" => {
            let part = |name: &str, text: &str| match strip(text) {
                "" => String::new(),
                _ => format!("{name}: {text}\n"),
            };
            let parts = part("LECTURE", &lecture) + &part("SOLUTION", &solution);
            format!("{parts}###\nANSWER: {answer}.")
        }
        _ => format!("Answer: The answer is {answer}."),
    }
}

/// How the answer of a query begins.
fn opened(output: &str) -> &'static str {
    if matches!(output, "E" | "LE") { "Solution:" } else { "Answer:" }
}

/// The wording of prompts.
#[derive(Debug, Clone)]
pub struct Wording {
    pub format: Format,
    pub style: Style,
    /// What stands at the end in place of how the answer begins.
    pub suffix: Option<String>,
}

impl Wording {
    /// A demonstration, answer and all.
    pub fn shown(&self, problem: &Problem, caption: Option<&str>) -> String {
        let told = told(self.format.output, self.style, problem);
        tidied(&(lines(self.format.input, problem, caption, None) + &told))
    }

    /// What the model is to go on behind. A rationale from before stands in a line before the answer.
    pub fn asked(&self, problem: &Problem, caption: Option<&str>, rationale: Option<&str>) -> String {
        let input = lines(self.format.input, problem, caption, rationale);
        match (&self.suffix, self.style) {
            (Some(suffix), _) => tidied(&input) + suffix,
            (None, Style::Tuned) => {
                let text = tidied(&input);
                // The code removes the label by a replacement, which meets a question that has it within, too.
                if text.starts_with("Question: ") { text.replace("Question: ", "") } else { text }
            }
            (None, Style::Directly) => tidied(&input) + "\n" + DIRECTLY,
            (None, _) => tidied(&(input + opened(self.format.output))),
        }
    }

    /// The second of two prompts: the letter alone is asked for.
    pub fn decided(&self, problem: &Problem, caption: Option<&str>, rationale: &str) -> String {
        let answer = Format { input: self.format.input, output: "A" };
        Self { format: answer, ..self.clone() }.asked(problem, caption, Some(rationale))
    }

    /// A demonstration of the second prompt, with the rationale that its problem has.
    pub fn shown_decided(&self, problem: &Problem, caption: Option<&str>) -> String {
        let (lecture, solution) = (one_line(&problem.lecture), one_line(&problem.solution));
        let rationale = format!("Solution: {lecture} {solution}");
        let told = told("A", self.style, problem);
        tidied(&(lines(self.format.input, problem, caption, Some(&rationale)) + &told))
    }
}

/// The line of a rationale that a model wrote behind `Solution:`, or with it.
pub fn rationale(output: &str) -> String {
    let text = strip(output);
    if text.starts_with("Solution:") { text.to_owned() } else { strip(&format!("Solution: {text}")).to_owned() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn problem() -> Problem {
        Problem {
            question: "Which  is it?".to_owned(),
            choices: vec!["a cat".to_owned(), "a dog".to_owned()],
            answer: 1,
            hint: " Look.".to_owned(),
            lecture: "One.\nTwo.".to_owned(),
            solution: "So.".to_owned(),
            ..Problem::default()
        }
    }

    fn wording(format: &str, style: Style) -> Wording {
        Wording { format: Format::parse(format).unwrap(), style, suffix: None }
    }

    #[test]
    fn examples_are_the_papers() {
        let shown = |format: &str| wording(format, Style::Official).shown(&problem(), None);
        let ahead = "Question: Which is it?\nContext: Look.\nOptions: (A) a cat (B) a dog\n";
        assert_eq!(shown("QCM-ALE"), format!("{ahead}Answer: The answer is B. BECAUSE: One.\\nTwo. So."));
        assert_eq!(shown("QCM-AL"), format!("{ahead}Answer: The answer is B. BECAUSE: So."));
        assert_eq!(shown("QCM→AE"), format!("{ahead}Answer: The answer is B. BECAUSE: One.\\nTwo."));
        assert_eq!(shown("QCM-ELA"), format!("{ahead}Answer: So. One.\\nTwo. The answer is B."));
        assert_eq!(shown("QCM-LEPA"), format!("{ahead}LECTURE: One.\\nTwo.\nSOLUTION: So.\n###\nANSWER: B."));
        let bare = Problem { lecture: String::new(), solution: String::new(), hint: String::new(), ..problem() };
        let none = wording("QCM-ALE", Style::Official).shown(&bare, None);
        assert_eq!(
            none,
            "Question: Which is it?\nContext: N/A\nOptions: (A) a cat (B) a dog\nAnswer: The answer is B."
        );
        assert!(Format::parse("QCM").is_err() && Format::parse("QMC-A").unwrap_err().contains("QCLEM"));
    }

    #[test]
    fn queries_end_where_the_answer_begins() {
        let asked = |format: &str, style| wording(format, style).asked(&problem(), Some("A  picture."), None);
        let ahead = "Question: Which is it?\nContext: Look. A picture.\nOptions: (A) a cat (B) a dog";
        assert_eq!(asked("QCM-ALE", Style::Official), format!("{ahead}\nAnswer:"));
        assert_eq!(asked("QCM-LE", Style::MmCot), format!("{ahead}\nSolution:"));
        assert_eq!(asked("QCM-LEA", Style::Tuned), ahead.strip_prefix("Question: ").unwrap());
        assert!(
            asked("CQM-A", Style::Directly)
                .ends_with("(B) a dog\nAnswer with the option's letter from the given choices directly.")
        );
        let wording = wording("QCM-LE", Style::MmCot);
        let second = wording.decided(&problem(), None, &rationale(" It barks. "));
        assert!(second.ends_with("(B) a dog\nSolution: It barks.\nAnswer:"), "{second}");
        let shown = wording.shown_decided(&problem(), None);
        assert!(shown.ends_with("\nSolution: One.\\nTwo. So.\nAnswer: The answer is (B)."), "{shown}");
    }

    #[derive(serde::Deserialize)]
    struct Captioned {
        #[serde(flatten)]
        problem: Problem,
        caption: String,
    }

    #[derive(serde::Deserialize)]
    struct Golden {
        problems: std::collections::HashMap<String, Captioned>,
        formats: std::collections::BTreeMap<String, (String, String)>,
        mm_cot: std::collections::BTreeMap<String, (String, String)>,
    }

    fn hash(texts: &[String]) -> String {
        let bytes = texts.iter().flat_map(|text| text.bytes().chain([0]));
        let step = |state: u64, byte: u8| (state ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        format!("{:016x}", bytes.fold(0xcbf2_9ce4_8422_2325, step))
    }

    fn golden() -> Golden {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/parity/scienceqa.json");
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    #[test]
    fn every_format_is_the_originals_byte_for_byte() {
        let Golden { problems, formats, .. } = golden();
        assert_eq!(formats.len(), 144);
        for (name, (wanted, third)) in &formats {
            let (format, captions) = name.split_once(' ').unwrap();
            let wording = wording(format, Style::Official);
            let prompts: Vec<String> = (0..200)
                .map(|i| {
                    let of = |i: usize| &problems[&i.to_string()];
                    let said = |i: usize| (captions == "True").then(|| of(i).caption.clone());
                    let shots = (0..i % 3).map(|k| (i * 7 + k) % 200);
                    let shots = shots.map(|k| wording.shown(&of(k).problem, said(k).as_deref()));
                    let query = wording.asked(&of(i).problem, said(i).as_deref(), None);
                    shots.chain([query]).collect::<Vec<_>>().join("\n\n")
                })
                .collect();
            assert_eq!(&prompts[2], third, "{name}");
            assert_eq!(&hash(&prompts), wanted, "{name}");
        }
    }

    #[test]
    fn both_stages_are_the_originals_byte_for_byte() {
        let Golden { problems, mm_cot, .. } = golden();
        let each = |make: &dyn Fn(&Captioned) -> String| {
            hash(&(0..200).map(|i: usize| make(&problems[&i.to_string()])).collect::<Vec<_>>())
        };
        for format in ["QCM-E", "QCM-LE", "CQM-LE"] {
            let wording = wording(format, Style::MmCot);
            let prompts = each(&|one| wording.asked(&one.problem, Some(&one.caption), None));
            assert_eq!(prompts, mm_cot[&format!("{format} None")].0, "{format}");
            let targets = each(&|one| {
                let told = told(wording.format.output, Style::MmCot, &one.problem);
                let told =
                    if told.ends_with("BECAUSE:") { strip(&told.replace("BECAUSE:", "")).to_owned() } else { told };
                strip(&strip(&told.replace("  ", " ")).replace("Answer:", "")).to_owned()
            });
            assert_eq!(targets, mm_cot[&format!("{format} None")].1, "{format}");
        }
        let wording = wording("QCM-LE", Style::MmCot);
        let said = each(&|one| wording.decided(&one.problem, Some(&one.caption), "Solution: so  it is."));
        assert_eq!(said, mm_cot["QCMG-A Solution: so  it is."].0);
    }
}
