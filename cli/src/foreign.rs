//! Flags and commands of llama.cpp, ollama and transformers that have another name here or do not exist, and what to do
//! instead. What has the same meaning is an alias ([`crate::vocabulary`]) and not listed.

use clap::Command;

/// A tip; where it depends on what this program has, the command or flag that decides, and the tip without it.
enum Tip {
    Always(&'static str),
    Having(&'static str, &'static str, &'static str),
}

use Tip::{Always, Having};

const FLAGS: [(&[&str], Tip); 32] = [
    (
        &["-mm", "--mmproj-url", "-mmu", "--mmproj-auto", "--no-mmproj", "--no-mmproj-offload"],
        Always("--mmproj takes the file, or 'none'; the one that lies beside its model is found without it"),
    ),
    (
        &["-hf", "-hfr", "--hf-repo", "-hff", "--hf-file", "-mu", "--model-url", "-hft", "--hf-token", "--model-id"],
        Having(
            "pull",
            "-m takes the hub's name, too: 'ocelli pull --help' explains",
            "-m takes a file: download it first",
        ),
    ),
    (
        &["-v", "--verbose", "-lv", "--log-verbose", "--verbosity", "--log-verbosity", "--perf", "--show-timings"],
        Always("notes and timings go to standard error anyway; -q leaves them out"),
    ),
    (
        &["--log-disable", "--no-display-prompt", "--no-perf", "--no-show-timings", "--simple-io", "--nowordwrap"],
        Always("-q prints nothing but the answer, and the prompt is never printed"),
    ),
    (
        &["-b", "--batch-size", "-ub", "--ubatch-size", "-np", "--parallel", "-cb", "--cont-batching"],
        Always("how many tokens run together is not set by hand"),
    ),
    (
        &["-fa", "--flash-attn", "--mlock", "--numa", "--prio", "--poll", "--no-repack", "--swa-full", "--no-warmup"],
        Always("there is no such switch: the program chooses"),
    ),
    (
        &["-tb", "--threads-batch", "-C", "--cpu-mask", "--cpu-range", "--num-threads"],
        Always("-t sets the threads of everything"),
    ),
    (
        &["-ctk", "--cache-type-k", "-ctv", "--cache-type-v", "--cache-type"],
        Always("--kv TYPE is the format of keys and values alike"),
    ),
    (
        &[
            "-ngl",
            "-dev",
            "--device",
            "-sm",
            "--split-mode",
            "-ts",
            "--tensor-split",
            "-mg",
            "--main-gpu",
            "-ot",
            "--override-tensor",
            "-nkvo",
            "--no-kv-offload",
            "--no-op-offload",
            "--cpu-moe",
            "--n-cpu-moe",
            "--device-map",
            "--gpu",
            "--gpu-layers",
            "--n-gpu-layers",
        ],
        Always("this build computes on the processor: there is nothing to place"),
    ),
    (
        &["--lora", "--lora-scaled", "--lora-base", "--control-vector", "--adapter-path"],
        Always("adapters are not applied here: merge them into the checkpoint before 'ocelli convert'"),
    ),
    (&["--grammar-file"], Always("--grammar of 'ocelli run' takes a file, too")),
    (&["-j", "-jf", "--json-schema-file"], Always("--json-schema of 'ocelli run' takes a file, too")),
    (&["--format"], Always("--json prints a result as JSON; --json-schema holds the answer to a schema")),
    (
        &["-r", "--reverse-prompt", "--stop", "--stop-sequence", "--stop-strings"],
        Having("--stop", "--stop TEXT ends an answer at a text", "there are no stop strings"),
    ),
    (
        &["-e", "--escape", "--no-escape"],
        Always("a text is taken as it is; -p - reads one with line breaks from standard input"),
    ),
    (
        &[
            "-cnv",
            "--conversation",
            "-if",
            "--interactive",
            "--interactive-first",
            "-ins",
            "--instruct",
            "-mli",
            "--multiline-input",
            "--chat",
        ],
        Always("'ocelli chat' holds a conversation"),
    ),
    (&["-no-cnv", "--no-conversation", "-st", "--single-turn"], Always("'ocelli run' answers once")),
    (
        &[
            "--jinja",
            "--no-jinja",
            "--chat-template",
            "--chat-template-file",
            "--chat-template-kwargs",
            "--reasoning-format",
        ],
        Always("the chat template is that of the model's file"),
    ),
    (
        &["-sys", "--system", "--system-prompt", "-sysf", "--system-prompt-file"],
        Always("--system TEXT of 'ocelli chat' is what the model is told first"),
    ),
    (&["--ignore-eos"], Always("--min-new-tokens N of 'ocelli run' keeps an answer from ending")),
    (
        &[
            "--keep",
            "--prompt-cache",
            "--prompt-cache-all",
            "--prompt-cache-ro",
            "--context-shift",
            "--no-context-shift",
            "--slot-save-path",
        ],
        Always("nothing is kept between runs; 'ocelli chat' reads only what is new of each turn"),
    ),
    (
        &[
            "--presence-penalty",
            "--frequency-penalty",
            "--repeat-last-n",
            "--mirostat",
            "--mirostat-lr",
            "--mirostat-ent",
            "--dry-multiplier",
            "--dry-base",
            "--dry-allowed-length",
            "--dry-penalty-last-n",
            "--xtc-probability",
            "--xtc-threshold",
            "--typical",
            "--typical-p",
            "--tfs",
            "--dynatemp-range",
            "--dynatemp-exp",
            "--top-nsigma",
            "--top-n-sigma",
            "--samplers",
            "--sampler-seq",
            "--sampling-seq",
            "--num-beam-groups",
        ],
        Always("'ocelli run' has --temp, --top-k, --top-p, --min-p, --repetition-penalty and --no-repeat-ngram"),
    ),
    (&["--do-sample"], Always("--temp above 0 draws, --temp 0 takes the likeliest token")),
    (&["--max-length"], Always("-n counts new tokens, without the prompt's")),
    (&["--num-return-sequences"], Always("a run gives one answer; another --seed gives another")),
    (
        &[
            "--rope-scaling",
            "--rope-scale",
            "--rope-freq-base",
            "--rope-freq-scale",
            "--yarn-orig-ctx",
            "--yarn-ext-factor",
            "--yarn-attn-factor",
            "--yarn-beta-slow",
            "--yarn-beta-fast",
            "--override-kv",
            "-gan",
            "--grp-attn-n",
        ],
        Always("this is read from the model's file"),
    ),
    (
        &["-md", "--model-draft", "--draft", "--draft-max", "--draft-min", "-ngld", "--spec-type"],
        Always("there is no speculative decoding"),
    ),
    (
        &["--torch-dtype", "--dtype", "--load-in-4bit", "--load-in-8bit"],
        Always("the type is chosen by --type of 'ocelli convert' or 'ocelli quantize'"),
    ),
    (
        &["--keepalive", "--insecure", "--host", "--port", "--api-key"],
        Always("there is no server: the program runs the model itself"),
    ),
    (
        &["--allow-requantize", "--dry-run", "--keep-split"],
        Always("no such switch: a model that was quantised before is taken, with a note, and one file is written"),
    ),
    (&["--leave-output-tensor"], Always("--output-tensor-type f16 of 'ocelli quantize' keeps the output head")),
    (
        &["--split-max-size", "--split-max-tensors", "--no-tensor-first-split"],
        Always("one file is written, however large"),
    ),
];

const COMMANDS: [(&[&str], Tip); 13] = [
    (
        &["serve", "server", "start"],
        Always("there is no server; 'ocelli chat' talks at a terminal, and programs use the C interface"),
    ),
    (
        &["list", "ls", "ps"],
        Having("models", "'ocelli models' lists what is there", "models are files: 'ocelli inspect FILE' shows one"),
    ),
    (&["rm", "remove", "delete", "prune"], Always("models are files: delete the file")),
    (&["show", "info", "describe"], Always("'ocelli inspect FILE' shows what a model holds")),
    (
        &["pull", "download", "fetch", "get"],
        Having("pull", "'ocelli pull' fetches a model", "download the model's file or directory and give its path"),
    ),
    (
        &["push", "cp", "create", "login", "signin", "stop", "import", "export"],
        Always("models are files: 'ocelli convert' makes one of a checkpoint"),
    ),
    (
        &["cli", "main", "generate", "complete", "completion", "caption", "vqa", "ask", "answer", "predict", "simple"],
        Always("'ocelli run' answers a prompt of pictures and text"),
    ),
    (&["llava", "mtmd", "mtmd-cli", "vision", "image"], Always("'ocelli run --image FILE' takes pictures")),
    (
        &["perplexity", "ppl", "eval", "evaluate", "logprobs", "match"],
        Always("'ocelli score' gives the likelihood of texts"),
    ),
    (&["embed", "embedding", "embeddings"], Always("the Rust and C interfaces give embeddings")),
    (&["batched-bench", "benchmark", "perf", "speed"], Always("'ocelli bench' measures speed and memory")),
    (&["detokenize", "decode"], Always("'ocelli tokenize --decode ID …' gives the text of tokens")),
    (&["version"], Always("'ocelli --version' prints it")),
];

/// The tip for a flag, of a program with these commands.
pub fn flag(name: &str, commands: &Command) -> Option<&'static str> {
    find(&FLAGS, name, commands)
}

/// The tip for a command, of a program with these.
pub fn command(name: &str, commands: &Command) -> Option<&'static str> {
    find(&COMMANDS, name, commands)
}

