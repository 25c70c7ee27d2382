//! How models of LLaVA's kind were trained to be talked to, as chat templates and the texts that end an answer: the
//! conversations that LLaVA's repository has under these names, MiniGPT-4's and mPLUG-Owl's.
//!
//! The non-obvious thing: what separates turns stands behind them, so that the text ends in what an answer begins with. A
//! blank behind a colon there would be a token of its own that no training saw.

use crate::error::{ConvertError, shown};
use crate::keys::Keys;

/// Turns of a person and of the model, with what stands around them.
struct Conversation {
    name: &'static str,
    /// What is said first, and what stands around it; a conversation may say something else there.
    system: [&'static str; 3],
    person: [&'static str; 2],
    /// Before an answer, between that and an answer that was given, and behind it.
    model: [&'static str; 3],
    /// Ends an answer beside the tokens that do.
    stop: &'static [&'static str],
}

const USER: &str = "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, \
                    detailed, and polite answers to the user's questions.";
const HUMAN: &str = "A chat between a curious human and an artificial intelligence assistant. The assistant gives helpful, \
                     detailed, and polite answers to the human's questions.";
const SEES: &str = "You are a helpful language and vision assistant. You are able to understand the visual content that the \
                    user provides, and assist the user with a variety of tasks using natural language.";
const SHOWN: &str = "Give the following image: <Img>ImageContent</Img>. You will be able to see the image once I provide it to you. \
                     Please answer my questions.";
const OWL: &str = "The following is a conversation between a curious human and AI assistant. The assistant gives helpful, \
                   detailed, and polite answers to the user's questions.";

const ALL: [Conversation; 12] = [
    Conversation {
        name: "vicuna_v1",
        system: ["", USER, " "],
        person: ["USER: ", " "],
        model: ["ASSISTANT:", " ", "</s>"],
        stop: &[],
    },
    Conversation {
        name: "llava_v1",
        system: ["", HUMAN, " "],
        person: ["USER: ", " "],
        model: ["ASSISTANT:", " ", "</s>"],
        stop: &[],
    },
    Conversation {
        name: "llava_v0",
        system: ["", HUMAN, "###"],
        person: ["Human: ", "###"],
        model: ["Assistant:", " ", "###"],
        stop: &["###"],
    },
    Conversation {
        name: "llava_llama_2",
        system: ["[INST] <<SYS>>\n", SEES, "\n<</SYS>>\n\n"],
        person: ["[INST] ", " [/INST]"],
        model: ["", " ", " </s><s>"],
        stop: &[],
    },
    Conversation {
        name: "mistral_instruct",
        system: ["", "", ""],
        person: ["[INST] ", " [/INST]"],
        model: ["", " ", " </s>"],
        stop: &[],
    },
    Conversation {
        name: "chatml_direct",
        system: ["<|im_start|>system\n", "Answer the questions.", "<|im_end|>"],
        person: ["<|im_start|>user\n", "<|im_end|>"],
        model: ["<|im_start|>assistant\n", "", "<|im_end|>"],
        stop: &["<|im_end|>"],
    },
    Conversation {
        name: "mpt",
        system: [
            "<|im_start|>system\n",
            "A conversation between a user and an LLM-based AI assistant. The assistant gives helpful and honest answers.",
            "<|im_end|>",
        ],
        person: ["<|im_start|>user\n", "<|im_end|>"],
        model: ["<|im_start|>assistant\n", "", "<|im_end|>"],
        stop: &["<|im_end|>"],
    },
    Conversation {
        name: "minigpt4_vicuna",
        system: ["", SHOWN, ""],
        person: ["###Human: ", ""],
        model: ["###Assistant: ", "", ""],
        stop: &["###"],
    },
    Conversation {
        name: "minigpt4_llama2",
        system: ["", SHOWN, ""],
        person: ["<s>[INST] ", " [/INST] "],
        model: ["", "", ""],
        stop: &[],
    },
    Conversation {
        name: "minigpt4_v2",
        system: ["", "", ""],
        person: ["<s>[INST] ", " [/INST]"],
        model: ["", "", ""],
        stop: &[],
    },
    Conversation {
        name: "mplug_owl",
        system: ["", OWL, "\n"],
        person: ["Human: ", "\n"],
        model: ["AI: ", "", "\n"],
        stop: &[],
    },
    Conversation { name: "plain", system: ["", "", ""], person: ["", ""], model: ["", "", "\n"], stop: &["\n"] },
];

/// Their names.
pub(crate) fn names() -> Vec<&'static str> {
    ALL.iter().map(|conversation| conversation.name).collect()
}

/// Sets the keys of the conversation of that name, in which `image` stands for a picture before what is said of it. All these
/// repositories cut a prompt at its pictures and tokenise each piece by itself.
pub(crate) fn keys(name: &str, image: &str, keys: &mut Keys) -> Result<(), ConvertError> {
    let Some(conversation) = ALL.iter().find(|conversation| conversation.name == name) else {
        return Err(ConvertError::ConfigValue {
            file: "options".to_owned(),
            key: "conversation".to_owned(),
            got: shown(name),
            rule: format!("must be one of {}", names().join(", ")),
        });
    };
    keys.set("tokenizer.chat_template", conversation.template(image));
    keys.set("ocelli.prompt.texts_apart", true);
    if !conversation.stop.is_empty() {
        keys.set("ocelli.generation.stop_strings", conversation.stop.iter().map(|&s| s.to_owned()).collect::<Vec<_>>());
    }
    Ok(())
}

impl Conversation {
    fn template(&self, image: &str) -> String {
        let [before, system, behind] = self.system.map(quoted);
        let [person, said] = self.person.map(quoted);
        let [model, blank, answered] = self.model.map(quoted);
        let image = quoted(image);
        // In LLaMA 2's the first turn's mark stands before what is said first.
        let inside = self.system[0].starts_with(self.person[0]) && !self.person[0].is_empty();
        let person = if inside { format!("'' if loop.first else {person}") } else { person };
        format!(
            "{{{{ bos_token }}}}{{% if messages[0]['role'] == 'system' %}}{{% set told = messages[0]['content'] %}}\
             {{% set rest = messages[1:] %}}{{% else %}}{{% set told = {system} %}}{{% set rest = messages %}}{{% endif %}}\
             {{{{ {before} }}}}{{% if told is string %}}{{{{ told }}}}{{% else %}}{{% for part in told %}}{{{{ part['text'] }}}}\
             {{% endfor %}}{{% endif %}}{{{{ {behind} }}}}{{% for message in rest %}}{{% if message['role'] == 'assistant' %}}\
             {{{{ {model} + {blank} }}}}{{% else %}}{{{{ {person} }}}}{{% endif %}}\
             {{% if message['content'] is string %}}{{{{ message['content'] }}}}{{% else %}}\
             {{% for part in message['content'] %}}{{% if part['type'] == 'image' %}}{{{{ {image} }}}}{{% endif %}}{{% endfor %}}\
             {{% for part in message['content'] %}}{{% if part['type'] == 'text' %}}{{{{ part['text'] }}}}{{% endif %}}{{% endfor %}}\
             {{% endif %}}{{% if message['role'] == 'assistant' %}}{{{{ {answered} }}}}{{% else %}}{{{{ {said} }}}}{{% endif %}}\
             {{% endfor %}}{{% if add_generation_prompt %}}{{{{ {model} }}}}{{% endif %}}"
        )
    }
}

/// A text as templates write it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n"))
}
