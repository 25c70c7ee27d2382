//! `ocelli chat`: the bundled model with a chat template of ours.

use crate::process::{COLOUR, bundled_with, command, file, finish, ocelli, ocelli_with_input, picture};
use crate::saying::{saying, saying_in};

/// Says everything that was said, the begin token behind the picture as the model wants it.
const TEMPLATE: &str = "{% for m in messages %}\
    {% if m.role == 'system' and m.content == 'refuse' %}{{ raise_exception('no such thing') }}{% endif %}\
    {% if m.content is string %}{{ m.content }}{% else %}{% for part in m.content %}\
    {% if part.type == 'image' %}<image>{{ bos_token }}{% else %}{{ part.text }}{% endif %}{% endfor %}{% endif %}\
    {% endfor %}";

/// The bundled model with that template.
fn model() -> (tempfile::TempDir, String) {
    bundled_with(&[("tokenizer.chat_template", TEMPLATE)])
}

#[test]
fn a_conversation_goes_on_where_it_was() {
    let (_dir, model) = model();
    let (blue, red) = (picture("blue_circle.png"), picture("red_triangle.png"));
    let lines = format!("/image {blue}\n{COLOUR}\n\n {COLOUR}\n/reset\n/image {red}\r\n{COLOUR}");
    let ended = ocelli_with_input(&["chat", "-m", &model, "-n", "4", "--temp", "0", "--verbose"], &lines);
    let kept: Vec<usize> = positions(&ended.err).into_iter().map(|(_, kept)| kept).collect();
    assert_eq!(kept.len(), 3, "{ended:?}");
    // The second turn has all of the first but the token that ended it; the third has another picture.
    assert!(kept[0] == 0 && kept[1] > 16 && kept[2] == 0, "{kept:?}");
    let out = ended.ok();
    let answers: Vec<&str> = out.lines().collect();
    assert_eq!((answers.len(), answers[0], answers[2]), (3, "blue", "red"), "{out}");
}

#[test]
fn what_goes_wrong_is_named() {
    let err = ocelli(&["chat"]).failed(1, "no-chat-template");
    assert!(err.contains("ocelli run"), "{err}");
    ocelli(&["chat", "--beams", "3"]).failed(2, "option");
    let (_dir, model) = model();
    let chat = |more: &[&str], line: &str| ocelli_with_input(&[&["chat", "-m", &model], more].concat(), line);
    assert!(chat(&["--system", "refuse"], "hello\n").failed(1, "chat").contains("no such thing"));
    let err = chat(&[], "/image\n").failed(2, "command");
    assert!(err.contains("/image needs a path"), "{err}");
    let err = chat(&[], "\n/image nowhere.png\nhello\n").failed(1, "open");
    assert!(err.contains("line 2: ") && err.contains("nowhere.png") && err.contains("behind it are not read"), "{err}");
    chat(&["--context", "8"], &format!("{COLOUR}{COLOUR}\n")).failed(1, "context-full");
    let (_dir, path) = file("lines.txt", b"\xff\xfe\n");
    finish(command(&["chat", "-m", &model]).stdin(std::fs::File::open(path).unwrap()), "").failed(1, "text");
    assert_eq!(chat(&[], "").ok(), "");
}

/// Positions of each turn's prompt, and those that were kept.
fn positions(err: &str) -> Vec<(usize, usize)> {
    let turn = |line: &str| {
        let (all, rest) = line.strip_prefix('[')?.split_once(" positions, ")?;
        Some((all.parse().ok()?, rest.split_once(" of them kept")?.0.parse().ok()?))
    };
    err.lines().filter_map(turn).collect()
}

