//! `ocelli pull`: a model of a hub, fetched into the cache that Hugging Face's own programs use.

use crate::failure::Failure;
use crate::hub::name::{Name, check_revision};
use crate::hub::settings::Settings;
use crate::hub::{Wanted, fetched};
use crate::output::Out;

const AFTER: &str = "\
EXAMPLES
  ocelli pull Salesforce/blip2-opt-2.7b         # what a conversion needs
  ocelli pull OWNER/NAME-GGUF:Q4_K_M            # the GGUF model of that type
  ocelli pull OWNER/NAME-GGUF/model-q8_0.gguf   # a file by its name
  ocelli pull OWNER/NAME:v1.0                   # at a branch, tag or commit
  ocelli convert Salesforce/blip2-opt-2.7b -o blip2.gguf  # fetches by itself
  ocelli chat OWNER/NAME-GGUF:Q4_K_M            # so do all that take a model

Of a checkpoint the configuration, tokenizer, processor and templates are fetched, and the weights once: safetensors, or
else PyTorch's. Without a type Q4_K_M is taken where there is one. NAME@REVISION says a revision beside a type or a file.

The path of what was fetched is printed on standard output. Length and hash of each file are compared with the hub's. A
transfer that breaks goes on where it broke, also when the same command is given later. What transformers or
huggingface_hub fetched is found, and they find what is fetched here. Other commands use what is in the cache and do not
ask the hub about it; 'pull' asks for the newest.

ENVIRONMENT
  HF_ENDPOINT              the hub; https://huggingface.co
  HF_TOKEN                 who asks, for private and gated models; else the
                           token of 'hf auth login' (HF_TOKEN_PATH)
  HF_HUB_CACHE             the cache; the folder hub of HF_HOME, which is
                           ~/.cache/huggingface
  HF_HUB_OFFLINE           1 uses the cache alone
  HF_HUB_DOWNLOAD_TIMEOUT  seconds without a byte after which a transfer is
                           broken; 10
  OCELLI_HUB_BACKOFF       seconds before the first of four retries, each of
                           which waits twice as long; 0.5
  HTTPS_PROXY, NO_PROXY    the proxy, and hosts without it
  SSL_CERT_FILE            certificates to trust instead of Mozilla's, such as
                           /etc/ssl/certs/ca-certificates.crt where a proxy
                           signs by itself";

/// Fetch a model from a Hugging Face hub
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub struct Args {
    /// OWNER/NAME, with :REVISION, :TYPE or /FILE behind it
    #[arg(value_name = "NAME")]
    name: String,
    /// A branch, a tag or a commit
    #[arg(long, value_name = "REVISION")]
    revision: Option<String>,
    /// No progress
    #[arg(short, long)]
    quiet: bool,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    let settings = Settings::from_env()?;
    let wrong = |why: String| Failure::usage("hub-name", format!("{:?} is no name of a model: {why}", args.name));
    let mut name = Name::parse_explicit(&args.name, &settings.endpoint).map_err(wrong)?;
    if let Some(revision) = &args.revision {
        check_revision(revision).map_err(|why| Failure::usage("hub-name", why))?;
        if name.revision.replace(revision.clone()).is_some_and(|other| other != *revision) {
            return Err(Failure::usage("hub-name", format!("{} and --revision name two revisions", args.name)));
        }
    }
    let path = fetched(&name, Wanted::Any, settings, args.quiet)?;
    let mut out = Out::new();
    out.line(path.display())?;
    out.flush()
}
