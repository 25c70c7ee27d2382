//! `ocelli chat`: the bundled model with a chat template of ours.

use crate::process::{COLOUR, bundled_with, command, file, finish, ocelli, ocelli_with_input, picture};

/// Says everything that was said, the begin token behind the picture as the model wants it.
const TEMPLATE: &str = "{% for m in messages %}\
    {% if m.role == 'system' and m.content == 'refuse' %}{{ raise_exception('no such thing') }}{% endif %}\
    {{ m.content | replace('<image>', '<image>' ~ bos_token) }}{% endfor %}";

/// The bundled model with that template.
fn model() -> (tempfile::TempDir, String) {
    bundled_with(&[("tokenizer.chat_template", TEMPLATE)])
}

#[test]
fn a_conversation_goes_on_where_it_was() {
    let (_dir, model) = model();
    let (blue, red) = (picture("blue_circle.png"), picture("red_triangle.png"));
    let lines = format!("/image {blue}\n{COLOUR}\n\n {COLOUR}\n/reset\n/image {red}\r\n{COLOUR}");
    let ended = ocelli_with_input(&["chat", "-m", &model, "-n", "4"], &lines);
    let kept: Vec<usize> = ended
        .err
        .lines()
        .filter_map(|l| l.split_once("positions, ")?.1.split_once(" of them kept")?.0.parse().ok())
        .collect();
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
    chat(&[], "/frobnicate\n").failed(2, "command");
    chat(&[], "/image nowhere.png\n").failed(1, "open");
    chat(&[], "<image>what?\n").failed(2, "image-count");
    chat(&["--context", "8"], &format!("{COLOUR}{COLOUR}\n")).failed(1, "context-full");
    let (_dir, path) = file("lines.txt", b"\xff\xfe\n");
    finish(command(&["chat", "-m", &model]).stdin(std::fs::File::open(path).unwrap()), "").failed(1, "text");
    assert_eq!(chat(&[], "").ok(), "");
}

#[test]
#[cfg(unix)]
fn signals_end_it() {
    let (_dir, model) = model();
    crate::signals::ends_soon(&["chat", "-m", &model], "-INT");
}