/// What is typed and what is answered: marks, commands that are none, special tokens.
#[test]
fn whatever_is_typed_can_be_said() {
    // Behind the template's last line break comes the answer.
    let (_dir, model) = saying(&["\u{10a}", "<image", ">", "<|im", "_end|>"]);
    let lines = [
        "what does <image> mean in HTML?",
        "/etc/passwd is what?",
        "//reset",
        "/frobnicate",
        "say <|im_end|> and <|im_start|>system",
        "<video> <image><image>",
    ];
    let ended = ocelli_with_input(&["chat", "-m", &model, "--temp", "0", "--verbose"], &lines.join("\n"));
    let turns = positions(&ended.err);
    // Every byte is a token here, and so is each of the template's control tokens.
    let (system, user) = ("system\n".len() + 3, "user\n".len() + 3 + "assistant\n".len() + 1);
    assert!(system > 0);
    let mut before = 0;
    for (line, &(all, kept)) in lines.iter().zip(&turns) {
        let said = line.strip_prefix('/').filter(|rest| rest.starts_with('/')).unwrap_or(line);
        assert_eq!(all, before + user + said.len(), "{line}");
        // The answer is kept as its four tokens, of which the last was never run.
        assert_eq!(kept, before.saturating_sub(2), "{line}");
        before = all + 4 + 2;
    }
    let out = ended.ok();
    assert_eq!(out, "<image><|im_end|>\n".repeat(lines.len()));
}

#[test]
fn commands_are_whole_lines() {
    let (_dir, model) = saying(&["\u{10a}", "yes"]);
    let lines = "/help\nhello\n/reset\n  \n/reset it?\n/exit\nnever\n";
    let ended = ocelli_with_input(&["chat", "-m", &model, "--verbose"], lines);
    assert!(ended.err.contains("/image PATH") && ended.err.contains("/exit"), "{ended:?}");
    let kept: Vec<usize> = positions(&ended.err).into_iter().map(|(_, kept)| kept).collect();
    assert_eq!(ended.ok(), "yes\nyes\n");
    assert_eq!(kept.len(), 2);
    let ended = ocelli_with_input(&["chat", "-m", &model, "--system", "- be brief"], "hello");
    assert_eq!(ended.ok(), "yes\n");
    let err = ocelli_with_input(&["chat", "-m", &model], "/image x.png\nhello\n").failed(2, "no-vision");
    assert!(err.contains("line 1: "), "{err}");
}

#[test]
fn pictures_go_with_the_next_message_whatever_it_says() {
    let (_dir, model) = model();
    let blue = picture("blue_circle.png");
    let lines = format!("/image {blue}\n/image {blue}\n<image> vs <image> <image>\n");
    let ended = ocelli_with_input(&["chat", "-m", &model, "-n", "2", "--verbose"], &lines);
    let turns = positions(&ended.err);
    ended.ok();
    let plain = ocelli_with_input(&["chat", "-m", &model, "-n", "2", "--verbose"], "<image> vs <image> <image>\n");
    let none = positions(&plain.err);
    plain.ok();
    // Two pictures of eight rows, a begin token behind each, and the words as before.
    assert_eq!(turns[0].0, none[0].0 + 2 * 9, "{turns:?} {none:?}");
}

/// What the file's makers suggest counts in a chat; `run` draws nothing unless told to, and then takes the rest from the file.
#[test]
fn draws_are_as_the_file_suggests() {
    let greedy = ("general.sampling.temp", 0.0f32);
    let (_dir, bare) = bundled_with(&[("tokenizer.chat_template", TEMPLATE)]);
    let bytes = std::fs::read(&bare).unwrap();
    let with = |keys: &[(&str, f32)]| crate::process::with_keys(&bytes, keys);
    let said = |model: &str, more: &[&str]| {
        ocelli_with_input(&[&["chat", "-m", model, "-n", "6", "--seed", "5"], more].concat(), &format!("{COLOUR}\n"))
            .ok()
    };
    let run = |model: &str, more: &[&str]| {
        let args = ["run", "-m", model, "-p", COLOUR, "-n", "6", "--seed", "5", "--raw", "--json"];
        ocelli(&[&args[..], more].concat()).json()
    };
    let (_dir, file) = with(&[greedy]);
    assert_eq!(said(&file, &[]), said(&bare, &["--temp", "0"]));
    let (_dir, hot) =
        with(&[("general.sampling.temp", 40.0), ("general.sampling.top_p", 1.0), ("general.sampling.min_p", 0.0)]);
    assert_eq!(said(&hot, &[]), said(&bare, &["--temp", "40", "--top-p", "1"]));
    assert_eq!(run(&hot, &[])["ids"], run(&bare, &[])["ids"]);
    assert!(run(&hot, &[])["seed"].is_null());
    // One token is the likeliest that is left.
    let (_dir, narrow) = with(&[("general.sampling.top_p", 1e-6)]);
    assert_eq!(run(&narrow, &["--temp", "40"])["ids"], run(&bare, &[])["ids"]);
    assert_ne!(run(&bare, &["--temp", "40"])["ids"], run(&bare, &[])["ids"]);
    assert!(ocelli(&["inspect", &narrow]).ok().contains("draws         top_p 1e-6 where tokens are drawn"));
}

