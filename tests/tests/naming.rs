//! The tiny Flamingo of `tests/zoo` learns names from its prompt, and answers as its original does in PyTorch.

#![allow(clippy::unwrap_used)]

use ocelli_engine::{Engine, SessionOptions, ShotFormat};
use ocelli_tests::naming_game::{Answer, Game, folder};
use std::sync::Arc;

static FLAMINGO: &[u8] = include_bytes!("../zoo/tiny-flamingo.gguf");

/// Episodes of each number of demonstrations.
const PLAYED: usize = 60;

/// Most of them in which eight-bit weights may choose otherwise than PyTorch in float32, and in which they may say something else.
const OTHERWISE: (usize, usize) = (1, 3);

#[test]
fn names_taught_in_the_prompt_are_given_as_pytorch_gives_them() {
    let game = Game::load(&folder()).unwrap();
    let answers = std::fs::read(folder().join("episodes_torch.json")).unwrap();
    let answers: Vec<Answer> = serde_json::from_slice(&answers).unwrap();
    assert_eq!(answers.len(), game.episodes.len());
    let model = Engine::new(2).unwrap().open_bytes(Arc::new(FLAMINGO)).unwrap();
    let format = ShotFormat::from_gguf(model.file()).unwrap();
    let options = SessionOptions { images: game.pictures(), ..SessionOptions::default() };
    let mut session = model.session(&options).unwrap();
    for shots in [1, 3] {
        let (mut played, mut right, mut chosen, mut said) = (0, 0, 0, 0);
        for (episode, torch) in
            game.episodes.iter().zip(&answers).filter(|(e, _)| e.kind == "apart" && e.shots() == shots).take(PLAYED)
        {
            let answer = game.play(episode, &mut session, &format).unwrap();
            played += 1;
            right += usize::from(answer.0 == episode.answer);
            chosen += usize::from(answer.0 != torch.0);
            said += usize::from(answer.1 != torch.1);
        }
        assert_eq!(played, PLAYED, "episodes with {shots} pictures of each class");
        assert!(10 * right >= 9 * played, "{right} of {played} right, {shots} pictures of each class");
        assert!(
            chosen <= OTHERWISE.0 && said <= OTHERWISE.1,
            "{chosen} chosen and {said} said otherwise than in PyTorch"
        );
    }
}