fn find(table: &'static [(&[&str], Tip)], name: &str, commands: &Command) -> Option<&'static str> {
    let (_, tip) = table.iter().find(|(names, _)| names.contains(&name))?;
    Some(match tip {
        Always(tip) => tip,
        Having(what, with, without) => {
            if has(commands, what) {
                with
            } else {
                without
            }
        }
    })
}

/// Whether there is a command of this name, or a flag in any of them.
fn has(commands: &Command, what: &str) -> bool {
    match what.strip_prefix("--") {
        Some(flag) => commands.get_subcommands().any(|c| c.get_arguments().any(|arg| arg.get_long() == Some(flag))),
        None => commands.find_subcommand(what).is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cli;
    use clap::CommandFactory;

    fn tips() -> impl Iterator<Item = (&'static [&'static str], &'static str)> {
        FLAGS.iter().chain(&COMMANDS).flat_map(|(names, tip)| {
            let commands = Cli::command();
            let tip = match tip {
                Always(tip) => tip,
                Having(what, with, without) => {
                    if has(&commands, what) {
                        with
                    } else {
                        without
                    }
                }
            };
            [(*names, *tip)]
        })
    }

    /// What a tip sends people to is there.
    #[test]
    fn tips_name_what_there_is() {
        let commands = Cli::command();
        for (_, tip) in tips() {
            for quoted in tip.split("'ocelli ").skip(1) {
                let name = quoted.split([' ', '\'']).next().unwrap_or_default();
                assert!(name == "--version" || commands.find_subcommand(name).is_some(), "{tip}");
            }
            let flags = tip.split(|c: char| c.is_whitespace() || ",;:'".contains(c)).filter(|w| w.starts_with("--"));
            for flag in flags {
                assert!(["--help", "--version"].contains(&flag) || has(&commands, flag), "{flag} in: {tip}");
            }
        }
    }

    /// No name is listed twice, and none is one that a command has.
    #[test]
    fn names_are_foreign() {
        let mut seen = std::collections::BTreeSet::new();
        for (names, tip) in tips() {
            for name in names {
                assert!(seen.insert(*name), "{name} is listed twice: {tip}");
            }
        }
    }
}