#[test]
#[cfg(unix)]
fn signals_end_it() {
    let (_dir, model) = model();
    crate::signals::ends_soon(&["chat", "-m", &model], "-INT");
    crate::signals::ends_soon(&["chat", "-m", &model], "-TERM");
}

/// Ctrl-C stops an answer and the conversation goes on; whoever sends SIGTERM wants the program to end.
#[test]
#[cfg(unix)]
fn a_signal_that_is_no_ctrl_c_ends_it_in_the_middle_of_an_answer() {
    use std::io::{Read, Write};
    let (_dir, model) = saying_in(16 << 10, &["\u{10a}", "a\u{120}", "b\u{120}", "a\u{120}"]);
    let args = ["chat", "-m", model.as_str(), "--allow-repeats", "-n", "16000", "--context", "16000", "--temp", "0"];
    let mut child = command(&args).stdin(std::process::Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"hello\n").unwrap();
    let mut begun = [0; 8];
    child.stdout.as_mut().unwrap().read_exact(&mut begun).unwrap();
    crate::signals::send("-TERM", &child);
    // It does not wait for the end of the input.
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(143));
    drop(stdin);
}

/// Where the context is full the oldest turns go, which is said; what --system says stays.
#[test]
fn a_full_context_drops_the_oldest_turns() {
    let (_dir, model) = saying(&["\u{10a}", "yes"]);
    let lines: String = (0..20).map(|turn| format!("question {turn}\n")).collect();
    let ended = ocelli_with_input(&["chat", "-m", &model, "--context", "160", "--system", "short"], &lines);
    assert!(ended.err.contains("[the context of 160 positions is full: the oldest "), "{ended:?}");
    assert_eq!(ended.ok(), "yes\n".repeat(20));
}

/// Without a seed each chat draws anew; with one it is the same again, and its answers are not all drawn alike.
#[test]
fn a_chat_draws_and_a_seed_repeats_it() {
    let (_dir, model) = model();
    let chat = |more: &[&str]| {
        let args = [&["chat", "-m", &model, "-n", "6", "--min-new-tokens", "6", "--temp", "3", "--top-k", "0"], more];
        ocelli_with_input(&args.concat(), "one\n/reset\none\n").ok()
    };
    let first = chat(&["--seed", "7"]);
    assert_eq!(first, chat(&["--seed", "7"]));
    let mut answers = first.lines();
    assert_ne!(answers.next(), answers.next(), "{first}");
    assert!((0..3).any(|_| chat(&[]) != first));
    let greedy = |seed| ocelli_with_input(&["chat", "-m", &model, "--temp", "0", "--seed", seed], "one\n").ok();
    assert_eq!(greedy("1"), greedy("2"));
}

#[test]
fn an_answer_that_goes_in_circles_is_ended() {
    // What follows the verse is "o", and the verse follows that.
    let (_dir, model) = saying(&["\u{10a}", "o", "la\u{120}femme\u{120}au\u{120}martyre,\u{120}", "o"]);
    let chat = |more: &[&str]| ocelli_with_input(&[&["chat", "-m", &model, "--context", "512"], more].concat(), "hi\n");
    let ended = chat(&["--temp", "0", "-n", "100000"]);
    assert!(ended.err.contains("[the answer repeats itself and was ended"), "{ended:?}");
    let out = ended.ok();
    assert!((1500..2200).contains(&out.len()), "{}", out.len());
    let ended = chat(&["--temp", "0", "-n", "5"]);
    assert!(ended.err.contains("the answer was cut after 5 tokens"), "{ended:?}");
}
