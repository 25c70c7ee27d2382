//! `ocelli-engine`: multimodal language models from one memory-mapped GGUF file.
//!
//! ```no_run
//! use ocelli_engine::{Engine, GenerateOptions, Load, Prompt, SessionOptions, image};
//! use std::{ops::ControlFlow, path::Path, sync::Arc};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let model = Engine::new(0)?.open(Path::new("blip2.gguf"), Load::Map)?;
//! let mut session = model.session(&SessionOptions::default())?;
//! let picture = image::decode(&std::fs::read("cat.png")?, &model.image_limits())?;
//! let prompt = Prompt::new().image(Arc::new(picture)).text("Question: what is it? Answer:");
//! let answer = session.generate(&prompt, &GenerateOptions::default(), &mut |_| ControlFlow::Continue(()))?;
//! println!("{}", answer.text);
//! # Ok(())
//! # }
//! ```
//!
//! Nothing here prints, exits, installs signal handlers or keeps global state.

#[cfg(not(feature = "internals"))]
mod blocks;
#[cfg(feature = "internals")]
pub mod blocks;
mod cancel;
pub mod chat;
mod company;
mod conversation;
mod error;
mod generate;
pub mod image;
mod jinja;
#[cfg(not(feature = "internals"))]
mod kernels;
#[cfg(feature = "internals")]
pub mod kernels;
mod model;
mod models;
mod plan;
pub mod pointing;
mod prompt;
mod sampling;
mod session;
pub mod tokenizer;
#[cfg(not(feature = "internals"))]
mod weights;
#[cfg(feature = "internals")]
pub mod weights;

pub use cancel::CancelHandle;
pub use company::Passes;
pub use conversation::{Conversation, Next, Said, Used};
pub use error::{Error, ErrorKind};
pub use generate::{Finish, Generation, Score, Tokens};
pub use kernels::observe::Observer;
pub use kernels::{CacheType, CudaError, DeviceInfo, Gpu, Gpus, Isa, gpus, limits};
pub use model::{Engine, Model};
pub use models::{architectures, families};
pub use ocelli_quant::gguf::{Bytes, Gguf};
pub use plan::{Plan, SessionOptions};
pub use prompt::{Instruction, Item, Mark, Marks, Piece, Prompt, Shot, ShotFormat, Told, most_similar, prompt_ids};
pub use sampling::{Constraint, Defaults, Draws, GRAMMARS, GenerateOptions, Grammar, Sampler, Sampling, Task, Wanted};
pub use session::{Embedding, Event, Match, Session, Sink, Timings};
pub use weights::{
    Beside, Load, Progress, aligned as copied, files as model_files, find_mmproj, join_pair, limit_image_rows,
    open as open_file, open_part as open_file_part, open_with as open_file_with, parse,
};

/// What callers may rely on: a model is shared between threads, a session moves between them.
const _: () = {
    const fn shared<T: Send + Sync>() {}
    const fn moves<T: Send>() {}
    shared::<Model>();
    shared::<Engine>();
    shared::<CancelHandle>();
    moves::<Session>();
    moves::<Conversation>();
};
